"""The table of faults and the tests agree."""

from __future__ import annotations

import ast
import re
from pathlib import Path

FOLDER = Path(__file__).parent
TABLE = FOLDER.parents[1] / "docs/faults.md"


def marked_rows() -> set[int]:
    """The rows that tests in this folder name, as ``pytest.mark.fault(N, …)``."""
    calls = (
        node for file in FOLDER.glob("test_*.py") for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    )
    return {
        argument.value
        for call in calls
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.fault"
        for argument in call.args
        if isinstance(argument, ast.Constant)
    }


def test_every_row_of_the_table_of_faults_has_a_test() -> None:
    rows = {int(number) for number in re.findall(r"^\| (\d+) \|", TABLE.read_text(encoding="utf-8"), re.MULTILINE)}
    assert rows == marked_rows()
