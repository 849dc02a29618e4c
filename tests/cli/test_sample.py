"""``rnngen sample``: the text on standard output, everything else on standard error."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

import rnngen
from tests.conftest import FAST, Outcome, make_text

Cli = Callable[..., Outcome]


def refused(outcome: Outcome, code: int, *said: str) -> None:
    assert (outcome.code, outcome.out) == (code, ""), outcome
    assert outcome.err.startswith("rnngen: error: ")
    assert outcome.err.count("\n") == 1
    for words in said:
        assert words in outcome.err


@pytest.mark.usefixtures("trained")
def test_the_same_seed_gives_the_same_text_and_another_another(cli: Cli) -> None:
    one, again, other = (cli("sample", "--seed", seed).out for seed in (7, 7, 8))
    assert one == again
    assert one != other


@pytest.mark.usefixtures("trained")
def test_a_drawn_seed_is_reported_and_gives_the_text_again(cli: Cli) -> None:
    drawn = cli("sample", "-n", 200)
    match = re.fullmatch(r"\(seed (\d+), checkpoints/tiny\)\n", drawn.err)
    assert match
    assert cli("sample", "-n", 200, "--seed", match[1]) == drawn
    assert cli("sample", "-n", 200).err != drawn.err


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("length", [0, 1, 7, 300])
def test_length_is_exactly_the_number_of_characters(cli: Cli, length: int) -> None:
    plain = cli("sample", "--seed", 3, "--length", length)
    sample = json.loads(cli("sample", "--seed", 3, "--length", length, "--json").out)
    assert len(sample["text"]) == sample["tokens"] == length
    ending = "" if sample["text"].endswith("\n") else "\n"
    assert plain.out == sample["text"] + ending


@pytest.mark.usefixtures("trained")
def test_the_library_writes_what_the_command_writes(cli: Cli) -> None:
    text = rnngen.generate("The", length=50, temperature=0.7, seed=4)
    assert cli("sample", "-p", "The", "-n", 50, "-t", 0.7, "--seed", 4).out.rstrip("\n") == ("The" + text).rstrip("\n")


@pytest.mark.usefixtures("trained")
def test_samples_are_numbered_and_the_first_does_not_depend_on_how_many(cli: Cli) -> None:
    out = cli("sample", "--num-samples", 3, "--seed", 5, "-n", 40, "-p", "The ").out
    texts = re.split(r"^--- sample \d\n", out, flags=re.MULTILINE)[1:]
    assert re.findall(r"^--- sample (\d)$", out, re.MULTILINE) == ["1", "2", "3"]
    assert len(set(texts)) == 3
    assert texts[0].rstrip("\n") == cli("sample", "--seed", 5, "-n", 40, "-p", "The ").out.rstrip("\n")
    assert all(text.startswith("The ") for text in texts)


@pytest.mark.usefixtures("trained")
def test_json_is_one_object_a_sample_and_nothing_else(cli: Cli) -> None:
    outcome = cli("sample", "--json", "--num-samples", 2, "--seed", 9, "-n", 20, "-p", "A", "-t", 0.5)
    first, second = (json.loads(line) for line in outcome.out.splitlines())
    assert first.keys() >= {"text", "seed", "tokens", "nats"}
    assert (first["sample"], second["sample"]) == (0, 1)
    assert (first["seed"], first["temperature"], first["prompt"]) == (9, 0.5, "A")
    assert first["text"] != second["text"]
    assert outcome.err == ""


@pytest.mark.usefixtures("trained")
def test_nats_are_the_models_own_whatever_the_temperature(cli: Cli) -> None:
    greedy = json.loads(cli("sample", "--json", "-t", 0, "-n", 50).out)
    bold = json.loads(cli("sample", "--json", "-t", 5, "-n", 50, "--seed", 1).out)
    assert 0 < greedy["nats"] < bold["nats"]


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("prompt", ["The cat", "T", "<unk>", "The\ncat\n", ""])
def test_the_text_begins_with_the_prompt(cli: Cli, prompt: str) -> None:
    outcome = cli("sample", "--prompt", prompt, "--length", 20, "--seed", 1)
    assert outcome.code == 0
    assert outcome.out.startswith(prompt)
    assert len(prompt) + 20 <= len(outcome.out) <= len(prompt) + 21


@pytest.mark.usefixtures("trained")
def test_a_prompt_is_read_to_its_end(cli: Cli) -> None:
    after = {
        p: json.loads(cli("sample", "-p", p, "-n", 60, "--seed", 1, "--json").out)["text"] for p in ("A", "Th", "q")
    }
    assert len(set(after.values())) == 3


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


@pytest.mark.usefixtures("trained")
def test_quiet_leaves_standard_error_empty(cli: Cli) -> None:
    assert cli("sample", "-p", "Ω", "-n", 5, "--quiet").err == ""


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("more", [[], ["--json"], ["--num-samples", "2"]])
def test_a_lone_surrogate_in_the_prompt_is_a_clear_error(cli: Cli, more: list[str]) -> None:
    refused(cli("sample", "--prompt", "a\udc80", *more), 1, "lone surrogate", "U+DC80 at character 1")


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(
    ("content", "prompt"),
    [(b"The cat", "The cat"), (b"The cat\n", "The cat"), (b"The\r\ncat\r\n\r\n", "The\ncat\n"), (b"", "")],
)
def test_prompt_dash_reads_standard_input(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, content: bytes, prompt: str
) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content), closed=False))
    piped = json.loads(cli("sample", "--prompt", "-", "--seed", 1, "-n", 30, "--json").out)
    given = json.loads(cli("sample", "--prompt", prompt, "--seed", 1, "-n", 30, "--json").out)
    assert piped == given


@pytest.mark.usefixtures("trained")
def test_a_prompt_on_standard_input_that_is_not_utf8_is_a_clear_error(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"The \xff"), closed=False))
    refused(cli("sample", "--prompt", "-"), 1, "standard input: is not UTF-8", "offset 4")


@pytest.mark.usefixtures("trained")
def test_a_prompt_longer_than_the_corpus_is_continued(cli: Cli) -> None:
    prompt = make_text(21_000, seed=3)
    outcome = cli("sample", "-p", prompt, "-n", 10)
    assert outcome.code == 0
    assert outcome.out.startswith(prompt)


@pytest.mark.usefixtures("trained")
def test_temperature_zero_is_the_same_text_for_every_seed(cli: Cli) -> None:
    assert len({cli("sample", "-t", 0, "--seed", seed, "-n", 100).out for seed in range(3)}) == 1


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("temperature", ["1e-300", "1e300"])
def test_an_extreme_temperature_still_writes(cli: Cli, temperature: str) -> None:
    outcome = cli("sample", "-t", temperature, "--seed", 1, "-n", 20, "--json")
    assert outcome.code == 0
    assert len(json.loads(outcome.out)["text"]) == 20


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--temperature", "-1"), ("--temperature", "nan"), ("--temperature", "inf"), ("--temperature", "-inf"),
        ("--length", "-1"), ("--num-samples", "0"), ("--seed", "-1"),
    ],
)  # fmt: skip
def test_a_value_out_of_range_is_a_usage_error_before_anything_is_read(cli: Cli, option: str, value: str) -> None:
    refused(cli("sample", option, value), 2, f"{option} is out of range", f"found {float(value):g}")


def test_without_a_run_the_way_to_one_is_told(cli: Cli) -> None:
    refused(cli("sample"), 1, "checkpoints: there is no trained model yet", "rnngen train FILE")


def test_a_path_that_is_no_run_is_told(cli: Cli, corpus: Path) -> None:
    refused(cli("sample", corpus), 1, f"{corpus}: is not a run", "found a file")
    refused(cli("sample", "nowhere"), 1, "nowhere: is not a run", "found nothing there")
    Path("empty").mkdir()
    refused(cli("sample", "empty"), 1, "empty: has no saved model yet")


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("seed", [1, 2])
def test_the_unknown_symbol_is_never_written(cli: Cli, seed: int) -> None:
    text = json.loads(cli("sample", "-n", 2000, "-t", 5, "--seed", seed, "--json").out)["text"]
    assert len(text) == 2000
    assert set(text) <= set(make_text(20_000))


def test_the_unknown_symbol_is_not_written_even_where_it_is_the_likeliest(cli: Cli, corpus: Path) -> None:
    rnngen.train(corpus, out="checkpoints/few", steps=40, vocab_size=4, **FAST)  # most of the text is unknown
    text = json.loads(cli("sample", "-n", 200, "-t", 0, "--json").out)["text"]
    assert len(text) == 200
    assert "<" not in text


@pytest.mark.usefixtures("trained")
def test_the_newest_run_is_used_by_default(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "digits.txt").write_text("0123456789\n" * 300)
    rnngen.train(tmp_path / "digits.txt", out="checkpoints/a-digits", steps=2, **FAST)
    assert set(cli("sample", "-n", 50).out) <= set("0123456789\n")
    os.utime("checkpoints/tiny/manifest.json")
    assert not set(cli("sample", "-n", 50).out) <= set("0123456789\n")


@pytest.mark.usefixtures("trained")
def test_a_run_without_a_manifest_is_not_the_newest(cli: Cli, trained: Path) -> None:
    shutil.copytree(trained, "checkpoints/unfinished")
    Path("checkpoints/unfinished/manifest.json").unlink()
    assert cli("sample", "-n", 5).code == 0


@pytest.mark.usefixtures("trained")
def test_a_reader_that_leaves_early_gets_no_traceback(rnngen_command: list[str]) -> None:
    command = f"{shlex.join(rnngen_command)} sample -n 100000 --seed 1 | head -c 10"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, timeout=60)
    assert (done.returncode, len(done.stdout), done.stderr) == (0, 10, b"")
