"""What an error tells the user to type can be typed, and works.

Each row of ``MISTAKES`` is a command line that ends in an error. Every command that its message names is run: those
that begin with ``rnngen``, and those that are the same command line with an option in place of the mistaken one. Words
in capitals stand for what the user has: a run, a text.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rnngen.cli.app import run
from tests.conftest import Outcome, make_text

Cli = Callable[..., Outcome]

HAVE = {"RUN": "checkpoints/tiny", "FILE": "corpus.txt", "TEXT": "corpus.txt", "A": "checkpoints/tiny", "B": "other"}
QUICK = {
    "steps": "--steps 2",
    "hidden-size": "--hidden-size 8 --embedding-size 8",
    "batch-size": "--batch-size 2",
    "bptt": "--bptt 8",
    "precision": "--precision float32",
    "device": "--device cpu",
}
"""What is added where a command would train for minutes, unless it says it itself."""
SAID_BY = {"minutes": "steps", "epochs": "steps", "size": "hidden-size"}

MISTAKES = [
    # commands
    "generate --length 5",
    "complete --prompt 'The ' --length 5",
    "test --quiet",
    "perplexity checkpoints/tiny",
    "list",
    "show checkpoints/tiny",
    "info",
    "version",
    "gates --length 30",
    "gradients --lags 5",
    "trian corpus.txt",
    "corpus.txt",
    "'my text.txt'",
    "checkpoints/tiny --length 5",
    "frobnicate",
    "corpus pydoc",
    "corpus biuld pydoc",
    "corpus build",
    "corpus get",
    "corpus info",
    "corpus show corpus.txt",
    "cache clean --yes",
    "inspect gradient checkpoints/tiny --lags 5",
    "inspect gate --length 30",
    "inspect grads --lags 5",
    "inspect checkpoints/tiny gates",
    "inspect checkpoints/tiny gradients",
    "inspect checkpoints/tiny other",
    "runs foo",
    "check checkpoints/tiny",
    "delete checkpoints/tiny --yes",
    "clean --dry-run",
    "verify corpus.txt",
    "rm corpus.txt --yes",
    "rm",
    "prune corpus.txt --yes",
    # options
    "train corpus.txt --lr 0.1",
    "train corpus.txt --rnn_size 16",
    "train corpus.txt -rnn_size 16",
    "train corpus.txt --layers 2",
    "train corpus.txt --type gru",
    "train corpus.txt --seq-length 9",
    "train corpus.txt --cpu",
    "train --input corpus.txt",
    "sample --max-length 5",
    "sample --temp=0.5 -n5",
    "sample --topk 3 -n5",
    "sample --model checkpoints/tiny",
    "sample --prime The -n5",
    "sample -length 5",
    "sample --greedy -n5",
    "eval --checkpoint checkpoints/tiny",
    "eval --text corpus.txt",
    "eval --minutes 3",
    "sample --lenght 5",
    "inspect --run checkpoints/tiny",
    "inspect gates --tokens 30",
    "runs --jsn",
    "--verison",
    "--seed 3 sample",
    "eval --frobnicate",
    "runs --model checkpoints/tiny",
    "fill --model checkpoints/tiny 'a ___'",
    "fill --text 'a ___'",
    # values
    "train corpus.txt --cell LSTM",
    "train corpus.txt --tokenizer chars",
    "train corpus.txt --size mini",
    "train corpus.txt --precision fp32",
    "train corpus.txt --minutes 0,01",
    "train corpus.txt --minutes 1s",
    "train corpus.txt --clip none",
    "train corpus.txt --clip inf",
    "train corpus.txt --device CPU",
    "train corpus.txt --vocab-size 0.1k",
    "eval --part validation",
    "sample --length 1e1",
    "sample -n=5",
    # files of options
    "train corpus.txt --config out.toml",
    "train corpus.txt --config quiet.toml",
    "train --config checkpoints/tiny",
    # runs and texts in each other's place, files in the way
    "inspect corpus.txt",
    "inspect gates corpus.txt --length 30",
    "inspect gradients corpus.txt --lags 5",
    "report corpus.txt",
    "report --out corpus.txt",
    "report --out checkpoints",
    "inspect checkpoints/tinny",
    "inspect gradients --text short.txt --lags 100",
    "eval corpus.txt checkpoints/tiny",
    "sample corpus.txt -n5",
    "sample checkpoints/tiny 'The ' -n5",
    "sample nowhere -n5",
    "sample -n5 checkpoints/tini",
    "eval unsaved",
    # training again, and further
    "train corpus.txt --out checkpoints/tiny",
    "train --resume unsaved",
    "sample unsaved",
    "train --resume nowhere",
    "train corpus.txt --out trial --init-from unsaved",
    "train --resume other --learning-rate 1",
    "train --resume changed",
    "train --resume gone",
    "eval gone",
    "train --resume corpus.txt",
    "train checkpoints/tiny",
]


def suggestions(message: str, arguments: list[str]) -> list[list[str]]:
    """The command lines that a message tells to type, without the ``rnngen`` before them."""
    message = re.sub(r"; expected .*?(; found |\. |$)", r"\1", message)
    found = list(re.findall(r"(?<!of )(?<!by )(?<!and )\brnngen ((?:'[^']*'|.)+?)(?:[.?;,]?$|[.?;,)] )", message))
    options = re.findall(r"(?:Did you mean|with|Use|[Tt]ype(?: \w+)*:) (-[a-z-]+(?: [^\s,?]+)?)[,?]?(?= |$)", message)
    found += [shlex.join(_with_option(arguments, message, shlex.split(words))) for words in options]
    named = re.findall(r"Did you mean ([\w/-]*/[\w/-]*)\?", message)  # a path
    found += [shlex.join([*arguments[:-1], path]) for path in named]
    return [[HAVE.get(word, word) for word in shlex.split(each)] for each in found]


def _with_option(arguments: list[str], message: str, words: list[str]) -> list[str]:
    """The arguments with the mistaken option replaced, and its value too if ``words`` has one."""
    wrong = re.search(r"no such option: (\S+?)\. ", message)
    option = wrong[1] if wrong else words[0]
    same = (option, "-n") if option == "--length" else (option,)
    place = next(i for i, each in enumerate(arguments) if each.partition("=")[0] in same)
    rest = arguments[place + 1 :]
    value = arguments[place].partition("=")[2:] if "=" in arguments[place] else ()
    if len(words) > 1:  # a flag with a value has no value of its own that would be replaced
        return [*arguments[:place], *words, *(rest if value or wrong else rest[1:])]
    return [*arguments[:place], *words, *value, *rest]


@pytest.fixture(scope="module")
def _broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs with something wrong: never saved; of a text that has changed; of a text that is gone."""
    folder = tmp_path_factory.mktemp("broken")
    quick, text = shlex.split(" ".join(QUICK.values())), make_text(20_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("RNNGEN_CACHE", str(folder / "cache"))
        for name in ("unsaved", "changed", "gone"):
            Path(f"{name}.txt").write_text(text, encoding="utf-8")
            assert run(["train", f"{name}.txt", *quick, "--out", name, "--quiet"]) == 0
        for lost in ("manifest.json", "model.safetensors"):
            Path("unsaved", lost).unlink()
        shutil.rmtree("unsaved/resume")
        Path("changed.txt").write_text(text[::-1], encoding="utf-8")
        Path("gone.txt").unlink()
        shutil.rmtree("cache")
    return folder


@pytest.fixture
def _files(trained: Path, corpus: Path, _broken: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, "other")
    shutil.copytree(_broken, tmp_path, dirs_exist_ok=True)
    text = corpus.read_text(encoding="utf-8")
    Path("my text.txt").write_text(text, encoding="utf-8")
    Path("short.txt").write_text(text[:120], encoding="utf-8")
    Path("out.toml").write_text('cell = "gru"\nout = "my run"\n')
    Path("quiet.toml").write_text("quiet = true\n")
    Path("text.txt").write_text(text, encoding="utf-8")


@pytest.mark.usefixtures("_files")
@pytest.mark.parametrize("line", MISTAKES)
def test_what_an_error_tells_to_type_works(cli: Cli, line: str) -> None:
    arguments = shlex.split(line)
    wrong = cli(*arguments)
    assert wrong.code in (1, 2), wrong
    assert wrong.err.count("\n") == 1
    commands = suggestions(wrong.err.strip().removeprefix("rnngen: error: "), arguments)
    assert commands, wrong.err
    for file in ("out.toml", "quiet.toml"):  # "Remove it and type: …"
        Path(file).write_text('cell = "gru"\n')
    for command in commands:
        outcome = cli(*command, *_to_be_quick(command))
        assert outcome.code == 0, (wrong.err, command, outcome.err)


def _to_be_quick(command: list[str]) -> list[str]:
    if command[0] != "train" or {"--help", "--resume"} & set(command):
        return []
    said = {word.removeprefix("--") for word in command if word.startswith("--")}
    said |= {SAID_BY[option] for option in said & SAID_BY.keys()}
    said |= {"hidden-size"} if "init-from" in said else set()  # which says the size
    return [word for option, words in QUICK.items() if option not in said for word in words.split()]


def test_commands_are_found_in_messages() -> None:
    message = "no model; expected x. Train one: rnngen train FILE. Or rnngen eval 'a. b' --part x, or rnngen runs"
    assert suggestions(message, []) == [["train", "corpus.txt"], ["eval", "a. b", "--part", "x"], ["runs"]]
    message = "no such option: --lr. Did you mean --learning-rate? Try rnngen train --help."
    assert suggestions(message, ["train", "x", "--lr", "3"]) == [
        ["train", "--help"],
        ["train", "x", "--learning-rate", "3"],
    ]
    message = "no such option: --gpu. Did you mean --device cuda?"
    assert suggestions(message, ["sample", "--gpu", "-q"]) == [["sample", "--device", "cuda", "-q"]]
    message = "invalid value for --cell; found 'X'. Did you mean --cell gru?"
    assert suggestions(message, ["train", "--cell", "X", "-q"]) == [["train", "--cell", "gru", "-q"]]
