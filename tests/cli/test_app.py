"""The command as a whole: what appears at once, exit codes, help that agrees with the configuration."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import typing
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.main import get_command

import rnngen
from rnngen.cli.commands import COMMANDS, QuickCommand, load_command, plain_app
from rnngen.cli.console import Console
from rnngen.cli.train import train_command
from rnngen.corpus.tokenizer.subword import DEFAULT_VOCAB_SIZE
from rnngen.options.config import SECTION_OF, SIZES, TRAINING, RunConfig
from rnngen.options.presets import PRESETS
from rnngen.training.planning.rules import DEFAULT_MINUTES
from tests.conftest import FAST, Outcome

Cli = Callable[..., Outcome]


def shown(value: object) -> str | None:
    """A test's name: the arguments."""
    return " ".join(value) if isinstance(value, list) else None


RUN_AND_LIST_IMPORTS = """
import sys
from rnngen.cli.app import run
code = run(sys.argv[1:])
heavy = sorted({"torch", "torch._dynamo"} & sys.modules.keys())
print(f"code {code} heavy {heavy}", file=sys.stderr)
"""


def run_and_list_imports(*arguments: str) -> str:
    """The last line on stderr of a command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN_AND_LIST_IMPORTS, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["--version"], 0),
        (["train", "--help"], 0),
        (["sample", "--help"], 0),
        (["eval", "--help"], 0),
        (["train", "--hiden-size", "3"], 2),
        (["train", "x", "--top-k", "3"], 2),
        (["train", "x", "--cell", "LSTM"], 2),
        (["generate"], 2),
        (["inspect", "gradient"], 2),
        (["train", "missing.txt"], 1),
        (["train", "x", "--minutes", "0"], 2),
        (["train", "x", "--size", "huge"], 2),
        (["eval", "missing-run"], 1),
    ],
    ids=shown,
)
def test_help_and_mistakes_appear_without_importing_torch(arguments: list[str], code: int) -> None:
    assert run_and_list_imports(*arguments) == f"code {code} heavy []"


@pytest.mark.usefixtures("trained")
def test_sample_never_imports_torch() -> None:
    assert run_and_list_imports("sample", "--length", "5", "--seed", "1") == "code 0 heavy []"


@pytest.mark.slow
def test_training_never_imports_the_compiler_of_torch(corpus: Path) -> None:
    """Which takes as long as all else that comes before the first step."""
    options = [f"--{name.replace('_', '-')}={value}" for name, value in FAST.items()]
    assert run_and_list_imports("train", str(corpus), "--steps=2", *options) == "code 0 heavy ['torch']"


def test_the_list_of_commands_imports_no_command_and_no_option() -> None:
    program = "import sys; from rnngen.cli.app import run; run(['--help']); print(*sorted(sys.modules), sep='\\n')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    imported = set(done.stdout.splitlines())
    assert "rnngen.cli.commands" in imported
    assert not imported & {
        "rnngen.options",
        "rnngen.cli.declared",
        "rnngen.cli.train",
        "pydantic",
        "numpy",
        "tokenizers",
    }


def test_importing_rnngen_imports_nothing_heavy() -> None:
    program = "import rnngen, sys; print(sorted({'torch', 'numpy', 'pydantic', 'tokenizers'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


def test_version_is_the_packages(cli: Cli) -> None:
    assert cli("--version") == Outcome(0, f"rnngen {rnngen.__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["trian"], 2, "rnngen train?"),
        (["evall"], 2, "rnngen eval?"),
        (["train", "x", "--hiden-size", "3"], 2, "--hidden-size"),
        (["sample", "--lenght", "3"], 2, "--length"),
        (["eval", "--jsn"], 2, "--json"),
        (["train", "x", "--size", "huge"], 2, "'medium'"),
        (["train", "x", "--cell", "transformer"], 2, "'lstm'"),
        (["train", "x", "--hidden-size", "many"], 2, "--hidden-size"),
        (["train", "x", "--hidden-size", "0"], 2, "--hidden-size"),
        (["train", "x", "--learning-rate", "nan"], 2, "--learning-rate"),
        (["train", "x", "--minutes", "0"], 2, "--minutes"),
        (["train", "x", "--minutes", "inf"], 2, "--minutes"),
        (["train", "x", "--epochs", "-1"], 2, "--epochs"),
        (["train", "x", "--steps", "3", "--minutes", "1"], 2, "--steps and --minutes cannot both"),
        (["train", "x", "--split", "a,b"], 2, "--split"),
        (["train", "x", "--split", "0.9,0.9"], 2, "sum to 1"),
        (["train", "x", "--nonlinearity", "relu"], 2, "--cell rnn"),
        (["train", "x", "--tied", "--hidden-size", "8", "--embedding-size", "9"], 2, "--embedding-size"),
        (["train", "x", "--device", "tpu"], 2, "--device"),
        (["train"], 2, "no text was given"),
        (["train", "missing.txt"], 1, "missing.txt: no such file"),
        (["train", "nothing-*.txt"], 1, "nothing-*.txt: no such file"),
        (["sample", "missing"], 1, "missing: is not a run"),
        (["eval", "missing"], 1, "missing: is neither a run nor a text"),
        (["corpus", "build", "nothing"], 2, "expected pydoc"),
        (["corpus", "biuld", "pydoc"], 2, "rnngen corpus build pydoc?"),
    ],
    ids=shown,
)
def test_a_mistake_is_one_line_that_says_what_to_do(cli: Cli, arguments: list[str], code: int, said: str) -> None:
    outcome = cli(*arguments)
    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err.startswith("rnngen: error: ")
    assert outcome.err.count("\n") == 1
    assert said in outcome.err


def test_a_usage_error_does_not_speak_of_the_parsers_own_exceptions(cli: Cli) -> None:
    assert "Value error" not in cli("train", "x", "--size", "huge").err


@pytest.mark.parametrize("arguments", [[], ["corpus"]], ids=["rnngen", "rnngen corpus"])
def test_a_command_without_arguments_shows_its_help(cli: Cli, arguments: list[str]) -> None:
    outcome = cli(*arguments)
    assert "Usage:" in outcome.out + outcome.err
    assert "error" not in outcome.err
    assert outcome.code in (0, 2)


def test_help_of_train_names_every_option_of_the_configuration(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    shown = cli("train", "--help-all").out
    options = set(re.findall(r"--[a-z][a-z-]*", shown))
    names = TRAINING.keys() - {"corpus"}
    assert {f"--{name.replace('_', '-')}" for name in names} - options == set()
    assert "corpus" in shown
    assert "--corpus" not in options


@pytest.mark.parametrize(("command", "fewest", "most"), [("train", 12, 17), ("sample", 10, 14), ("eval", 4, 10)])
def test_help_shows_the_options_that_most_people_need_and_where_the_others_are(
    cli: Cli, command: str, fewest: int, most: int
) -> None:
    pages = [cli(command, "--help").out, cli(command, "--help-all").out]
    shown, whole = (set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", page, flags=re.MULTILINE)) for page in pages)
    assert shown < whole
    assert fewest <= len(shown - {"--help", "--help-all"}) <= most
    more = len(whole) - len(shown)
    assert pages[0].endswith(f"\nThere are {more} more options: rnngen {command} --help-all\n")
    assert "more options" not in pages[1]


@pytest.mark.parametrize("command", ["train", "sample"])
def test_help_has_three_examples_that_the_command_takes(cli: Cli, command: str) -> None:
    loaded = load_command(command)
    assert len(loaded.callback.examples) == 3
    assert cli(command, "--help").out.count(f"\n  rnngen {command}") == 3
    for line, _ in loaded.callback.examples:
        words = shlex.split(line)
        assert words[:2] == ["rnngen", command]
        context = loaded.make_context(command, words[2:], obj=Console.of_process())  # every option and value is valid
        assert context.params


def test_help_of_a_command_with_few_options_shows_them_all(cli: Cli) -> None:
    assert "--help-all" not in cli("verify", "--help").out
    assert "Did you mean --help?" in cli("verify", "--help-all").err


def test_the_presets_that_can_be_asked_for_are_those_there_are() -> None:
    assert TRAINING["preset"].choices == tuple(PRESETS)
    assert TRAINING["size"].choices == tuple(SIZES)


def option_defaults() -> dict[str, str]:
    """Option → what its help says the default is."""
    hints = typing.get_type_hints(train_command, include_extras=True)
    helps = {name: hint.__metadata__[0].help for name, hint in hints.items() if hasattr(hint, "__metadata__")}
    found = {name: re.search(r"\[default: (.+)\]", text) for name, text in helps.items()}
    return {name: match[1] for name, match in found.items() if match}


NUMBERS = {name for name, said in option_defaults().items() if name in SECTION_OF and re.match(r"[\d.]+(,|$)", said)}


@pytest.mark.parametrize("name", sorted(NUMBERS))
def test_the_default_in_an_options_help_is_the_configurations(name: str) -> None:
    default = getattr(getattr(RunConfig(), SECTION_OF[name]), name)
    said = option_defaults()[name]
    if isinstance(default, tuple):
        assert tuple(float(part) for part in said.split(",")) == default
    else:
        said = said.split(",")[0]  # "32, fewer for short texts"
        assert type(default)(said) == default


def test_defaults_that_are_not_fields_are_those_of_the_plan_and_the_tokenizer() -> None:
    said = option_defaults()
    assert float(said["minutes"]) == DEFAULT_MINUTES
    assert dict(re.findall(r"(word|bpe): (\d+)", said["vocab_size"])) == {
        level: str(size) for level, size in DEFAULT_VOCAB_SIZE.items()
    }


def test_corpus_build_writes_a_text_and_says_where(cli: Cli) -> None:
    outcome = cli("corpus", "build", "pydoc")
    size = len(Path("corpora/pydoc.txt").read_text(encoding="utf-8"))
    assert outcome == Outcome(0, "", f"corpora/pydoc.txt: {size:,} characters\n")
    assert size > 100_000


@pytest.mark.usefixtures("trained")
def test_a_full_disk_behind_standard_output_is_one_line(rnngen_command: list[str]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*rnngen_command, "sample", "-n", "20", "-q"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert done.returncode == 1
    assert done.stderr.startswith("rnngen: error: ")
    assert done.stderr.count("\n") == 1
    assert "No space left" in done.stderr


@pytest.mark.usefixtures("trained", "corpus")
@pytest.mark.parametrize(
    "arguments", [["train", "-"], ["eval", "checkpoints/tiny", "-"], ["sample", "--prompt", "-"]], ids=" ".join
)
def test_closed_standard_input_is_one_line(cli: Cli, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    monkeypatch.setattr(sys, "stdin", None)  # what Python makes of <&-
    outcome = cli(*arguments)
    assert outcome.code in (1, 2)
    assert outcome.err.startswith("rnngen: error: ")
    assert outcome.err.count("\n") == 1
    assert "standard input" in outcome.err


def test_interrupting_a_command_exits_130_without_a_word(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rnngen.corpus.named.built.build", interrupted)
    assert cli("corpus", "build", "pydoc") == Outcome(130, "", "")


def test_out_of_memory_is_one_line(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("rnngen.corpus.named.built.build", exhausted)
    outcome = cli("corpus", "build", "pydoc")
    assert outcome.code == 1
    assert outcome.err.startswith("rnngen: error: out of memory.")
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_commands_help_begins_with(cli: Cli, name: str) -> None:
    listed = next(line for line in cli("--help").out.splitlines() if line.split()[:1] == [name])
    said = " ".join(cli(name, "--help").out.split("\n\n")[1].split())
    assert listed.split(maxsplit=1)[1] == COMMANDS[name].summary == said.partition(". ")[0].removesuffix(".") + "."


def test_values_are_what_typer_would_make_of_them_with_pydantic() -> None:
    """The quick way and Typer's own give the same, value by value, and errors of the same options."""

    def values(command: typing.Any, arguments: list[str]) -> object:
        try:
            with command.make_context("c", arguments) as context:
                return sorted(context.params.items())
        except Exception as error:
            said = error.format_message() if hasattr(error, "format_message") else str(error)
            return "error", (re.findall(r"--\w+", said.partition(". Try ")[0]) or [None])[0]

    def function(
        a: typing.Annotated[float, typer.Option()] = 1.5,
        b: typing.Annotated[int | None, typer.Option()] = None,
        c: typing.Annotated[list[str] | None, typer.Option()] = None,
        d: typing.Annotated[typing.Literal["x", "y"], typer.Option()] = "x",
        e: typing.Annotated[bool, typer.Option("--e")] = False,
        f: typing.Annotated[Path | None, typer.Option()] = None,
        g: typing.Annotated[int, typer.Option()] = 1,
        h: typing.Annotated[list[int] | None, typer.Option()] = None,
        i: typing.Annotated[str | None, typer.Argument()] = None,
    ) -> None:
        pass

    def build(**settings: typing.Any) -> typing.Any:
        app = plain_app()
        app.command("c", **settings)(function)
        return get_command(app)

    quick, thorough = build(cls=QuickCommand), build()
    for line in (
        "",
        "--a 2",
        "--a nan",
        "--a 1e400",
        "--a x",
        "--b 7",
        "--b -3",
        "--b 1.5",
        "--b x",
        "--c 1 --c 2",
        "--d y",
        "--d z",
        "--e",
        "--f a/b",
        "--g 5",
        "--g x",
        "--h 1 --h 2",
        "--h x",
        "word",
        "word word",
        "--nothing",
        "--a",
    ):
        found, expected = values(quick, line.split()), values(thorough, line.split())
        assert repr(found).replace("()", "None") == repr(expected).replace("()", "None"), line


TELL_HOW_THREADS_WAIT = """
import os, sys
import rnngen.__main__ as program
import rnngen.cli.app
def tell():
    print(os.environ.get("GOMP_SPINCOUNT"), "torch" in sys.modules)
rnngen.cli.app.main = tell
program.main()
"""


@pytest.mark.parametrize(
    ("given", "arguments", "used"),
    [
        ({}, ["eval"], "1000"),
        ({}, ["train"], "None"),
        ({"GOMP_SPINCOUNT": "7"}, ["eval"], "7"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, ["eval"], "None"),
    ],
    ids=["by default", "training finds the best number of threads", "its own variable", "the standard's variable"],
)
def test_threads_share_the_processors_unless_the_user_chose_otherwise(
    given: dict[str, str], arguments: list[str], used: str
) -> None:
    others = {k: v for k, v in os.environ.items() if k not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    command = [sys.executable, "-c", TELL_HOW_THREADS_WAIT, *arguments]
    done = subprocess.run(command, env=others | given, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [used, "False"]  # before torch, which reads it, is imported
