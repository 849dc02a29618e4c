"""Notes in Python are warnings of ``rnngen.RnngenWarning``, about the line that called."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rnngen


def noted(call: Callable[[], Any]) -> list[str]:
    """What a call warns of; each warning is about a line of this file."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert {each.filename for each in caught} <= {__file__}
    assert {each.category for each in caught} <= {rnngen.RnngenWarning}
    return [str(each.message) for each in caught]


UNSEEN = "the model has never seen '日本': left out of what it reads"


def test_characters_that_a_model_has_never_seen_are_told(trained: Path) -> None:
    generator, filler = rnngen.load(trained), rnngen.load_filler(trained)
    calls: list[Callable[[str], object]] = [
        lambda text: rnngen.generate(text, run=trained, length=1),
        lambda text: rnngen.next_tokens(text, run=trained),
        lambda text: rnngen.next_tokens(text, run=generator),
        lambda text: generator.generate(text, length=1),
        lambda text: generator.pieces(text, length=1),
        lambda text: generator.generate_batch([text, text], length=1),
        lambda text: filler.best(f"{text} a ___ b", longest=1, beam=1),
    ]
    for call in calls:
        assert noted(lambda call=call: call("日本")) == [UNSEEN]  # type: ignore[misc]
        assert noted(lambda call=call: call("the ")) == []  # type: ignore[misc]


def test_a_score_of_what_was_learned_is_told_to_flatter(trained: Path, corpus: Path) -> None:
    rnngen.evaluate(trained)  # the token cache then holds the text
    learned = corpus.read_text()[:3000]
    Path("copy.txt").write_text(learned)
    (said,) = noted(lambda: rnngen.score(learned, run=trained))
    assert "the run was trained on this text" in said
    assert said.endswith("so the scores flatter it")
    assert noted(lambda: rnngen.evaluate(trained, "copy.txt")) == [said]
    assert noted(lambda: rnngen.score("the cat", run=trained)) == []
    (part,) = noted(lambda: rnngen.evaluate(trained, corpus))
    assert part.endswith('only its test part is read; `part="all"` is the whole of it')


def test_the_name_of_a_file_or_run_as_a_text_is_told(trained: Path) -> None:
    Path("a.txt").write_text("the cat")
    said = noted(lambda: rnngen.score("a.txt", run=trained))
    assert f"not the file 'a.txt'. To read the file: rnngen.evaluate(\"{trained}\", 'a.txt')" in said[-1]
    said = noted(lambda: rnngen.generate("a.txt", run=trained, length=1))
    assert said[-1].endswith("not the file 'a.txt'. To read the file: open('a.txt').read()")
    assert "not the run" in noted(lambda: rnngen.next_tokens(str(trained), run=trained))[-1]
