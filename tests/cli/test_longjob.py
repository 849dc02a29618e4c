"""Long jobs: a bar on a terminal, plain lines elsewhere, nothing for short ones; and memory that does not grow."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from rnngen.cli import console, longjob
from rnngen.cli.console import Console
from rnngen.cli.longjob import LongJob
from tests.conftest import Outcome, make_text


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(longjob, "PATIENCE", 0.0)
    monkeypatch.setattr(longjob, "PLAIN_INTERVAL", 0.0)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_short_job_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with LongJob(Console.of_process(), "writing", 10, "tokens", shown=True) as job:
        job.advance_to(5)
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("impatient")
def test_a_long_job_says_off_a_terminal_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with LongJob(Console.of_process(), "writing", 1000, "tokens", shown=True) as job:
        for done in (0, 250, 500):
            job.advance_to(done)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "writing: 0 of 1,000 tokens"  # how long it takes is not known yet
    assert [line.split(", ")[0] for line in lines[1:]] == [f"writing: {n} of 1,000 tokens" for n in (250, 500)]
    assert all(line.endswith(" left") for line in lines[1:])


@pytest.mark.parametrize("first", [0, 64])
def test_what_comes_before_the_first_step_is_not_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], first: int
) -> None:
    clock = iter([500.0, 504.0, 520.0])  # the first step is told of after 500 seconds of reading
    monkeypatch.setattr(longjob, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    with LongJob(Console.of_process(), "writing", first + 40, "tokens", shown=True) as job:
        for done in (first, first + 4, first + 20):
            job.advance_to(done)
    total = first + 40
    assert capsys.readouterr().err.splitlines() == [
        f"writing: {first + 4} of {total} tokens, 36 s left",
        f"writing: {first + 20} of {total} tokens, 20 s left",
    ]


@pytest.mark.usefixtures("impatient")
def test_a_long_job_shows_a_bar_on_a_terminal_and_takes_it_away(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    with LongJob(Console(None, terminal), "writing", 1000, "tokens", shown=True) as job:
        job.advance_to(250)
    shown = terminal.getvalue()
    assert "250 of 1,000 tokens" in shown
    assert shown.rstrip().endswith("\x1b[2K")
    assert "\x1b[?25l" not in shown  # a killed command could not show the cursor again


@pytest.mark.usefixtures("impatient")
def test_what_is_not_to_be_shown_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    with LongJob(Console.of_process(), "writing", 1000, "tokens", shown=False) as job:
        job.advance_to(250)
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("impatient", "trained")
def test_sample_tells_how_far_it_is_only_while_its_text_goes_elsewhere(
    cli: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "FLUSH_SECONDS", 0.0)
    outcome = cli("sample", "-n", 300, "--seed", 1)  # type: ignore[operator]
    assert isinstance(outcome, Outcome)
    assert "of 300 tokens" in outcome.err
    assert "writing" not in cli("sample", "-n", 300, "--seed", 1, "--quiet").err  # type: ignore[operator]
    assert len(outcome.out.rstrip("\n")) <= 300


@pytest.mark.usefixtures("impatient", "trained")
def test_a_bar_on_the_terminal_takes_nothing_from_the_text(cli: object, monkeypatch: pytest.MonkeyPatch) -> None:
    text = cli("sample", "-n", 3000, "--seed", 1).out  # type: ignore[operator]
    monkeypatch.setattr(console, "FLUSH_SECONDS", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert cli("sample", "-n", 3000, "--seed", 1).out == text  # type: ignore[operator]
    assert "of 3,000 tokens" in terminal.getvalue()


GROWTH = """
import resource, sys
from rnngen.sampling.loading import load
from rnngen.sampling.options import Sampling
from rnngen.sampling.stopping import Ending
from rnngen.sampling.writer import write_text

generator = load(sys.argv[1])
sampling = Sampling(length=120_000, repetition_penalty=1.05, stop=("never",))
pieces = write_text(generator.writer("The ", sampling, seed=1), generator.tokenizer, Ending(sampling))
for n, piece in enumerate(pieces):
    if n == 20_000:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, n)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has other units")
def test_memory_does_not_grow_with_the_text(trained: Path) -> None:
    done = subprocess.run([sys.executable, "-c", GROWTH, str(trained)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    grown, written = map(int, done.stdout.split())
    assert written > 100_000
    assert grown < 1024  # KiB, after 20,000 tokens: ten bytes a token would be as much


@pytest.mark.slow
@pytest.mark.usefixtures("impatient", "trained")
def test_a_prompt_that_takes_long_to_read_is_told_as_that(cli: Callable[..., Outcome]) -> None:
    prompt = make_text(21_000)
    seed = ["--seed", 1]
    for more in (
        seed,
        [*seed, "--show-probs", "--num-samples", 2],
        [*seed, "--json"],
        [*seed, "--num-samples", 3],
        [*seed, "--json", "--show-probs"],
        ["--beam", 2],
    ):
        err = cli("sample", "--prompt", prompt, "-n", 3, *more).err
        assert re.search(r"^reading the prompt: [\d,]+ of 21,000 tokens, \d+ s left$", err, re.MULTILINE)
        while_it_was_read = err[: err.rindex("reading the prompt")]
        assert set(re.findall(r"^writing: .*", while_it_was_read, re.MULTILINE)) <= {"writing: 0 of 3 tokens"}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("width", [60, 80, 100, 120, 160])
def test_a_bar_with_a_long_description_is_not_cut(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    err = Terminal()
    with LongJob(Console(io.StringIO(), err), "scoring", 10**9, "tokens", shown=True) as job:
        job.advance_to(0)
        job.describe("scoring (2.4481 nats per token so far)")
        job.advance_to(10**8)
        assert job._bar is not None
        job._bar[0].refresh()
    assert "2.4481 nats per token so far) " in err.getvalue()
    assert "…" not in err.getvalue()


def test_steps_that_are_announced_count_once_the_next_ones_are(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []
    job = LongJob(Console(io.StringIO(), Terminal()), "reading", 30, "tokens", shown=True)
    monkeypatch.setattr(job, "advance_to", done.append)
    for steps in (10, 0, 20):
        job.announce(steps)
    assert done == [0, 10, 10]
