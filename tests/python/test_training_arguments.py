"""The keyword arguments of ``rnngen.train``, as an editor, a type checker and ``help`` see them."""

from __future__ import annotations

import inspect
import os
import pydoc
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import rnngen
from rnngen.options.config import TRAINING
from rnngen.sampling.generator import Generator
from tests.conftest import FAST

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
rnngen.train("a.txt", hidden_size=None, valid=Path("v.txt"))
reveal_type(rnngen.list_runs()[0].score)
"""


def test_training_has_every_option_as_a_keyword_argument() -> None:
    parameters = inspect.signature(rnngen.train).parameters
    assert sorted(parameters) == sorted({*OWN, *TRAINING})
    assert {name for name, each in parameters.items() if each.kind is not inspect.Parameter.KEYWORD_ONLY} == {"corpus"}
    assert parameters["corpus"].default is inspect.Parameter.empty
    for name, option in TRAINING.items():
        decided = option.option.default_text is not None and name != "split"
        assert name == "corpus" or parameters[name].default == (None if decided else option.default)


def test_help_shows_every_option_with_its_type_and_what_it_does() -> None:
    text = pydoc.plain(pydoc.render_doc(rnngen.train))
    assert "Train a model on a text and return its run." in text
    for name, option in TRAINING.items():
        if name != "corpus":
            assert f"    {name}: {option.option.help}" in text
    assert "cell: Literal['lstm', 'gru', 'rnn'] = 'lstm'" in text
    assert "hidden_size: int | None = None" in text
    assert "    hidden_size: Units per layer, instead of `size`. Default: by measurement." in text


def test_an_option_that_is_none_is_decided(corpus: Path) -> None:
    left_out = rnngen.train(corpus, steps=2, progress="none", **FAST)
    none = rnngen.train(corpus, steps=2, progress="none", min_count=None, weight_decay=None, dropout=None, **FAST)
    assert [none.config[part] for part in ("model", "data", "optimizer")] == [
        left_out.config[part] for part in ("model", "data", "optimizer")
    ]


def test_one_text_is_a_list_of_one(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "held-out.txt").write_text(corpus.read_text()[:2000])
    runs = [
        rnngen.train(corpus, valid=valid, steps=2, save_every=2, progress="none", **FAST)
        for valid in (tmp_path / "held-out.txt", str(tmp_path / "held-out.txt"), [tmp_path / "held-out.txt"])
    ]
    assert len({str(run.config["data"]["valid"]) for run in runs}) == 1
    assert rnngen.compare(*runs).differences == []


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
    assert [number for number, _ in said] == ["6", "7", "8", "9", "10", "11", "12", "14"], checked.stdout
    expected = [
        '.Run"',
        '.Run"',
        '"hidden_sise"',
        "expected \"Literal['lstm', ",
        'expected "int | None"',
        "expected \"Literal['auto', 'bar', 'none']\"",
        "Missing positional",
        '"float | None"',
    ]
    for (_, message), part in zip(said, expected, strict=True):
        assert part in message


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: rnngen.train("t.txt", lr=1), "unknown option 'lr'. Did you mean `learning_rate`?"),
        (lambda: rnngen.train("t.txt", n_epochs=1), "Did you mean `epochs`?"),
        (lambda: rnngen.train("t.txt", callbacks=[]), "Did you mean `on_event`?"),
        (lambda: rnngen.train("t.txt", verbose=0), "Did you mean `progress`?"),
        (lambda: rnngen.train("t.txt", nothing_like_it=0), "See help(rnngen.train)."),
        (lambda: rnngen.train(data="t.txt"), "rnngen.train() has no argument 'data'. Did you mean `corpus`?"),
        (lambda: rnngen.train(), "rnngen.train() needs `corpus`; expected a path or a list of paths"),
        (lambda: rnngen.train("a", "b"), "rnngen.train() has too many arguments; expected at most 1 without a name"),
        (lambda: rnngen.train("a", corpus="b"), "rnngen.train() is given `corpus` twice"),
        (lambda: rnngen.resume("run", max_steps=2), "rnngen.resume() has no argument 'max_steps'. Did you mean `st"),
        (
            lambda: rnngen.score(run="run"),
            "rnngen.score() needs `text`; expected text. Its arguments: text, run, device.",
        ),
        (lambda: rnngen.score("a", gpu=True), 'Did you mean `device="cuda"`?'),
        (lambda: rnngen.score("a", batch_size=2), "has no argument 'batch_size'. Its arguments: text, run, dev"),
        (lambda: rnngen.next_tokens("a", top_k=2), "Did you mean `k`?"),
        (lambda: rnngen.load(model="run"), "rnngen.load() has no argument 'model'. Did you mean `run`?"),
        (lambda: rnngen.gradients("run", lag=2), "Did you mean `lags`?"),
        (lambda: rnngen.report("run", output="x"), "Did you mean `out`?"),
    ],
)  # type: ignore[call-arg, arg-type, misc]
def test_names_of_other_libraries_and_wrong_calls_are_told_what_to_write(call: Any, said: str) -> None:
    with pytest.raises(rnngen.RnngenError) as caught:
        call()
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("max_new_tokens", "Did you mean `length`?"),
        ("temp", "Did you mean `temperature`?"),
        ("stop_sequences", "Did you mean `stop`?"),
        ("num_return_sequences", "Several texts are written by `rnngen.load(run).generate_batch([prompt] * 3)`."),
        ("do_sample", "Tokens are drawn unless `temperature=0`."),
    ],
)
def test_writing_knows_the_names_of_other_libraries(trained: Path, name: str, said: str) -> None:
    options: dict[str, Any] = {name: 1}
    with pytest.raises(rnngen.RnngenError, match=re.escape(said)):
        rnngen.generate("a", run=trained, **options)


def test_a_call_that_fits_no_signature_is_a_type_error_too() -> None:
    with pytest.raises(TypeError, match=r"Generator\.generate\(\) has too many arguments; expected at most 1 without"):
        Generator.generate(None, "a", "b")  # type: ignore[arg-type, call-arg]


def test_seeds_are_told_to_be_given_one_by_one(corpus: Path) -> None:
    with pytest.raises(rnngen.RnngenError, match=r"`seeds` is an option of the command line.*each `seed` in a loop"):
        rnngen.train(corpus, seeds=[1, 2])  # type: ignore[call-arg]
