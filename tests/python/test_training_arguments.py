"""The keyword arguments of ``rnngen.train``, as an editor, a type checker and ``help`` see them."""

from __future__ import annotations

import inspect
import os
import pydoc
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import rnngen
from rnngen.options.config import TRAINING

OWN = ["corpus", "out", "init_from", "progress", "on_event"]

SNIPPET = """
import rnngen
from pathlib import Path

run = rnngen.train(["a.txt", Path("b.txt")], minutes=3, cell="gru", dropout=0.1, valid=["v.txt"], out=Path("run"))
reveal_type(run)
reveal_type(rnngen.resume(run, steps=3))
rnngen.train("a.txt", hidden_sise=3)
rnngen.train("a.txt", cell="lst")
rnngen.train("a.txt", steps="3")
rnngen.train("a.txt", progress="bars")
rnngen.train()
"""


def test_training_has_every_option_as_a_keyword_argument() -> None:
    parameters = inspect.signature(rnngen.train).parameters
    assert sorted(parameters) == sorted({*OWN, *TRAINING})
    assert {name for name, each in parameters.items() if each.kind is not inspect.Parameter.KEYWORD_ONLY} == {"corpus"}
    assert parameters["corpus"].default is inspect.Parameter.empty
    for name, option in TRAINING.items():
        assert name == "corpus" or parameters[name].default == option.default


def test_help_shows_every_option_with_its_type_and_what_it_does() -> None:
    text = pydoc.plain(pydoc.render_doc(rnngen.train))
    assert "Train a model on a text and return its run." in text
    for name, option in TRAINING.items():
        if name != "corpus":
            assert f"    {name}: {option.option.help}" in text
    assert "cell: Literal['lstm', 'gru', 'rnn'] = 'lstm'" in text


CONFIG = """
[mypy]
follow_imports = silent
[mypy-torch.*,numpy.*,safetensors.*,tokenizers.*]
follow_imports = skip
"""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed")
def test_a_type_checker_knows_the_options_of_training(tmp_path: Path) -> None:
    (tmp_path / "snippet.py").write_text(SNIPPET)
    (tmp_path / "mypy.ini").write_text(CONFIG)
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "snippet.py"]
    environment = {**os.environ, "MYPYPATH": str(Path(rnngen.__file__).parent.parent)}
    checked = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    said = [line.split(":", 2)[1:] for line in checked.stdout.splitlines() if " defined in " not in line][:-1]
    assert [number for number, _ in said] == ["6", "7", "8", "9", "10", "11", "12"], checked.stdout
    expected = [
        '.Run"',
        '.Run"',
        '"hidden_sise"',
        "expected \"Literal['lstm', ",
        'expected "int"',
        "expected \"Literal['auto', 'bar', 'none']\"",
        "Missing positional",
    ]
    for (_, message), part in zip(said, expected, strict=True):
        assert part in message


def test_seeds_are_told_to_be_given_one_by_one(corpus: Path) -> None:
    with pytest.raises(rnngen.RnngenError, match=r"`seeds` is an option of the command line.*each `seed` in a loop"):
        rnngen.train(corpus, seeds=[1, 2])  # type: ignore[call-arg]
