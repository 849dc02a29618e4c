"""Errors as Python says them: what they tell to type is Python."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

import rnngen
from rnngen import TrainingInterrupted
from rnngen.cli.inspect import inspect_app
from rnngen.python.spelling import VIEWS, in_python, literal, quoted

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
    "Resume it: rnngen train --resume 8.": 'Resume it: rnngen.resume("8").',
    "Resume it: rnngen train --resume 'it'\"'\"'s 8'.": """Resume it: rnngen.resume("it's 8").""",
    "See how it came about: rnngen inspect training checkpoints/a.": (
        "See how it came about: rnngen inspect training checkpoints/a."
    ),
    "rnngen inspect memory shows; rnngen report draws it": "rnngen inspect memory shows; rnngen.report draws it",
    "Train siblings: rnngen train a.txt --seeds 1,2,3": "Train siblings: rnngen train a.txt --seeds 1,2,3",
    "Compare them: rnngen inspect --compare a b.": 'Compare them: rnngen.compare("a", "b").',
    "rnngen train --resume RUN TEXT, rnngen eval RUN TEXT, or rnngen sample RUN --prompt-file TEXT.": (
        'rnngen.resume("RUN", "TEXT"), rnngen.evaluate("RUN", "TEXT"), or '
        'rnngen.generate(prompt=open("TEXT").read(), run="RUN").'
    ),
    "begin it again: rnngen train a.txt 2 --out 8.": 'begin it again: rnngen.train(["a.txt", "2"], out="8").',
    "Type another name: `out='my report.html'`": 'Type another name: `out="my report.html"`',
    "rnngen train --resume r --minutes 2 --allow-changed-corpus.": (
        'rnngen.resume("r", minutes=2, allow_changed_corpus=True).'
    ),
    "no such file; expected a text file, a folder, a glob, or - for standard input": (
        "no such file; expected a text file, a folder, or a glob"
    ),
    "invalid value for `minutes`; expected a number; found true": (
        "invalid value for `minutes`; expected a number; found True"
    ),
    "expected fractions; found 0.9,0.2,0.1": "expected fractions; found [0.9, 0.2, 0.1]",
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
    assert ast.literal_eval(quoted(text)) == text


def test_a_path_is_a_text_even_if_it_looks_like_a_number() -> None:
    assert str(TrainingInterrupted(Path("8"), 3)).endswith('Resume it: rnngen.resume("8")')


@pytest.mark.parametrize(
    ("text", "value"), [("2", 2), ("0.5", 0.5), ("1e-3", 1e-3), ("-1", -1), ("true", True), ("[0.8, 0.2]", [0.8, 0.2])]
)
def test_numbers_and_truth_values_are_values(text: str, value: object) -> None:
    assert ast.literal_eval(literal(text)) == value


def calls_in(text: str) -> list[ast.Call]:
    """The calls of this library's functions in a message."""
    calls = []
    for found in re.finditer(r"rnngen\.\w+\(", text):
        ends = (end.end() + found.start() for end in re.finditer(r"\)", text[found.start() :]))
        written = next(text[found.start() : end] for end in ends if parses(text[found.start() : end]))
        call = ast.parse(written, mode="eval").body
        assert isinstance(call, ast.Call)
        calls.append(call)
    return calls


def parses(text: str) -> bool:
    try:
        ast.parse(text, mode="eval")
    except SyntaxError:
        return False
    return True


def assert_can_be_made(call: ast.Call) -> None:
    """A function of this library, which takes these arguments: paths by position, and none of them a bare number."""
    assert isinstance(call.func, ast.Attribute)
    function = getattr(rnngen, call.func.attr)
    named = {each.arg: each.value for each in call.keywords if each.arg}
    inspect.signature(function).bind(*call.args, **named)
    for given in call.args:
        assert isinstance(given, ast.List) or isinstance(ast.literal_eval(given), str)


def hints() -> list[str]:
    """Every text of the library in which a command stands, with a path in each of its gaps."""
    found = []
    for path in Path(rnngen.__file__).parent.rglob("*.py"):
        source = path.read_text("utf-8")
        if {"cli", "python", "demos"} & set(path.parts) or "rnngen " not in source:
            continue
        tree = ast.parse(source)
        inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
        documented = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "'my runs/8'" for part in node.values)
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and id(node) not in inner | documented:
                found.append(str(node.value))
    return [text for text in found if re.search(r"\brnngen [a-z]", text)]


@pytest.mark.slow
def test_every_hint_of_the_library_is_a_call_that_can_be_made() -> None:
    told = hints()
    assert len(told) > 30
    for text in map(in_python, told):
        for call in calls_in(text):
            assert_can_be_made(call)
        for left in re.findall(r"rnngen (?:train|sample|eval|fill|report)\b.*", text):
            assert left.endswith(" -") or ">" in left  # standard input and output


def test_the_views_of_a_run_are_known() -> None:
    assert set(VIEWS) == {command.name for command in inspect_app.registered_commands}


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
        assert "--" not in said
        assert not re.search(r"rnngen (train|sample|eval|fill|report)\b", said)
        for call in calls_in(said):
            assert_can_be_made(call)


def test_a_former_name_is_told_what_it_is_called_now() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'train_further': it is rnngen\.resume"):
        rnngen.train_further  # noqa: B018
    with pytest.raises(AttributeError, match=r"no attribute 'frobnicate'$"):
        rnngen.frobnicate  # noqa: B018
