"""Errors as Python says them: what they tell to type is Python."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import rnngen
from rnngen.python.spelling import in_python, literal

MESSAGES = {
    "Resume it: rnngen train --resume checkpoints/a-1; or choose another `out`.": (
        'Resume it: rnngen.resume("checkpoints/a-1"); or choose another `out`.'
    ),
    "expected a folder made by rnngen train, with a manifest.json": (
        "expected a folder made by rnngen.train, with a manifest.json"
    ),
    "rnngen inspect gradients shows how far it reaches back": "rnngen.gradients shows how far it reaches back",
    "rnngen train FILE --ngram 5 makes a run with one.": 'rnngen.train("FILE", ngram=5) makes a run with one.',
    "Type: rnngen fill 'my run' \"To be, or ___\". rnngen runs lists all runs.": (
        'Type: rnngen.load_filler("my run").best("To be, or ___"). rnngen runs lists all runs.'
    ),
    "See rnngen train --help.": "See help(rnngen.train).",
    "Give it: rnngen eval mine TEXT --part all.": 'Give it: rnngen.evaluate("mine", "TEXT", part="all").',
    "Pipe it in: ... | rnngen train -": "Pipe it in: ... | rnngen train -",
    "rnngen train --resume r --minutes 2 --allow-changed-corpus.": (
        'rnngen.resume("r", minutes=2, allow_changed_corpus=True).'
    ),
    "`minutes=2`, `tokenizer=bpe`, `tied=true`; expected true or false": (
        '`minutes=2`, `tokenizer="bpe"`, `tied=True`; expected True or False'
    ),
}


@pytest.mark.parametrize("message", MESSAGES)
def test_a_command_becomes_a_call_and_the_sentence_around_it_stays(message: str) -> None:
    assert in_python(message) == MESSAGES[message]


@pytest.mark.parametrize("text", ["a", "a b", 'say "hi"', "back\\slash", "it's", "a\nb", "", "C:\\x\\"])
def test_a_text_is_written_so_that_python_reads_it(text: str) -> None:
    assert ast.literal_eval(literal(text)) == text


@pytest.mark.parametrize(("text", "value"), [("2", 2), ("0.5", 0.5), ("1e-3", 1e-3), ("-1", -1), ("true", True)])
def test_numbers_and_truth_values_are_values(text: str, value: object) -> None:
    assert ast.literal_eval(literal(text)) == value


def test_what_the_errors_of_the_functions_say_can_be_typed(trained: Path) -> None:
    """Every call in a message parses, and names a function with these arguments."""
    Path("text.txt").write_text("The cat.\n")
    mistakes = [
        lambda: rnngen.train("text.txt", out=trained),
        lambda: rnngen.train("text.txt", out="text.txt"),
        lambda: rnngen.train("text.txt", hidden=3),  # type: ignore[call-arg]
        lambda: rnngen.train("text.txt", tied="x"),  # type: ignore[arg-type]
        lambda: rnngen.resume("nowhere"),
        lambda: rnngen.load(trained, ngram=True),
        lambda: rnngen.inspect("text.txt"),
        lambda: rnngen.evaluate(trained, part="all"),
        lambda: rnngen.gradients(trained, text="text.txt"),
        lambda: rnngen.load_filler("nowhere"),
    ]
    for mistake in mistakes:
        with pytest.raises(rnngen.RnngenError) as caught:
            mistake()
        said = str(caught.value)
        assert "--" not in said.replace("rnngen sample RUN --prompt-file TEXT", "")
        assert not re.search(r"rnngen (train|eval|fill|report)\b", said)
        for call in re.findall(r"rnngen\.\w+\([^()]*\)", said):
            tree = ast.parse(call, mode="eval").body
            assert isinstance(tree, ast.Call)
            assert isinstance(tree.func, ast.Attribute)
            assert callable(getattr(rnngen, tree.func.attr))


def test_a_former_name_is_told_what_it_is_called_now() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'train_further': it is rnngen\.resume"):
        rnngen.train_further  # noqa: B018
    with pytest.raises(AttributeError, match=r"no attribute 'frobnicate'$"):
        rnngen.frobnicate  # noqa: B018
