"""What is said of a mistyped command line: what was meant, in one style, without torch."""

from __future__ import annotations

import re
import shlex
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rnngen.cli.commands import COMMANDS, load_command
from rnngen.cli.mistakes import number_meant
from rnngen.options.other_names import COMMANDS as OTHER_COMMANDS
from rnngen.options.other_names import OPTIONS, VALUES, closest
from tests.conftest import Outcome

Cli = Callable[..., Outcome]


def all_commands() -> dict[str, Any]:
    """Words after ``rnngen`` → the command."""
    found = {}
    for word in COMMANDS:
        command = load_command(word)
        members = getattr(command, "commands", None)
        found |= {f"{word} {name}": member for name, member in members.items()} if members else {word: command}
    return found


NO_SUCH_OPTION = {
    "train": {
        "--lr": "--learning-rate",
        "--epoch": "--epochs",
        "--max-epochs": "--epochs",
        "--max-steps": "--steps",
        "--iterations": "--steps",
        "--max_iters": "--steps",
        "--hidden": "--hidden-size",
        "--rnn-size": "--hidden-size",
        "-rnn_size": "--hidden-size",
        "--hidden-dim": "--hidden-size",
        "--hiddensize": "--hidden-size",
        "--layers": "--num-layers",
        "--num-layer": "--num-layers",
        "--batch": "--batch-size",
        "--batch_size": "--batch-size",
        "--seq-length": "--bptt",
        "--seq-len": "--bptt",
        "--block-size": "--bptt",
        "--block_size": "--bptt",
        "--gpu": "--device cuda",
        "--cpu": "--device cpu",
        "--type": "--cell",
        "--arch": "--cell",
        "--model": "--cell",
        "--output": "--out",
        "--out-dir": "--out",
        "--save": "--out",
        "--time": "--minutes",
        "--minuts": "--minutes",
        "--Minutes": "--minutes",
        "-minutes": "--minutes",
        "--learn": "--learning-rate",
        "--help-all": "--help",
        "--wdrop": "--weight-dropout",
        "--tset": "--test",
    },
    "sample": {
        "--max-length": "--length",
        "--max-tokens": "--length",
        "--num-tokens": "--length",
        "--max_new_tokens": "--length",
        "-length": "--length",
        "--temp": "--temperature",
        "-temp": "--temperature",
        "--topk": "--top-k",
        "--top_k": "--top-k",
        "--prime": "--prompt",
        "--start": "--prompt",
        "--seed-text": "--prompt",
        "--n": "--num-samples",
        "--count": "--num-samples",
        "--samples": "--num-samples",
        "--nucleus": "--top-p",
        "--gpu": "--device cuda",
        "--lenght": "--length",
        "--tempreature": "--temperature",
    },
    "eval": {"--split": "--part", "--jsn": "--json"},
    "inspect gates": {"--lenght": "--length"},
    "report": {"--output": "--out"},
}


@pytest.mark.parametrize(
    ("words", "option", "meant"), [(words, *pair) for words, pairs in NO_SUCH_OPTION.items() for pair in pairs.items()]
)
def test_an_option_that_others_have_or_that_is_misspelled_leads_to_ours(
    cli: Cli, words: str, option: str, meant: str
) -> None:
    said = f"rnngen: error: no such option: {option}. Did you mean {meant}? Try rnngen {words} --help.\n"
    assert cli(*words.split(), option, "3") == cli(*words.split(), f"{option}=3") == Outcome(2, "", said)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("sample --model x", "no such option: --model. The run is the first argument: rnngen sample RUN."),
        ("eval --checkpoint x", "no such option: --checkpoint. The run is the first argument: rnngen eval RUN."),
        ("inspect --run x", "no such option: --run. The run is the first argument: rnngen inspect RUN."),
        ("train --input x", "no such option: --input. The text is the first argument: rnngen train FILE."),
        ("eval --text x", "no such option: --text. The text comes after the run: rnngen eval RUN FILE."),
        ("sample --verbose", "no such option: --verbose. Notes are shown unless --quiet is given."),
        ("sample --minutes 3", "no such option: --minutes. --minutes is an option of rnngen train."),
        ("train --top_k 3", "no such option: --top_k. --top-k is an option of rnngen sample."),
        ("eval --temperature 1", "--temperature is an option of rnngen sample and rnngen fill."),
        ("--minutes 3 train x", "--minutes is an option of rnngen train, after which it stands."),
        ("train --frobnicate", "no such option: --frobnicate. Try rnngen train --help."),
        ("sample -x", "no such option: -x. Try rnngen sample --help."),
        ("sample -qx", "no such option: -qx. Try rnngen sample --help."),
        ("--verison", "no such option: --verison. Did you mean --version? Try rnngen --help."),
        ("-V", "no such option: -V. Did you mean --version? Try rnngen --help."),
        ("train x --minutes", "--minutes needs a value; expected --minutes <float>. Try rnngen train --help."),
        ("sample -n", "-n needs a value; expected --length LENGTH. Try rnngen sample --help."),
        (
            "train x --out --json",
            "--out needs a value; expected --out <path>; found the option --json. If --json is "
            "the value, write --out=--json. Try rnngen train --help.",
        ),
        ("train x --json=yes", "--json takes no value; found yes. Try rnngen train --help."),
        ("train x --tied=false", "--tied takes no value; found false. Did you mean --no-tied?"),
        ("train x --no-quiet", "no such option: --no-quiet. Leave --quiet out."),
        ("fill", "[RUN] TEXT is missing; expected rnngen fill [OPTIONS] [RUN] TEXT. Try rnngen fill --help."),
    ],
)
def test_other_mistakes_with_options_are_told_too(cli: Cli, line: str, said: str) -> None:
    outcome = cli(*line.split())
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert said in outcome.err


def test_a_text_that_begins_with_a_hyphen_is_told_where_it_can_stand(cli: Cli) -> None:
    assert "comes last, after --." in cli("fill", "-- a ___").err
    assert "no such option" not in cli("fill", "--", "-- a ___").err


@pytest.mark.usefixtures("trained")
def test_values_that_begin_with_hyphens_are_values(cli: Cli) -> None:
    for prompt in ("-- The", "--The", "-5", "--"):
        outcome = cli("sample", "--prompt", prompt, "--length", "1", "--quiet")
        assert outcome.code == 0, outcome.err
        assert outcome.out.startswith(prompt)
    assert cli("sample", "--prompt=--length", "-qn1").out.startswith("--length")
    assert cli("sample", "-pThe", "-qn1").out.startswith("The")


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("train x --cell LSTM", "--cell lstm"),
        ("train x --cell vanilla", "--cell rnn"),
        ("train x --tokenizer chars", "--tokenizer char"),
        ("train x --tokenizer subword", "--tokenizer bpe"),
        ("train x --size big", "--size large"),
        ("train x --size Tiny", "--size tiny"),
        ("eval --part validation", "--part valid"),
        ("eval --part dev", "--part valid"),
        ("train x --precision fp16", "--precision bf16"),
        ("train x --precision fp32", "--precision float32"),
        ("train x --precision bfloat16", "--precision bf16"),
        ("train x --device gpu", "--device cuda"),
        ("train x --device CPU", "--device cpu"),
        ("train x --optimizer adam", "--optimizer muon"),
        ("train x --preset awd_lstm", "--preset awd-lstm"),
        ("train x --minutes 2m", "--minutes 2"),
        ("train x --minutes 1h", "--minutes 60"),
        ("train x --minutes 30s", "--minutes 0.5"),
        ("train x --minutes 1,5", "--minutes 1.5"),
        ("train x --dropout 50%", "--dropout 0.5"),
        ("sample --length 1e3", "--length 1000"),
        ("sample -n=5", "--length 5"),
        ("train x --vocab-size 10k", "--vocab-size 10000"),
        ("train x --steps 10,000", "--steps 10000"),
    ],
)
def test_an_invalid_value_leads_to_a_valid_one(cli: Cli, line: str, meant: str) -> None:
    outcome = cli(*line.split())
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    option = meant.split()[0]
    assert outcome.err.startswith(f"rnngen: error: invalid value for {option}; expected ")
    assert f"; found '{line.split()[-1].removeprefix('-n')}'" in outcome.err
    assert f". Did you mean {meant}?" in outcome.err


@pytest.mark.parametrize("line", ["train x --cell transformer", "sample --length many", "sample --top-k 1.5"])
def test_a_value_that_means_nothing_leads_to_the_help(cli: Cli, line: str) -> None:
    outcome = cli(*line.split())
    assert outcome.code == 2
    assert f"'. Try rnngen {line.split()[0]} --help.\n" in outcome.err


def test_a_number_in_another_spelling_keeps_its_value() -> None:
    assert number_meant("minutes", "1.5h", whole=False) == "90"
    assert number_meant("learning-rate", "1e-3x", whole=False) is None
    assert number_meant("steps", "1.5", whole=True) is None
    assert number_meant("steps", "1.5k", whole=True) == "1500"
    assert number_meant("steps", "2M", whole=True) == "2000000"
    assert number_meant("steps", "9e99", whole=True) is None


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("generate --length 5", "rnngen sample --length 5"),
        ("test", "rnngen eval"),
        ("evaluate", "rnngen eval"),
        ("perplexity", "rnngen eval"),
        ("list", "rnngen runs"),
        ("show x", "rnngen inspect x"),
        ("info", "rnngen inspect"),
        ("complete", "rnngen sample"),
        ("version", "rnngen --version"),
        ("resume 'a run'", "rnngen train --resume 'a run'"),
        ("trian 'my text.txt' --minutes 3", "rnngen train 'my text.txt' --minutes 3"),
        ("inspect gradient checkpoints/tiny", "rnngen inspect gradients checkpoints/tiny"),
        ("inspect grads --lags 5", "rnngen inspect gradients --lags 5"),
        ("inspect gate", "rnngen inspect gates"),
        ("corpus pydoc", "rnngen corpus build pydoc"),
        ("corpus download text8", "rnngen corpus get text8"),
        ("download text8", "rnngen corpus get text8"),
        ("cache clear --yes", "rnngen cache prune --yes"),
    ],
)
def test_an_unknown_command_leads_to_one_that_can_be_typed(cli: Cli, line: str, meant: str) -> None:
    outcome = cli(*shlex.split(line))
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert f". Did you mean: {meant}? Try rnngen" in outcome.err


def test_a_file_or_a_run_in_place_of_a_command_leads_to_what_is_done_with_it(cli: Cli, trained: Path) -> None:
    Path("my text.txt").write_text("x")
    assert "Train on this text: rnngen train 'my text.txt' --minutes 3." in cli("my text.txt", "--minutes", 3).err
    assert "Write text with this run: rnngen sample checkpoints/tiny." in cli("checkpoints/tiny").err
    assert cli("").err == "rnngen: error: no such command: . Try rnngen --help.\n"
    assert cli("x" * 5000).err.count("x") < 100


@pytest.mark.parametrize(
    ("with_word", "with_option"),
    [
        ("help", "--help"),
        ("help train", "train --help"),
        ("help inspect gates", "inspect gates --help"),
        ("inspect help", "inspect --help"),
        ("corpus help build", "corpus build --help"),
    ],
)
def test_help_is_a_word_too(cli: Cli, with_word: str, with_option: str) -> None:
    outcome = cli(*with_word.split())
    assert outcome == cli(*with_option.split())
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("Usage: rnngen")


@pytest.mark.parametrize(("words", "ours"), [(words, ours) for words, table in OPTIONS.items() for ours in table])
def test_what_the_table_leads_to_exists(words: str, ours: str) -> None:
    commands = all_commands()
    options = re.findall(r"--[a-z][a-z-]+", ours)
    if words:
        known = {option for parameter in commands[words].params for option in parameter.opts} | {"--help"}
        assert set(options) <= known
    elif options != ["--quiet"]:
        assert set(options) <= {"--version", "--help"}


def test_no_name_in_the_table_is_an_option_of_the_command_already_or_stands_twice() -> None:
    commands = all_commands()
    for words, table in OPTIONS.items():
        if not words:
            continue
        names = [name.replace("-", "") for others in table.values() for name in others.split()]
        assert sorted(names) == sorted(set(names)), words
        known = {option for parameter in commands[words].params for option in parameter.opts}
        assert not {f"--{name}" for others in table.values() for name in others.split()} & known, words


def test_values_and_commands_in_the_table_exist() -> None:
    from rnngen.cli.eval import eval_command
    from rnngen.cli.sample import sample_command
    from rnngen.cli.train import train_command

    hints: dict[str, Any] = {}
    for function in (train_command, sample_command, eval_command):
        hints |= typing.get_type_hints(function)
    for option, table in VALUES.items():
        choices = re.findall(r"'([\w-]+)'", str(hints[option]))
        assert set(table) <= set(choices) or option in ("device", "clip"), option
    words = {"rnngen": "", "rnngen inspect": "inspect ", "rnngen corpus": "corpus ", "rnngen cache": "cache "}
    for group, table in OTHER_COMMANDS.items():
        for ours in table:
            assert (words[group] + ours).split()[0] in (*COMMANDS, "--version")


def test_the_closest_name_is_one_that_is_close() -> None:
    known = ["minutes", "out", "learning-rate", "muon-learning-rate", "bptt"]
    words = ("minuts", "MINUTES", "learning_rate", "learn", "gpu", "", "x" * 10**6)
    assert [closest(word, known) for word in words] == [
        "minutes",
        "minutes",
        "learning-rate",
        "learning-rate",
        None,
        None,
        None,
    ]
