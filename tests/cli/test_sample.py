"""``rnngen sample``: the text on standard output, everything else on standard error."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import math
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
from tests.rounding import run_nats_bound
from tests.sampling.exact import make_exact

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


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def on_terminal(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run the command line with standard output on a terminal; what that shows."""

    def call(*arguments: object) -> str:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", terminal := Terminal())
            assert cli(*arguments).code == 0
        return terminal.getvalue()

    return call


def test_on_a_terminal_samples_are_numbered_and_the_first_does_not_depend_on_how_many(
    cli: Cli, trained: Path, on_terminal: Callable[..., str]
) -> None:
    make_exact(trained)  # else a number on the border of two tokens could fall to either side
    shown = on_terminal("sample", "--num-samples", 3, "--seed", 5, "-n", 40, "-p", "The ")
    texts = re.split(r"^--- sample \d\n", shown, flags=re.MULTILINE)[1:]
    assert re.findall(r"^--- sample (\d)$", shown, re.MULTILINE) == ["1", "2", "3"]
    assert len(set(texts)) == 3
    assert texts[0].rstrip("\n") == cli("sample", "--seed", 5, "-n", 40, "-p", "The ").out.rstrip("\n")
    assert all(text.startswith("The ") for text in texts)


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("how", [[], ["--show-probs"], ["--beam", 4]], ids=["drawn", "coloured", "searched"])
@pytest.mark.parametrize("prompt", ["", "The ", "The\n"])
def test_off_a_terminal_and_with_quiet_there_are_the_texts_alone(
    cli: Cli, on_terminal: Callable[..., str], how: list[object], prompt: str
) -> None:
    many = ["sample", "-p", prompt, "-n", 60, "--num-samples", 4, *how, *(["--seed", 1] if "--beam" not in how else [])]
    texts = [json.loads(line)["text"] for line in cli(*many, "--json").out.splitlines()]
    expected = "\n".join((prompt + text).rstrip("\n") + "\n" for text in texts)
    assert cli(*many).out == expected
    assert on_terminal(*many, "--quiet") == expected
    assert on_terminal(*many).count("--- sample ") == 4


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("how", [[], ["--show-probs"], ["--beam", 40]], ids=["drawn", "coloured", "searched"])
@pytest.mark.parametrize(
    "ends",
    [["--until", "line"], ["--stop", "\n"], ["--stop", "\n", "--keep-stop"], ["--ban", "\n"], ["-n", 0, "--ban", "\n"]],
)
@pytest.mark.parametrize("prompt", ["", pytest.param("The ", marks=pytest.mark.slow)])
def test_texts_that_are_lines_are_one_per_line_even_where_one_is_empty(
    cli: Cli, on_terminal: Callable[..., str], how: list[object], ends: list[object], prompt: str
) -> None:
    many = ["sample", "-p", prompt, "-n", 20, *ends, "--num-samples", 40, *how]
    many += ["--seed", 1, "-t", 2] if "--beam" not in how else []
    samples = [json.loads(line) for line in cli(*many, "--json").out.splitlines()]
    expected = [(prompt + sample["text"]).removesuffix("\n") for sample in samples]
    assert len(expected) > 1 or (0 in ends and "--beam" in how)
    for out in (cli(*many).out, on_terminal(*many), on_terminal(*many, "--quiet")):
        assert out == "".join(line + "\n" for line in expected)
    for sample in [] if "--beam" in how else samples[:1]:  # and one alone is a line too
        alone = cli("sample", "-p", prompt, "-n", 20, *ends, "--seed", 1, "-t", 2, *how).out
        assert alone == prompt + sample["text"].removesuffix("\n") + "\n"


@pytest.mark.usefixtures("trained")
def test_without_a_prompt_a_line_is_not_empty(cli: Cli) -> None:
    outcome = cli("sample", "--until", "line", "--num-samples", 300, "--seed", 1, "--json")
    samples = [json.loads(line) for line in outcome.out.splitlines()]
    assert len(samples) == 300
    assert all(sample["text"] for sample in samples)
    skipped = [sample for sample in samples if sample["tokens"] > len(sample["text"]) + 1]
    assert skipped, "the model begins some paragraphs with a line end, which is drawn and left out"
    with_pieces = cli("sample", "--until", "line", "--num-samples", 300, "--seed", 1, "--json", "--show-probs").out
    for sample, line in zip(samples, with_pieces.splitlines(), strict=True):
        pieces = json.loads(line)
        assert (pieces["text"], pieces["tokens"]) == (sample["text"], sample["tokens"])
        assert math.fsum(piece["nats"] for piece in pieces["pieces"]) == pytest.approx(sample["nats"], rel=1e-6)


@pytest.mark.usefixtures("trained")
def test_a_sentence_ends_with_its_mark_and_a_kept_stop_text_with_itself(cli: Cli) -> None:
    for more in ([], ["--show-probs"]):
        sentence = json.loads(cli("sample", "--until", "sentence", "--seed", 1, "-t", 0.5, "--json", *more).out)
        assert sentence["finish_reason"] == "sentence"
        assert sentence["stop"] == "\n\n" or sentence["text"].endswith(sentence["stop"])
        kept = json.loads(cli("sample", "--stop", ".", "--keep-stop", "--seed", 1, "--json", *more).out)
        assert kept["text"].endswith(".")
        assert kept["text"].count(".") == 1
        assert (kept["finish_reason"], kept["stop"]) == ("stop", ".")


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
def test_quiet_leaves_standard_error_empty(cli: Cli) -> None:
    assert cli("sample", "-p", "Ω", "-n", 5, "--quiet").err == ""


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
def test_temperature_zero_is_the_same_text_for_every_seed(cli: Cli) -> None:
    assert len({cli("sample", "-t", 0, "--seed", seed, "-n", 100).out for seed in range(3)}) == 1


def test_without_a_run_the_way_to_one_is_told(cli: Cli) -> None:
    refused(cli("sample"), 1, "checkpoints: there is no trained model yet", "rnngen train FILE")


def test_a_path_that_is_no_run_is_told(cli: Cli, corpus: Path) -> None:
    refused(
        cli("sample", corpus), 2, f"{corpus}: is not a run", "found a file", f"rnngen sample --prompt-file {corpus}"
    )
    refused(
        cli("sample", "nowhere"), 1, "nowhere: is not a run", "found nothing there", "rnngen sample --prompt nowhere"
    )
    Path("empty").mkdir()
    refused(cli("sample", "empty"), 1, "empty: is not a run")


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("seed", [1, 2])
def test_the_unknown_symbol_is_never_written(cli: Cli, seed: int) -> None:
    text = json.loads(cli("sample", "-n", 2000, "-t", 5, "--seed", seed, "--json").out)["text"]
    assert len(text) == 2000
    assert set(text) <= set(make_text(20_000))


def test_the_unknown_symbol_is_not_written_even_where_it_is_the_most_likely(cli: Cli, corpus: Path) -> None:
    rnngen.train(corpus, out="checkpoints/few", steps=40, vocab_size=4, **FAST)  # most of the text is unknown
    text = json.loads(cli("sample", "-n", 200, "-t", 0, "--json").out)["text"]
    assert len(text) == 200
    assert "<" not in text


@pytest.mark.usefixtures("trained")
def test_the_newest_run_is_used_by_default(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "digits.txt").write_text("0123456789\n" * 300)
    rnngen.train(tmp_path / "digits.txt", out="checkpoints/a-digits", steps=2, **FAST)
    assert set(cli("sample", "-n", 50).out) <= set("0123456789\n")
    os.utime("checkpoints/tiny/manifest.json")  # a copy or a clock that was set back says nothing
    assert set(cli("sample", "-n", 50).out) <= set("0123456789\n")
    shutil.rmtree("checkpoints/a-digits")
    assert not set(cli("sample", "-n", 50).out) <= set("0123456789\n")


@pytest.mark.usefixtures("trained")
def test_a_run_without_a_manifest_is_not_the_newest(cli: Cli, trained: Path) -> None:
    shutil.copytree(trained, "checkpoints/unfinished")
    Path("checkpoints/unfinished/manifest.json").unlink()
    assert cli("sample", "-n", 5).code == 0


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(
    "options",
    [
        {"top_k": 3},
        {"top_p": 0.5},
        {"min_p": 0.2},
        {"typical": 0.4},
        {"repetition_penalty": 1.3},
        {"repetition_penalty": 1.5, "repetition_window": 5},
        {"ban": ["e"]},
        {"force": "cat"},
        {"stop": ["dog", "."]},
        {"until": "line"},
        {"until": "paragraph", "length": 40},
        {"until": "sentence"},
        {"device": "cpu"},
        {"stop": ["og", "."], "keep_stop": True},
        {"temperature": 0.8, "top_k": 9, "top_p": 0.9, "min_p": 0.01, "typical": 0.95, "repetition_penalty": 1.1},
    ],
)
def test_every_option_means_what_it_means_in_the_library(cli: Cli, options: dict[str, object]) -> None:
    words = []
    for name, value in options.items():
        if value is True:
            words.append(f"--{name.replace('_', '-')}")
            continue
        for one in value if isinstance(value, list) else [value]:
            words += [f"--{name.replace('_', '-')}", one]
    text = rnngen.generate("The ", seed=5, **options)  # type: ignore[arg-type]
    sample = json.loads(cli("sample", "-p", "The ", "--seed", 5, "--json", *words).out)
    assert sample["text"] == text
    assert cli("sample", "-p", "The ", "--seed", 5, *words).out.rstrip("\n") == f"The {text}".rstrip("\n")
    if "ban" in options:
        assert "e" not in text


@pytest.mark.usefixtures("trained")
def test_json_says_why_a_text_ended(cli: Cli) -> None:
    def ended(*options: object) -> tuple[str, str | None]:
        sample = json.loads(cli("sample", "-p", "The ", "--seed", 1, "--json", *options).out)
        assert sample["tokens"] >= len(sample["text"])
        return sample["finish_reason"], sample.get("stop")

    assert ended("-n", 5) == ("length", None)
    assert ended("--until", "line") == ("line", "\n")
    assert ended("--stop", "e", "--stop", "a") in {("stop", "e"), ("stop", "a")}


@pytest.mark.usefixtures("trained")
def test_a_prompt_file_is_read_under_the_rules_of_text(cli: Cli) -> None:
    Path("prompt.txt").write_bytes(b"\xef\xbb\xbfThe\r\ncat\r\n")
    given = cli("sample", "--prompt", "The\ncat", "--seed", 1, "-n", 30)
    assert cli("sample", "--prompt-file", "prompt.txt", "--seed", 1, "-n", 30) == given
    refused(cli("sample", "--prompt-file", "missing.txt"), 1, "missing.txt: no such file")
    Path("bad.txt").write_bytes(b"ab\xff")
    refused(cli("sample", "--prompt-file", "bad.txt"), 1, "bad.txt: is not UTF-8", "offset 2")


def test_a_beam_is_the_same_every_time_and_no_less_likely_than_greedy(cli: Cli, trained: Path) -> None:
    found = [
        json.loads(line)
        for line in cli("sample", "--beam", 8, "-n", 30, "--num-samples", 3, "--json").out.split("\n")
        if line
    ]
    assert [s["sample"] for s in found] == [0, 1, 2]
    assert [s["nats"] for s in found] == sorted(s["nats"] for s in found)
    greedy = json.loads(cli("sample", "-t", 0, "-n", 30, "--json").out)
    assert found[0]["nats"] <= greedy["nats"] + run_nats_bound(trained, "\n\n" + greedy["text"])
    assert cli("sample", "--beam", 8, "-n", 30).out.rstrip("\n") == found[0]["text"].rstrip("\n")
    assert "seed" not in found[0]


@pytest.mark.usefixtures("trained")
def test_show_probs_colours_what_was_surprising(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = cli("sample", "-p", "The ", "--seed", 1, "-n", 80)
    shown = cli("sample", "-p", "The ", "--seed", 1, "-n", 80, "--show-probs")
    assert shown.out == plain.out
    assert "no colours here" in shown.err
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    coloured = cli("sample", "-p", "The ", "--seed", 1, "-n", 80, "-t", 2, "--show-probs")
    plain = cli("sample", "-p", "The ", "--seed", 1, "-n", 80, "-t", 2)
    without = re.sub(r"\x1b\[[0-9;]*m", "", coloured.out).replace("↵\n", "\n")
    assert without == plain.out
    assert coloured.out.startswith("The ")
    pieces = json.loads(cli("sample", "-p", "The ", "--seed", 1, "-n", 80, "-t", 2, "--show-probs", "--json").out)[
        "pieces"
    ]
    marked = re.findall(r"\x1b\[([0-9;]+)m([^\x1b]*)\x1b\[0m", coloured.out)
    surprising = [p["text"] for p in pieces if p["nats"] >= math.log(2)]
    assert [text.removesuffix("\n").replace("↵", "\n") for _, text in marked if text.strip("\n")] == surprising
    assert "bits per token" in coloured.err


@pytest.mark.usefixtures("trained")
def test_json_with_show_probs_lists_every_token(cli: Cli) -> None:
    with_pieces, without = (
        json.loads(cli("sample", "--seed", 1, "-n", 50, "--stop", "the", "--json", *more).out)
        for more in (["--show-probs"], [])
    )
    pieces = with_pieces.pop("pieces")
    assert "".join(p["text"] for p in pieces) == without["text"]
    # the same numbers: sums in float64, in another order
    assert math.fsum(p["nats"] for p in pieces) == pytest.approx(without["nats"], rel=1e-12)
    assert len(pieces) == without["tokens"]
    assert with_pieces.pop("nats") == pytest.approx(without.pop("nats"), rel=1e-12)
    assert with_pieces == without


@pytest.mark.usefixtures("trained")
def test_no_pydantic_and_nothing_else_heavy_is_on_the_way_to_the_first_character() -> None:
    program = """
import sys
from rnngen.__main__ import main
sys.argv = ["rnngen", "sample", "-n", "3", "--temperature", "0.5", "--top-k", "3", "--stop", "q", "--until", "line"]
try:
    main()
finally:
    heavy = {"torch", "pydantic", "tokenizers", "rich.console", "rnngen.options.config", "rnngen.model", "numpy.random"}
    print(sorted(heavy & sys.modules.keys()), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stderr.splitlines()[-1] == "[]", done.stderr


@pytest.mark.usefixtures("trained")
def test_a_run_that_is_not_at_its_end_says_so(cli: Cli, trained: Path) -> None:
    config = json.loads((trained / "config.json").read_text())
    config["train"]["steps"] = 2000
    content = json.dumps(config).encode()
    (trained / "config.json").write_bytes(content)
    manifest = json.loads((trained / "manifest.json").read_text())
    manifest["files"]["config.json"] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (trained / "manifest.json").write_text(json.dumps(manifest))
    assert cli("sample", "-n", 5, "--seed", 1).err == "(seed 1, checkpoints/tiny, trained to step 60 of 2,000 so far)\n"


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["checkpoints/tiny", "The "], "rnngen sample checkpoints/tiny --prompt 'The '"),
        (["checkpoints/tiny", "The", "cat"], "rnngen sample checkpoints/tiny --prompt 'The cat'"),
        (["Once upon a time"], "rnngen sample --prompt 'Once upon a time'"),
        (["Once", "upon", "a", "time"], "rnngen sample --prompt 'Once upon a time'"),
        (["the cat " * 100], f"rnngen sample --prompt '{'the cat ' * 100}'"),
        (["--", "- the cat"], "rnngen sample '--prompt=- the cat'"),
        (["-"], "rnngen sample --prompt -"),
    ],
)
def test_a_text_where_a_run_is_expected_is_told_with_the_command_that_reads_it(
    cli: Cli, arguments: list[str], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = cli("sample", *arguments)
    refused(outcome, 2, "a run is expected", command)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"The cat"), closed=False))
    assert cli(*shlex.split(command)[1:], "-n", 3).code == 0


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("name", ["Hello", "The cat " * 100, "the cat.", "missing.txt"])
def test_a_prompt_file_that_is_a_text_is_told_with_the_command_that_reads_it(cli: Cli, name: str) -> None:
    outcome = cli("sample", "--prompt-file", name)
    refused(outcome, 1, "no such file", f"rnngen sample --prompt {shlex.quote(name)}")


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--stop", "Ω"], "ends nothing: the model has never seen 'Ω'. The text ends after 500 tokens; --len"),
        (["--stop", "Ω", "-n", 7], "ends nothing: the model has never seen 'Ω'. The text ends after 7 tokens"),
        (["--stop", "Ω", "--stop", "a"], "--stop 'Ω' ends nothing: the model has never seen 'Ω'\n"),
        (["--ban", "\n", "--until", "line", "-n", 9], "--until line ends nothing: --ban forbids it. The text ends"),
        (["--ban", "\n", "--until", "paragraph", "--stop", "a"], "--until paragraph ends nothing: --ban forbids it\n"),
        (["--ban", "\n", "--ban", ".", "--until", "sentence", "-n", 9], "--until sentence ends nothing: --ban forbids"),
        (["--stop", r"\n\n"], r"for a line break, type --stop $'\n\n' in bash, or --until paragraph. The text ends"),
        (["--stop", r"a\n"], r"type --stop $'a\n' in bash. The text"),
    ],
)
def test_an_end_that_cannot_be_written_is_told_once(cli: Cli, options: list[object], said: str) -> None:
    for more in ([], ["--json"], ["--num-samples", 2], ["--show-probs"]):
        outcome = cli("sample", *options, *more, "--seed", 1)
        assert outcome.code == 0
        assert outcome.err.count("note: --") == 1
        assert said in outcome.err
    assert cli("sample", *options, "--quiet").err == ""


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(
    "options",
    [
        ["--until", "line"],
        ["--until", "paragraph"],
        ["--until", "sentence"],
        ["--stop", ". "],
        ["--until", "line", "--ban", "e"],
    ],
)
def test_an_end_that_can_be_written_is_not_spoken_of(cli: Cli, options: list[object]) -> None:
    assert cli("sample", *options, "--seed", 1).err == "(seed 1, checkpoints/tiny)\n"


def test_a_model_without_line_ends_says_what_ends_its_lines(cli: Cli, tmp_path: Path) -> None:
    Path("one.txt").write_text("the cat sat " * 300)
    rnngen.train("one.txt", out="checkpoints/one", steps=2, **FAST)
    assert "--until line ends nothing: the model has never seen '\\n'" in cli("sample", "--until", "line", "-n", 5).err
    assert (
        "--until sentence ends nothing: the model has never seen its marks"
        in cli("sample", "--until", "sentence", "-n", 5).err
    )


@pytest.mark.parametrize(("text", "noted"), [("the cat sat\n", True), ('say ("\\n")\n', False)])
def test_a_backslash_is_spoken_of_where_a_vocabulary_of_subwords_has_no_use_for_it(
    cli: Cli, text: str, noted: bool
) -> None:
    Path("text.txt").write_text(text * 300)
    rnngen.train("text.txt", out="checkpoints/bpe", steps=2, tokenizer="bpe", vocab_size=280, **FAST)
    assert ("for a line break" in cli("sample", "--stop", r"\n", "-n", 5).err) is noted


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("option", ["--ban", "--force"])
def test_a_backslash_in_what_is_banned_or_forced_is_told_with_what_makes_a_line_break(cli: Cli, option: str) -> None:
    refused(cli("sample", option, r"a\n"), 2, option, f"type {option} $'a\\n' in bash")


@pytest.mark.usefixtures("trained")
def test_a_prompt_that_may_be_meant_otherwise_is_told(cli: Cli, corpus: Path) -> None:
    assert r"For a line break, type --prompt $'The\ncat' in bash" in cli("sample", "-n", 3, "-p", r"The\ncat").err
    assert f"--prompt-file {corpus.name}" in cli("sample", "-n", 3, "-p", corpus.name).err
    Path("prompt.txt").write_text(r"The\ncat")
    assert "bash" not in cli("sample", "-n", 3, "--prompt-file", "prompt.txt").err
    assert cli("sample", "-n", 3, "-p", r"The\ncat", "--quiet").err == ""


@pytest.mark.usefixtures("trained")
def test_a_compressed_prompt_file_is_read_as_what_it_contains(cli: Cli) -> None:
    Path("prompt.txt.gz").write_bytes(gzip.compress(b"The cat"))
    outcome = cli("sample", "--prompt-file", "prompt.txt.gz", "-n", 3)
    assert outcome.code == 0
    assert outcome.out.startswith("The cat")


@pytest.mark.usefixtures("trained")
def test_a_prompt_file_that_is_no_text_is_told_with_the_command_that_reads_it(
    cli: Cli, rnngen_command: list[str]
) -> None:
    Path("prompt.txt").write_bytes("The cat\n".encode("utf-16"))
    command = "iconv -f UTF-16 -t UTF-8 prompt.txt | rnngen sample --prompt -"
    refused(cli("sample", "--prompt-file", "prompt.txt"), 1, command)
    if shutil.which("iconv"):
        command = command.replace("rnngen", shlex.join(rnngen_command))
        done = subprocess.run(["bash", "-c", f"{command} -n 3"], capture_output=True, timeout=60, check=True)
        assert done.stdout.startswith(b"The cat")


@pytest.mark.usefixtures("trained")
@pytest.mark.skipif(os.name == "nt", reason="bash and its pipes with names")
def test_a_prompt_file_may_be_a_pipe(rnngen_command: list[str]) -> None:
    command = f"{shlex.join(rnngen_command)} sample -n 3 --prompt-file <(echo The cat)"
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60, check=True)
    assert done.stdout.startswith(b"The cat")


@pytest.mark.usefixtures("trained")
def test_a_beam_that_finds_fewer_texts_says_so_even_if_quiet(cli: Cli) -> None:
    outcome = cli("sample", "--beam", 64, "-N", 64, "-n", 1, "--quiet", "--format", "jsonl")
    found = len(outcome.out.splitlines())
    assert 0 < found < 64
    assert outcome.err == f"warning: {found} instead of 64: the beam found no more\n"
