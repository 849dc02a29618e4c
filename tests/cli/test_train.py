"""``rnngen train``: options in, a run on disk out; what goes to which stream; what is refused."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from rnngen.corpus.files.examine import stem_of
from rnngen.runs.finding import open_run
from rnngen.runs.writer import RunWriter
from tests.conftest import FAST, Outcome, make_text

Cli = Callable[..., Outcome]

RUN_FILES = {
    "config.json",
    "tokenizer.json",
    "model.safetensors",
    "metrics.jsonl",
    "samples.txt",
    "resume",
    "manifest.json",
}


def options(**changes: object) -> list[str]:
    """The command line of a run that trains in a moment; a change to None leaves an option out."""
    chosen = {**FAST, "steps": 20, **changes}
    given = {f"--{name.replace('_', '-')}": str(value) for name, value in chosen.items() if value is not None}
    return [part for option in given.items() for part in option]


@pytest.fixture(autouse=True)
def _signal_handlers() -> Iterator[None]:
    """Training takes over SIGINT and SIGTERM; give them back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def refused(outcome: Outcome, code: int, *said: str) -> None:
    assert (outcome.code, outcome.out) == (code, ""), outcome
    assert outcome.err.startswith("rnngen: error: ")
    assert outcome.err.count("\n") == 1
    for words in said:
        assert words in outcome.err


# what is shown


def test_json_is_the_only_thing_on_standard_output(cli: Cli, corpus: Path) -> None:
    outcome = cli("train", corpus, *options(), "--json")
    assert outcome.code == 0
    result = json.loads(outcome.out)
    assert outcome.out.count("\n") == 1
    assert result["run"] == "checkpoints/corpus-1"
    assert (result["reason"], result["step"]) == ("steps", 20)
    rows = [json.loads(line) for line in Path(result["run"], "metrics.jsonl").read_text().splitlines()]
    best = min((row for row in rows if "valid_nll" in row), key=lambda row: row["valid_nll"])
    assert (result["best_step"], result["valid_nats_per_token"]) == (best["step"], best["valid_nll"])
    assert result["valid_nats_per_character"] == pytest.approx(best["valid_nll"])  # a token is a character
    assert result["summary"].startswith("Expect pieces that can be pronounced")


def test_without_json_nothing_goes_to_standard_output(cli: Cli, corpus: Path) -> None:
    outcome = cli("train", corpus, *options())
    assert (outcome.code, outcome.out) == (0, "")


def test_the_plan_is_shown_before_the_first_step(cli: Cli, corpus: Path) -> None:
    lines = cli("train", corpus, *options(valid_every=10)).err.splitlines()
    assert lines[0] == "Training into checkpoints/corpus-1"
    assert [line.split()[0] for line in lines[1:7]] == ["text", "model", "dropout", "steps", "speed", "about"]
    assert lines[1].split(None, 1)[1] == "18k train, 1k valid, 1k test char tokens, vocabulary 39"
    assert "lstm, 1 layer of 16, embedding 8 (n-grams up to 4)" in lines[2]
    assert "20 of 4 streams x 16 tokens = 0.1 epochs" in lines[4]
    assert "on cpu (1 thread) in float32" in lines[5]
    valid = [line for line in lines if line.startswith("step ")]
    assert valid[0].startswith("step 0  valid ")  # what knowing nothing is worth
    assert valid[1].startswith("step 10  valid ")


def test_quiet_says_nothing(cli: Cli, corpus: Path) -> None:
    assert cli("train", corpus, *options(), "--quiet") == Outcome(0, "", "")


@pytest.mark.parametrize("name", ["run", "my run", "it's"])
def test_the_commands_shown_at_the_end_can_be_pasted(cli: Cli, corpus: Path, name: str) -> None:
    lines = cli("train", corpus, *options(), "--out", name).err.splitlines()
    further = ["rnngen", "train", "--resume", name, "--minutes", "5"]
    shown = [["rnngen", "sample", name], ["rnngen", "eval", name], further]
    assert [shlex.split(line) for line in lines[-3:]] == shown
    assert lines[-4].endswith(
        "It has read 7% of 18,000 characters; not all of the text has been read, so train longer."
    )


# the run


def test_a_run_folder_holds_exactly_the_documented_files(cli: Cli, corpus: Path) -> None:
    cli("train", corpus, *options(), "--out", "run")
    assert {path.name for path in Path("run").iterdir()} - {".lock"} == RUN_FILES
    manifest = json.loads(Path("run/manifest.json").read_text())
    assert manifest["files"].keys() == RUN_FILES - {"resume", "manifest.json"}


def test_runs_are_numbered_and_none_is_overwritten(cli: Cli, corpus: Path) -> None:
    for _ in range(2):
        assert cli("train", corpus, *options(steps=1)).code == 0
    assert sorted(path.name for path in Path("checkpoints").iterdir()) == ["corpus-1", "corpus-2"]


@pytest.mark.parametrize("name", ["lab.txt", "lab.jsonl", "lab.txt.gz", "lab.jsonl.GZ", "lab.csv.zst", "lab.gz", "lab"])
def test_a_run_has_the_name_of_its_text_without_the_endings(name: str) -> None:
    assert stem_of(name) == "lab"
    assert stem_of(f"v1.{name}").startswith("v1")


@pytest.mark.parametrize("present", ["config.json", "manifest.json", "resume"])
def test_a_folder_with_a_run_is_refused_and_untouched(cli: Cli, corpus: Path, present: str) -> None:
    Path("run").mkdir()
    if present == "resume":
        Path("run/resume").mkdir()
    else:
        Path("run", present).write_text("{}")
    instead = "--init-from run" if present == "manifest.json" else "--resume run"
    refused(cli("train", corpus, *options(), "--out", "run"), 2, "run: there is a run", instead)
    assert [path.name for path in Path("run").iterdir()] == [present]


@pytest.mark.parametrize(
    ("out", "code", "why"), [("corpus.txt/run", 1, "cannot be written"), ("corpus.txt", 2, "is not a folder")]
)
def test_an_impossible_folder_is_a_clear_error_before_training(
    cli: Cli, corpus: Path, monkeypatch: pytest.MonkeyPatch, out: str, code: int, why: str
) -> None:
    monkeypatch.setattr("rnngen.training.launch.make_plan", pytest.fail)  # it measures steps
    text = corpus.read_text()
    refused(cli("train", corpus, *options(), "--out", out), code, f"{out}: {why}")
    assert corpus.read_text() == text


def test_a_run_that_never_began_leaves_files_of_others_alone(cli: Cli) -> None:
    Path("short.txt").write_text("abc")
    Path("mine").mkdir()
    Path("mine/.env").write_text("precious")
    refused(cli("train", "short.txt", *options(), "--out", "mine"), 2, "not empty", ".env")
    assert [path.name for path in Path("mine").iterdir()] == [".env"]


@pytest.mark.usefixtures("trained")
def test_two_writers_of_one_run_are_refused_and_the_holder_is_named(cli: Cli) -> None:
    writer = RunWriter(Path("checkpoints/tiny"))
    try:
        refused(cli("train", "--resume", "checkpoints/tiny"), 1, "another process is writing", str(os.getpid()))
    finally:
        writer.close()


# where values come from


def saved_config(run: str = "run") -> dict[str, dict[str, object]]:
    return json.loads(Path(run, "config.json").read_text())


def test_the_command_line_overrides_the_file_which_overrides_the_defaults(cli: Cli, corpus: Path) -> None:
    Path("run.toml").write_text(
        'cell = "gru"\nlearning-rate = 0.5\nweight_decay = 0.25\nsteps = 7\ncorpus = "corpus.txt"'
    )
    outcome = cli("train", *options(), "--config", "run.toml", "--learning-rate", "0.001", "--out", "run")
    assert outcome.code == 0, outcome.err
    config = saved_config()
    assert config["model"]["cell"] == "gru"
    assert config["optimizer"]["learning_rate"] == 0.001
    assert config["optimizer"]["weight_decay"] == 0.25
    assert config["train"]["steps"] == 20
    assert config["optimizer"]["clip"] == 1.0
    assert [Path(name).resolve() for name in config["data"]["corpus"]] == [corpus.resolve()]


def test_a_length_on_the_command_line_overrides_another_length_in_the_file(cli: Cli, corpus: Path) -> None:
    Path("run.toml").write_text("minutes = 500\n")
    outcome = cli("train", corpus, *options(steps=3), "--config", "run.toml", "--out", "run")
    assert outcome.code == 0, outcome.err
    assert saved_config()["train"]["steps"] == 3


@pytest.mark.parametrize(
    ("change", "width"),
    [(["--hidden-size", 20], 20), (["--embedding-size", 12], 12), (["--size", "tiny"], 128), ([], 16)],
)
def test_a_width_replaces_both_widths_of_a_tied_run(cli: Cli, corpus: Path, change: list[object], width: int) -> None:
    tied = options(embedding_size=16, hidden_size=16, steps=1)
    assert cli("train", corpus, *tied, "--tied", "--out", "run").code == 0
    outcome = cli("train", corpus, "--config", "run/config.json", *change, "--out", "other")
    assert outcome.code == 0, outcome.err
    model = open_run(Path("other")).config["model"]
    assert (model["hidden_size"], model["embedding_size"], model["tied"]) == (width, width, True)


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("hiden_size = 3", "Did you mean hidden-size?"),
        ("[modell]\ncell = 'gru'", "unknown section [modell]"),
        ("steps = 0", "invalid value for steps"),
        ("steps = 'many'", "invalid value for steps"),
        ("cell = 'transformer'", "invalid value for cell"),
        ("size = 'huge'", "invalid value for size"),
        ("size = ['tiny']", "invalid value for size"),
        ("valid = 3", "invalid value for valid"),
        ("steps = 3\nminutes = 1", "cannot both be given"),
        ("steps =", "is not TOML"),
        ("# \udc80", "is not UTF-8"),
    ],
)
def test_a_mistake_in_the_file_is_told_in_one_line(cli: Cli, corpus: Path, toml: str, said: str) -> None:
    Path("run.toml").write_text(toml, encoding="utf-8", errors="surrogateescape")
    refused(cli("train", corpus, "--config", "run.toml", "--hidden-size", "16"), 2, said)


def test_a_missing_config_file_is_named(cli: Cli, corpus: Path) -> None:
    refused(cli("train", corpus, "--config", "no.toml"), 2, "no.toml: cannot be read")


def test_steps_and_minutes_together_are_refused(cli: Cli, corpus: Path) -> None:
    refused(cli("train", corpus, "--steps", "20", "--minutes", "1"), 2, "--steps and --minutes cannot both be given")


def test_minutes_become_a_number_of_steps_that_the_run_records(cli: Cli, corpus: Path) -> None:
    result = json.loads(cli("train", corpus, *options(steps=None, minutes=0.02), "--out", "run", "--json").out)
    rows = [json.loads(line) for line in Path("run/metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    planned = [saved_config()["train"]["steps"], *(row["planned_steps"] for row in rows if "planned_steps" in row)]
    assert result["step"] == planned[-1] >= 1


def test_epochs_become_a_number_of_steps(cli: Cli, corpus: Path) -> None:
    cli("train", corpus, *options(steps=None, epochs=0.1), "--out", "run")
    assert saved_config()["train"]["steps"] == round(0.1 * 18_000 / (4 * 16))


# resume


@pytest.mark.usefixtures("trained", "corpus")
@pytest.mark.parametrize(
    ("more", "named"),
    [
        (["--hidden-size", "9"], "--hidden-size"),
        (["--learning-rate", "0.1"], "--learning-rate"),
        (["--out", "other"], "--out"),
        (["--init-from", "checkpoints/tiny"], "--init-from"),
        (["--config", "run.toml"], "--config"),
    ],
    ids=" ".join,
)
def test_resume_refuses_every_other_option(cli: Cli, more: list[str], named: str) -> None:
    refused(cli("train", "--resume", "checkpoints/tiny", *more), 2, f"{named} cannot be given with --resume")


def test_a_changed_corpus_is_refused_unless_allowed(cli: Cli, corpus: Path) -> None:
    cli("train", corpus, *options(), "--out", "run")
    corpus.write_text(make_text(20_000, seed=1))
    refused(cli("train", "--resume", "run"), 1, "corpus.txt: the text has changed", "--allow-changed-corpus")
    outcome = cli("train", "--resume", "run", "--allow-changed-corpus", "--json")
    assert outcome.code == 0
    assert json.loads(outcome.out)["step"] == 20


def test_resuming_a_finished_run_changes_nothing(cli: Cli, corpus: Path) -> None:
    cli("train", corpus, *options(), "--out", "run")
    before = {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()}
    assert cli("train", "--resume", "run").code == 0
    assert {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "is not a run"),
        (lambda path: path.mkdir(), "is not a run; expected a folder made by rnngen train"),
        (lambda path: path.write_text("x"), "is not a run"),
    ],
    ids=["nothing", "empty folder", "file"],
)
def test_resume_of_what_is_no_run_is_a_clear_error(
    cli: Cli, tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    make(tmp_path / "norun")
    refused(cli("train", "--resume", tmp_path / "norun"), 1, "norun", said)


# beginning with another run


def test_init_from_keeps_tokenizer_and_architecture_and_begins_with_the_weights(cli: Cli, trained: Path) -> None:
    Path("new.txt").write_text(make_text(5_000, seed=5).replace("cat", "tabby"), encoding="utf-8")
    outcome = cli(
        "train",
        "new.txt",
        *options(hidden_size=None, embedding_size=None, steps=1, learning_rate=1e-12, muon_learning_rate=1e-12),
        "--init-from",
        trained,
        "--out",
        "run",
    )
    assert outcome.code == 0, outcome.err
    assert Path("run/tokenizer.json").read_bytes() == (trained / "tokenizer.json").read_bytes()
    assert saved_config()["model"] == saved_config(str(trained))["model"]
    assert [Path(name).name for name in saved_config()["data"]["corpus"]] == ["new.txt"]
    first, second = open_run(trained).weights(), open_run("run").weights()
    for name in first:
        np.testing.assert_allclose(second[name], first[name], atol=1e-7)


def test_init_from_goes_on_learning(cli: Cli, corpus: Path, trained: Path) -> None:
    began = json.loads(cli("eval", trained, "--part", "valid", "--json").out)["nats_per_token"]
    result = json.loads(cli("train", corpus, *options(steps=60), "--init-from", trained, "--json").out)
    fresh = json.loads(cli("train", corpus, *options(steps=60), "--json").out)
    assert result["valid_nats_per_token"] < min(began, fresh["valid_nats_per_token"])


@pytest.mark.parametrize(
    "more",
    [["--hidden-size", "32"], ["--cell", "gru"], ["--num-layers", "2"], ["--size", "tiny"], ["--tokenizer", "byte"]],
    ids=" ".join,
)
def test_init_from_refuses_another_network_or_tokenizer(cli: Cli, corpus: Path, trained: Path, more: list[str]) -> None:
    refused(cli("train", corpus, "--steps", 1, "--init-from", trained, *more), 2, more[0], "with --init-from")
    assert [path.name for path in Path("checkpoints").iterdir()] == ["tiny"]


# every kind of model, every kind of text

KINDS = [
    {"tokenizer": "char"},
    {"tokenizer": "byte"},
    {"tokenizer": "word", "vocab_size": 300},
    {"tokenizer": "bpe", "vocab_size": 300},
    {"tokenizer": "char", "vocab_size": 10},
    {"cell": "lstm", "num_layers": 2, "dropout": 0.2},
    {"cell": "gru"},
    {"cell": "gru", "num_layers": 2},
    {"cell": "rnn"},
    {"cell": "rnn", "nonlinearity": "relu"},
    {"cell": "rnn", "nonlinearity": "sigmoid"},
    {"cell": "rnn", "nonlinearity": "identity"},
    {"precision": "bf16"},
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: " ".join(map(str, kind.values())))
def test_every_kind_of_model_trains_samples_and_evaluates(
    cli: Cli, corpus: Path, kind: dict[str, object], request: pytest.FixtureRequest
) -> None:
    if kind.get("precision") == "bf16":
        request.getfixturevalue("needs_bf16")
    outcome = cli("train", corpus, *options(**kind, sample_every=10), "--json")
    assert outcome.code == 0, outcome.err
    assert re.findall(r"--- step (\d+)", Path("checkpoints/corpus-1/samples.txt").read_text()) == ["10", "20"]
    sample = json.loads(cli("sample", "--prompt", "The cat", "--length", 30, "--json").out)
    assert sample["tokens"] == 30
    assert sample["nats"] > 0
    part = json.loads(cli("eval", "--part", "valid", "--json").out)
    # the validation that training reports is the one that eval computes: same weights, same text, same carried state
    trained = json.loads(outcome.out)["valid_nats_per_token"]
    assert part["nats_per_token"] == pytest.approx(trained, rel=1e-2 if kind.get("precision") == "bf16" else 1e-4)


def test_tied_embeddings_train_and_sample(cli: Cli, corpus: Path) -> None:
    assert cli("train", corpus, *options(embedding_size=16), "--tied", "--out", "run").code == 0
    assert "output.weight" not in open_run("run").weights()
    assert cli("sample", "run", "-n", 5).code == 0


def trained_characters(run: str = "run") -> int:
    parts = saved_config(run)["corpus"]["parts"]
    return sum(part["characters"] for part in parts.values())  # type: ignore[attr-defined]


@pytest.mark.slow
def test_a_preset_trains_at_sizes_that_are_overridden_and_the_file_and_command_line_stand_above_it(
    cli: Cli, corpus: Path
) -> None:
    Path("run.toml").write_text('preset = "awd-lstm"\nhidden-size = 20\nembedding-size = 12\nclip = 0.5\nbptt = 9\n')
    small = ["--hidden-size", 24, "--batch-size", 3, "--epochs", 2, "--vocab-size", 300, "--device", "cpu"]
    small += ["--on-spike", "ignore"]  # a rate of 30 is for larger networks
    outcome = cli("train", corpus, "--config", "run.toml", *small, "--precision", "float32", "--json")
    assert outcome.code == 0, outcome.err
    run = open_run(json.loads(outcome.out)["run"])
    model, optimizer, train = (run.config[group] for group in ("model", "optimizer", "train"))
    assert (model["hidden_size"], model["embedding_size"], model["num_layers"], model["tied"]) == (24, 12, 3, True)
    assert (model["dropout"], model["hidden_dropout"], model["embedding_dropout"]) == (0.4, 0.25, 0.1)
    assert (optimizer["optimizer"], optimizer["learning_rate"], optimizer["clip"]) == ("asgd", 30, 0.5)
    assert (train["bptt"], train["bptt_jitter"], train["batch_size"], train["patience"]) == (9, 5, 3, 0)
    assert (run.config["data"]["tokenizer"], run.config["data"]["vocab_size"]) == ("words-closed", 300)
    tokens, valid = (run.config["corpus"]["parts"][part]["tokens"] for part in ("train", "valid"))
    assert train["valid_every"] in (train["steps"] // 2, train["steps"] // 2 + 1)  # once an epoch
    assert train["valid_tokens"] == valid
    rows = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    epochs = [row["epoch"] for row in rows if "epoch" in row]
    assert epochs[-1] == pytest.approx(2, abs=0.01)
    assert tokens > 1000
    assert run.weights()["layers.2.weight_hh_l0"].shape == (4 * 12, 12)
    assert cli("sample", run.path, "--length", 5, "--seed", 1).code == 0
    assert cli("eval", run.path).code == 0


def test_a_preset_cannot_change_the_network_of_another_run(cli: Cli, corpus: Path, trained: Path) -> None:
    refused(cli("train", corpus, "--preset", "awd-lstm", "--init-from", trained), 2, "--preset cannot be given")


def test_several_files_are_one_text(cli: Cli) -> None:
    Path("a.txt").write_text(make_text(3_000).rstrip("\n"))
    Path("b.txt").write_text(make_text(2_000, seed=1))
    assert cli("train", "a.txt", "b.txt", *options(), "--out", "run").code == 0
    assert trained_characters() == len(Path("a.txt").read_text()) + 1 + 2_000


def test_a_folder_is_all_its_text_files(cli: Cli) -> None:
    Path("texts/deep").mkdir(parents=True)
    Path("texts/a.txt").write_text(make_text(2_999).rstrip() + "\n")
    Path("texts/deep/b.md").write_text(make_text(2_000, seed=1))
    Path("texts/.hidden").write_text("no")
    Path("texts/picture.png").write_bytes(b"\x89PNG\0\0")
    assert cli("train", "texts", *options()).code == 0
    assert trained_characters("checkpoints/texts-1") == len(Path("texts/a.txt").read_text()) + 2_000


def stdin(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content), closed=False))


def test_standard_input_is_a_text(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    text = make_text(5_000)
    stdin(monkeypatch, text.encode())
    assert cli("train", "-", *options()).code == 0
    assert trained_characters("checkpoints/stdin-1") == 5_000
    outcome = cli("eval", "checkpoints/stdin-1", "--json")  # from the cache
    assert json.loads(outcome.out)["characters"] == 250
    shutil.rmtree(os.environ["RNNGEN_CACHE"])
    refused(
        cli("eval", "checkpoints/stdin-1"),
        1,
        "standard input, which cannot be read again",
        "rnngen eval checkpoints/stdin-1 TEXT",
    )
    stdin(monkeypatch, text.encode())
    assert json.loads(cli("eval", "checkpoints/stdin-1", "-", "--json").out)["characters"] == 5_000


def test_validation_and_test_texts_of_ones_own_are_used(cli: Cli, corpus: Path) -> None:
    Path("v.txt").write_text(make_text(700, seed=7))
    Path("t.txt").write_text(make_text(600, seed=8))
    assert cli("train", corpus, "--valid", "v.txt", "--test", "t.txt", *options(), "--out", "run").code == 0
    sizes = {
        part: json.loads(cli("eval", "run", "--part", part, "--json").out)["characters"]
        for part in ("train", "valid", "test")
    }
    assert sizes == {"train": 20_000, "valid": 700, "test": 600}


def test_the_same_seed_trains_the_same_model_and_another_does_not(cli: Cli, corpus: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert cli("train", corpus, *options(seed=seed, dropout=0.1), "--out", name).code == 0
    a, b, c = (Path(name, "model.safetensors").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_training_learns_the_text(cli: Cli, corpus: Path) -> None:
    result = json.loads(cli("train", corpus, *options(steps=300, hidden_size=32), "--json").out)
    assert result["valid_nats_per_token"] < 1.6  # ln 38 = 3.6 for nothing learned, 2.8 for letters without context
