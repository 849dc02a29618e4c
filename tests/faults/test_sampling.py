"""Rows 18 to 21 of the list of faults: prompts, options, characters and streams that ``sample`` must survive."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import rnngen
from tests.cli.test_sample import refused
from tests.conftest import FAST, Outcome, make_text

Cli = Callable[..., Outcome]


# 18: the prompt


@pytest.mark.fault(18)
@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(
    ("prompt", "read", "unseen"),
    [("The Ωcat Ω漢", "The cat ", "'Ω漢'"), ("ΩΩ", "", "'Ω'"), ("\x1b[2J", "", "'\\x1b[2J'")],
)
def test_unseen_characters_are_shown_but_not_read_with_a_note(cli: Cli, prompt: str, read: str, unseen: str) -> None:
    outcome = cli("sample", "-p", prompt, "--seed", 2, "-n", 50)
    assert outcome.code == 0
    assert f"never seen {unseen}" in outcome.err
    assert "\x1b" not in outcome.err
    assert outcome.out.removeprefix(prompt) == cli("sample", "-p", read, "--seed", 2, "-n", 50).out.removeprefix(read)


@pytest.mark.fault(18)
@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("more", [[], ["--json"], ["--num-samples", "2"]])
def test_a_lone_surrogate_in_the_prompt_is_a_clear_error(cli: Cli, more: list[str]) -> None:
    refused(cli("sample", "--prompt", "a\udc80", *more), 1, "lone surrogate", "U+DC80 at character 1")


@pytest.mark.fault(18)
@pytest.mark.usefixtures("trained")
def test_a_prompt_longer_than_the_corpus_is_continued(cli: Cli) -> None:
    prompt = make_text(21_000, seed=3)
    outcome = cli("sample", "-p", prompt, "-n", 10)
    assert outcome.code == 0
    assert outcome.out.startswith(prompt)


@pytest.mark.fault(18)
@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(("file", "said"), [("", "is not a file"), ("folder", "is not a file"), ("no", "no such file")])
def test_a_prompt_file_that_is_none_is_a_clear_error(cli: Cli, file: str, said: str) -> None:
    Path("folder").mkdir()
    Path("folder/a.txt").write_text("The")
    refused(cli("sample", "--prompt-file", file), 1, said)


@pytest.mark.fault(18)
@pytest.mark.usefixtures("trained")
def test_an_empty_prompt_is_the_beginning_of_a_paragraph(cli: Cli) -> None:
    empty = cli("sample", "--prompt", "", "--seed", 1, "-n", 50)
    assert empty == cli("sample", "--seed", 1, "-n", 50)
    assert empty.out.rstrip("\n") == cli("sample", "-p", "\n\n", "--seed", 1, "-n", 50).out.strip("\n")


# 19: the options


@pytest.mark.fault(19)
@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("temperature", ["1e-300", "1e300"])
def test_an_extreme_temperature_still_writes(cli: Cli, temperature: str) -> None:
    outcome = cli("sample", "-t", temperature, "--seed", 1, "-n", 20, "--json")
    assert outcome.code == 0
    assert len(json.loads(outcome.out)["text"]) == 20


@pytest.mark.fault(19)
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--temperature", "-1"),
        ("--temperature", "nan"),
        ("--temperature", "inf"),
        ("--temperature", "-inf"),
        ("--length", "-1"),
        ("--num-samples", "0"),
        ("--seed", "-1"),
    ],
)
def test_a_value_out_of_range_is_a_usage_error_before_anything_is_read(cli: Cli, option: str, value: str) -> None:
    refused(cli("sample", option, value), 2, f"invalid value for {option}", f"found {float(value):g}")


@pytest.mark.fault(19)
@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--top-k", "-1"], "invalid value for --top-k"),
        (["--top-p", "1.5"], "invalid value for --top-p"),
        (["--top-p", "nan"], "invalid value for --top-p"),
        (["--min-p", "-0.1"], "invalid value for --min-p"),
        (["--typical", "2"], "invalid value for --typical"),
        (["--repetition-penalty", "0"], "invalid value for --repetition-penalty"),
        (["--repetition-window", "-1"], "invalid value for --repetition-window"),
        (["--beam", "-1"], "invalid value for --beam"),
        (["--until", "chapter"], "'chapter'"),
        (["--keep-stop"], "--keep-stop keeps the text of --stop, which is not given"),
        (["--stop", ""], "invalid value for --stop; expected a text that is not empty; found ''"),
        (["--ban", "Ωλ"], "no token of this char model contains"),
        (["--force", "Ω"], "never seen: 'Ω'"),
        (["--temperature", "warm"], "--temperature"),
        (["--device", "tpu"], "--device tpu cannot be used here"),
        (["--beam", "3", "--temperature", "0.5"], "--beam and --temperature cannot both be given"),
        (["--beam", "3", "--seed", "1"], "--beam and --seed cannot both be given"),
        (["--prompt", "a", "--prompt-file", "f"], "--prompt and --prompt-file cannot both be given"),
        (["--interactive", "--json"], "--interactive and --json cannot both be given"),
        (["--interactive"], "--interactive needs a terminal"),
        (["--interactive", "--force", "a"], "--interactive and --force cannot both be given"),
        (["--beam", "2", "--num-samples", "5"], "--num-samples is more than --beam finds; expected at most 2"),
    ],
)
def test_options_that_mean_nothing_are_one_clear_line(cli: Cli, options: list[str], said: str) -> None:
    refused(cli("sample", *options), 2, said)


@pytest.mark.fault(19)
@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(
    "options",
    [
        ["--top-k", 10**9],
        ["--top-p", 0],
        ["--min-p", 1],
        ["--typical", 0],
        ["--top-k", 1, "--top-p", 0, "--min-p", 1],
        ["-t", 0, "--top-k", 5, "--top-p", 0.1, "--min-p", 0.9, "--typical", 0.1, "--repetition-penalty", 100],
        ["-t", 1e-300, "--repetition-penalty", 0.01],
        ["--ban", "e", "--ban", "a", "--ban", " ", "--top-p", 0.5],
    ],
)
def test_any_filters_at_once_leave_something_to_write(cli: Cli, options: list[object]) -> None:
    for more in ([], ["--num-samples", 3]):
        outcome = cli("sample", "-n", 40, "--seed", 1, "--json", *options, *more)
        assert outcome.code == 0, outcome.err
        assert outcome.err == ""
        for line in outcome.out.splitlines():
            assert len(json.loads(line)["text"]) == 40


# 20: a character of several bytes


@pytest.mark.fault(20)
@pytest.mark.parametrize("tokenizer", ["byte", "bpe"])
@pytest.mark.parametrize("stop", [[], ["--stop", "never there"]])
def test_streamed_text_equals_the_full_decode(cli: Cli, tmp_path: Path, tokenizer: str, stop: list[str]) -> None:
    text = tmp_path / "snow.txt"
    text.write_text("☃ schöne Grüße 漢字 🙂\n" * 400, encoding="utf-8")
    more = {} if tokenizer == "byte" else {"vocab_size": 300}
    rnngen.train(text, out="checkpoints/snow", steps=30, tokenizer=tokenizer, **more, **FAST)
    generator = rnngen.load("checkpoints/snow")
    broken = 0
    for seed in range(6):
        pieces = list(generator.generate("☃", length=100 + seed, seed=seed))
        writer = generator.writer("☃", rnngen.sampling.options.Sampling(length=100 + seed), seed=seed)
        full = generator.tokenizer.decode([writer.step()[0] for _ in range(100 + seed)])
        assert "".join(pieces) == full
        broken += "\ufffd" in full
        out = cli("sample", "-p", "☃", "--seed", seed, "-n", 100 + seed, *stop).out
        assert out.removeprefix("☃").removesuffix("\n") == full.removesuffix("\n")
    assert broken, "a model of bytes this young breaks characters, and cuts the last one"


# 21: readers and streams that are not there


@pytest.mark.fault(21)
@pytest.mark.usefixtures("trained")
def test_a_reader_that_leaves_early_gets_no_traceback(rnngen_command: list[str]) -> None:
    command = f"{shlex.join(rnngen_command)} sample -n 100000 --seed 1 | head -c 10"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, timeout=60)
    assert (done.returncode, len(done.stdout), done.stderr) == (0, 10, b"")


@pytest.mark.fault(21)
@pytest.mark.usefixtures("trained")
def test_a_closed_standard_input_and_no_terminal_are_no_obstacle(rnngen_command: list[str]) -> None:
    command = f"{shlex.join(rnngen_command)} sample -n 20 --seed 1 <&-"
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60, start_new_session=True)
    assert (done.returncode, done.stderr) == (0, b"(seed 1, checkpoints/tiny)\n")
    command = f"{shlex.join(rnngen_command)} sample --prompt - <&-"
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60, start_new_session=True)
    assert done.returncode == 2
    assert b"standard input, which is closed" in done.stderr


@pytest.mark.fault(21)
@pytest.mark.usefixtures("trained")
def test_a_closed_standard_output_is_a_clear_error(rnngen_command: list[str]) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{shlex.join(rnngen_command)} sample -n 20 >&-"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "standard output is closed" in done.stderr
    assert "Traceback" not in done.stderr
