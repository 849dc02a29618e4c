from __future__ import annotations

from pathlib import Path

import pytest

from rnngen.runs.layout import new_run_folder


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("text", "text-1"),
        ("my text.txt", "my-text.txt-1"),
        ("../../etc", "etc-1"),
        ("", "run-1"),
        ("..", "run-1"),
        ("a/b", "a-b-1"),
    ],
)
def test_a_new_run_has_a_free_name_in_its_folder(tmp_path: Path, stem: str, expected: str) -> None:
    first = new_run_folder(tmp_path, stem)
    assert first == tmp_path / expected
    assert first.is_dir()
    assert new_run_folder(tmp_path, stem) == tmp_path / f"{expected[:-1]}2"
