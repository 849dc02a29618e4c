"""What the benchmarks import from the package is there: they are run whole only in CI, and by hand."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_every_name_that_a_benchmark_imports_exists(script: Path) -> None:
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rnngen"):
            module = importlib.import_module(node.module or "")
            names = [each.name for each in node.names if not hasattr(module, each.name)]
            missing = [name for name in names if importlib.util.find_spec(f"{node.module}.{name}") is None]
            assert not missing, node.module
