"""Every argument of the Python functions, given values of every wrong kind: the right answer, or an ``RnngenError``."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnngen
from rnngen.infilling.options import BestFills, DrawnFills
from rnngen.options.config import TRAINING
from rnngen.options.declare import declared
from rnngen.sampling.options import Sampling
from tests.conftest import FAST, make_text

pytestmark = pytest.mark.fault(30)

WRONG: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "nothing": lambda: "",
    "text": lambda: "x",
    "empty list": list,
    "empty dict": dict,
    "object": object,
    "type": lambda: int,
    "True": lambda: True,
    "-1": lambda: -1,
    "0": lambda: 0,
    "2^63": lambda: 2**63,
    "10^400": lambda: 10**400,
    "1e308": lambda: 1e308,
    "nan": lambda: math.nan,
    "inf": lambda: math.inf,
    "1j": lambda: 1j,
    "bytes": lambda: b"bytes",
    "byte that is not UTF-8": lambda: "\udc80",
    "lone surrogate": lambda: "\ud800",
    "NUL": lambda: "a\0b",
    "long name": lambda: "n" * 300,
    "deep name": lambda: "x/" * 3000,
    "path": lambda: Path("x"),
    "path with NUL": lambda: Path("a\0b"),
    "nested lists": lambda: [[["x"]]],
    "list of wrong types": lambda: [5, None],
    "list of names": lambda: ["a\0b", "n" * 300],
    "generator": lambda: (each for each in ("x", 5)),
    "set": lambda: {1},
    "NumPy number": lambda: np.int64(3),
    "NumPy array": lambda: np.zeros(3),
}


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Callable[..., Any]]:
    """The functions by name, with arguments that keep them short: what is accepted ends before torch trains."""
    folder = tmp_path_factory.mktemp("arguments")
    (folder / "corpus.txt").write_text(make_text(20_000), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNNGEN_CACHE", str(folder / "cache"))
        for name, more in (("run", {}), ("both", {"bidirectional": True})):
            rnngen.train(folder / "corpus.txt", out=folder / name, steps=2, **FAST, **more)
    shutil.rmtree(folder / "cache")
    (folder / "corpus.txt").unlink()  # so that nothing is scored
    run, both = folder / "run", folder / "both"
    generator, filler = rnngen.load(run), rnngen.load_filler(both)
    text, gapped, short = {"prompt": "the "}, {"text": "the ___ cat", "longest": 2, "beam": 2}, {"length": 2}
    return {
        "train": lambda **given: rnngen.train(**{"corpus": "nowhere.txt", **given}),
        "resume": lambda **given: rnngen.resume(**{"run": "nowhere", **given}),
        "load": lambda **given: rnngen.load(**{"run": run, **given}),
        "load_filler": lambda **given: rnngen.load_filler(**given),
        "generate": lambda **given: rnngen.generate(**{"run": run, **short, **given}),
        "evaluate": lambda **given: rnngen.evaluate(**{"run": run, **given}),
        "score": lambda **given: rnngen.score(**{"run": run, "text": "the cat", **given}),
        "pairs": lambda **given: rnngen.pairs(**{"run": run, "pairs": [("a", "b")], **given}),
        "next_tokens": lambda **given: rnngen.next_tokens(**{"run": generator, "prompt": "the ", **given}),
        "inspect": lambda **given: rnngen.inspect(**{"run": run, **given}),
        "gradients": lambda run=run, **given: rnngen.gradients(run, **{"text": "nowhere.txt", **given}),
        "compare": lambda run=run, **given: rnngen.compare(run, both, **given),
        "report": lambda run=run, **given: rnngen.report(run, **{"text": "nowhere.txt", **given}),
        "Generator.generate": lambda **given: _begin(generator.generate(**{**text, **short, **given})),
        "Generator.pieces": lambda **given: _begin(generator.pieces(**{**text, **short, **given})),
        "Generator.samples": lambda **given: _begin(generator.samples(**{"prompts": ["a"], **short, **given})),
        "Generator.generate_batch": lambda **given: generator.generate_batch(**{"prompts": ["a"], **short, **given}),
        "Filler.best": lambda **given: filler.best(**{**gapped, **given}),
        "Filler.draw": lambda **given: filler.draw(**{"text": "the [2] cat", "gibbs": 1, **given}),
    }


def _begin(pieces: Iterator[Any]) -> None:
    list(islice(pieces, 3))


WRITING = ["prompt", "seed", *declared(Sampling)]
ARGUMENTS = {
    "train": ["corpus", "out", "init_from", "progress", "on_event", *(name for name in TRAINING if name != "corpus")],
    "resume": ["run", "corpus", "minutes", "epochs", "steps", "device", "allow_changed_corpus", "progress", "on_event"],
    "load": ["run", "ngram"],  # a device is evaluate's
    "load_filler": ["run"],
    "generate": ["prompt", "run", "ngram", "seed"],
    "evaluate": ["run", "text", "part", "errors", "device", "ngram"],
    "score": ["run", "text"],
    "pairs": ["run", "pairs"],
    "next_tokens": ["run", "prompt", "k", "label"],
    "inspect": ["run"],
    "gradients": ["run", "text", "lags", "fresh"],
    "compare": ["run"],
    "report": ["run", "out"],
    "Generator.generate": WRITING,
    "Generator.pieces": ["prompt", "seed"],
    "Generator.samples": ["prompts", "seed", "keep_pieces", "on_step", "on_read"],
    "Generator.generate_batch": ["prompts", "seed"],
    "Filler.best": ["text", *declared(BestFills)],
    "Filler.draw": ["text", "on_sweep", *declared(DrawnFills)],
}


@pytest.mark.parametrize("function", ARGUMENTS)
def test_a_wrong_argument_is_a_clear_error_or_no_mistake(
    calls: dict[str, Callable[..., Any]], function: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for argument in ARGUMENTS[function]:
        for kind, make in WRONG.items():
            try:
                calls[function](**{argument: make()})
            except rnngen.RnngenError as error:
                assert "\n" not in str(error), (argument, kind)
                assert len(str(error)) < 3000, (argument, kind)
            except Exception as error:
                pytest.fail(f"{function}({argument}=<{kind}>) raised {error!r}")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: rnngen.train(5), "`corpus`; expected a path or a list of paths; found 5"),  # type: ignore[arg-type]
        (lambda: rnngen.train(""), "`corpus`; expected a path; found an empty name: ''"),
        (lambda: rnngen.train("a", on_event="x"), "`on_event`; expected a function; found 'x'"),  # type: ignore[arg-type]
        (lambda: rnngen.load(b"run"), "`run`; expected a path or a Run; found b'run'"),  # type: ignore[arg-type]
        (lambda: rnngen.load("n" * 300), "`run`; expected a path; found a name that is too long: 'nnn"),
        (lambda: rnngen.load(ngram="yes"), "`ngram`; expected True or False; found 'yes'"),  # type: ignore[arg-type]
        (lambda: rnngen.evaluate(part=[]), "`part`; expected 'train', 'valid', 'test' or 'all'; found []"),  # type: ignore[arg-type]
        (lambda: rnngen.evaluate(errors="no"), "`errors`; expected 'strict', 'replace' or 'skip'; found 'no'"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_argument_is_named_with_what_is_expected(call: Callable[[], object], said: str) -> None:
    with pytest.raises(rnngen.RnngenError) as caught:
        call()
    assert str(caught.value).startswith(f"invalid value for {said}")
    assert caught.value.exit_code == 2


def test_any_iterable_is_a_list_of_texts_and_paths(calls: dict[str, Callable[..., Any]]) -> None:
    one, other = calls["Generator.generate_batch"](prompts=(text for text in ("the ", "a ")), seed=1)
    assert [one, other] == calls["Generator.generate_batch"](prompts=["the ", "a "], seed=np.int64(1))
    Path("a.txt").write_text("a\n")
    with pytest.raises(rnngen.RnngenError, match=r"b\.txt: no such file"):
        rnngen.train(path for path in (Path("a.txt"), Path("b.txt")))  # type: ignore[arg-type]


def test_an_option_of_the_command_line_is_told_what_python_has_instead() -> None:
    said = {
        "quiet": '`progress="none"` shows nothing',
        "config": "rnngen.train(corpus, **tomllib.load(",
        "json": "rnngen.inspect(run).as_dict()",
        "resume": "rnngen.resume(run) resumes a run",
        "allow_changed_corpus": "it is an argument of rnngen.resume",
    }
    for name, instead in said.items():
        options: dict[str, Any] = {name: True}
        with pytest.raises(rnngen.RnngenError) as caught:
            rnngen.train("a.txt", **options)
        assert str(caught.value).startswith(f"`{name}` is an option of the command line. In Python, ")
        assert instead in str(caught.value)
