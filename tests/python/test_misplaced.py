"""Arguments in the wrong place, and what they may have been meant for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import rnngen
from rnngen.python.run import open_run

TEXT = "The cat sat on the mat.\n" * 100


@pytest.mark.parametrize("name", ["generate", "next_tokens", "score"])
@pytest.mark.parametrize("as_path", [True, False])
def test_the_text_comes_first_and_the_run_by_its_name(trained: Path, name: str, as_path: bool) -> None:
    function = getattr(rnngen, name)
    run = trained if as_path else open_run(trained)
    first = "text" if name == "score" else "prompt"
    for wrong in ((run, "The "), ("The ", run), *([] if as_path else [(run,)])):
        with pytest.raises(rnngen.RnngenError) as caught:
            function(*wrong)
        assert f"The run is given by its name: rnngen.{name}({first}, run=RUN)." in str(caught.value)
    assert function("The ", run=run)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda run: rnngen.evaluate("a.txt", run), "The run comes first: rnngen.evaluate(run, text)."),
        (lambda run: rnngen.score(Path("a.txt"), run=run), "Files are scored by rnngen.evaluate(run, 'a.txt')."),
        (lambda run: rnngen.train(TEXT), "This is a text, not the name of a file: write it to a file first."),
        (lambda run: rnngen.train(["a.txt", "a\nb"]), "found a text: 'a\\nb'. This is a text"),
        (lambda run: rnngen.evaluate(run, TEXT), "Or score the text itself: rnngen.score(text, run=RUN)."),
        (lambda run: rnngen.evaluate(run, part="tset"), "found 'tset'. Did you mean `part=\"test\"`?"),
        (lambda run: rnngen.resume(run, lr=3), "rnngen.train(corpus, init_from=run, learning_rate=…)."),
        (lambda run: rnngen.resume(run, dropout=0.3), "'dropout': a run keeps the options that it began with."),
        (lambda run: rnngen.resume(run, max_steps=3), "Did you mean `steps`?"),
        (lambda run: rnngen.train("a.txt", minutes=True), "found True"),
        (lambda run: rnngen.train("a.txt", split=[0.9, 0.2, 0.1]), "found [0.9, 0.2, 0.1]"),
        (lambda run: rnngen.compare(run, run), "found the same run each time"),
        (lambda run: rnngen.compare(run), "found 1"),
        (lambda run: rnngen.generate("a", runs=run), "Did you mean `run`?"),
        (lambda run: rnngen.generate("a", frobnicate=1), "keep_stop, run, seed, ngram, device."),
    ],
)
def test_what_was_meant_is_told_in_a_short_message(trained: Path, call: Callable[..., object], said: str) -> None:
    with pytest.raises(rnngen.RnngenError) as caught:
        call(open_run(trained))
    assert said in str(caught.value)
    assert len(str(caught.value)) < 350


def test_what_writes_and_fills_is_one_line(trained: Path) -> None:
    V = rnngen.load(trained).tokenizer.vocab_size
    assert repr(rnngen.load(trained)) == f"Generator({str(trained)!r}: char, vocabulary {V})"
    assert repr(rnngen.load_filler(trained)) == (
        f"Filler({str(trained)!r}: char, vocabulary {V}, reads gaps from left to right)"
    )


def test_help_describes_every_argument_in_terms_of_python() -> None:
    told = str(rnngen.generate.__doc__)
    for name in ("prompt", "run", "ngram", "device", "seed", "ban", "stop"):
        assert f"    {name}: " in told
    assert "more than once" not in told
    assert "ban: Draw no token that contains this text, or any of several." in told
