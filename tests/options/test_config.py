"""How values become a configuration, and how invalid ones are refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnngen.errors import CheckpointError, UsageError
from rnngen.options.config import SECTION_OF, SECTIONS, SIZES, RunConfig
from rnngen.options.config_file import read_options
from rnngen.options.given import Given

quick = settings(deadline=None, max_examples=60)
ONE_OF_EACH: dict[str, Any] = {
    "cell": "rnn",
    "nonlinearity": "relu",
    "hidden_size": 100,
    "embedding_size": 100,
    "history": 2,
    "history_rows": 1000,
    "num_layers": 2,
    "dropout": 0.25,
    "hidden_dropout": 0.125,
    "embedding_dropout": 0.1,
    "tied": True,
    "initialization": "uniform",
    "gain": 1.5,
    "bidirectional": True,
    "corpus": ("a.txt", "b.txt"),
    "on_spike": "skip",
    "max_spikes": 5,
    "valid": ("v.txt",),
    "test": ("t.txt",),
    "split": (0.8, 0.2),
    "encoding": "cp1252",
    "errors": "replace",
    "text_field": "body",
    "label_field": "genre",
    "documents": "lines",
    "split_seed": 5,
    "tokenizer": "bpe",
    "vocab_size": 500,
    "min_count": 4,
    "normalize": "nfc",
    "optimizer": "asgd",
    "nonmono": 3,
    "activation_regularization": 2.0,
    "temporal_activation_regularization": 1.0,
    "learning_rate": 0.5,
    "weight_decay": 0.0,
    "muon_learning_rate": 0.03,
    "history_decay": 0.7,
    "input_dropout": 0.1,
    "weight_dropout": 0.2,
    "valid_tokens": 1000,
    "clip": 5.0,
    "warmup": 0.5,
    "decay": "cosine",
    "ema": 0.0,
    "batch_size": 3,
    "bptt": 7,
    "bptt_jitter": 2.0,
    "contiguous": 5,
    "steps": 11,
    "valid_every": 13,
    "save_every": 17,
    "sample_every": 0,
    "patience": 0,
    "ngram": 5,
    "seed": 2**63 - 1,
    "device": "cuda:1",
    "precision": "bf16",
    "threads": 3,
}


def flat(config: RunConfig) -> dict[str, Any]:
    return config.flat()


def test_nothing_given_is_all_defaults() -> None:
    config = RunConfig.from_flat({})
    assert config == RunConfig()
    assert (config.model.cell, config.data.tokenizer, config.data.split) == ("lstm", "char", (0.9, 0.05, 0.05))


def test_every_name_reaches_its_field() -> None:
    assert flat(RunConfig.from_flat(ONE_OF_EACH)) == ONE_OF_EACH  # a new field must be added to the table
    assert all(ONE_OF_EACH[name] != value for name, value in flat(RunConfig()).items())


def test_names_are_those_of_one_group_each() -> None:
    names = [name for group in RunConfig().as_dict().values() for name in group]
    assert sorted(names) == sorted(SECTION_OF)


values = st.fixed_dictionaries(
    {},
    optional={
        "hidden_size": st.integers(1, 65536),
        "num_layers": st.integers(1, 64),
        "dropout": st.floats(0, 1, exclude_max=True),
        "cell": st.sampled_from(["lstm", "gru", "rnn"]),
        "tokenizer": st.sampled_from(["char", "word", "bpe"]),
        "learning_rate": st.floats(1e-6, 10),
        "steps": st.integers(1, 10**9),
        "seed": st.integers(0, 2**63 - 1),
        "vocab_size": st.none() | st.integers(2, 200_000),
        "corpus": st.lists(st.text(max_size=5), max_size=3).map(tuple),
    },
)


@quick
@given(values, values)
def test_a_later_value_overrides_an_earlier_one_and_the_rest_stay(
    file: dict[str, Any], command_line: dict[str, Any]
) -> None:
    merged = flat(RunConfig.from_flat({**file, **command_line}))
    defaults = flat(RunConfig())
    for name, value in merged.items():
        expected = command_line[name] if name in command_line else file.get(name, defaults[name])
        assert value == expected


@quick
@given(values)
def test_a_saved_configuration_is_read_back_as_it_was(given_values: dict[str, Any]) -> None:
    config = RunConfig.from_flat(given_values)
    assert RunConfig.saved(json.loads(json.dumps(config.as_dict())), "config.json") == config


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("hiden_size", "Did you mean `hidden_size`?"),
        ("hidden-sise", "Did you mean `hidden_size`?"),
        ("lerning_rate", "Did you mean `learning_rate`?"),
        ("minuts", "Did you mean `minutes`?"),
        ("qqqq", "See rnngen train --help."),
    ],
)
def test_unknown_name_is_refused_with_a_suggestion(name: str, suggestion: str) -> None:
    with pytest.raises(UsageError) as caught:
        RunConfig.from_flat({name: 1})
    assert str(caught.value) == f"unknown option {name!r}. {suggestion}"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("hidden_size", 0, "an integer from 1"),
        ("hidden_size", 65537, "65,536"),
        ("hidden_size", 1.5, "integer"),
        ("hidden_size", "many", "integer"),
        ("hidden_size", None, "integer"),
        ("num_layers", 65, "64"),
        ("dropout", 1, "below 1"),
        ("dropout", -0.1, "from 0"),
        ("dropout", float("nan"), "a number"),
        ("learning_rate", 0, "above 0"),
        ("learning_rate", float("inf"), "a number"),
        ("clip", float("nan"), "a number"),
        ("clip", -1, "from 0"),
        ("warmup", 1, "below 1"),
        ("ema", 1, "below 1"),
        ("hidden_dropout", 1, "below 1"),
        ("embedding_dropout", 1, "below 1"),
        ("optimizer", "adam", "'muon' or 'asgd'"),
        ("nonmono", 0, "1"),
        ("activation_regularization", -1, "0"),
        ("temporal_activation_regularization", float("inf"), "a number"),
        ("bptt_jitter", -1, "0"),
        ("initialization", "zero", "'orthogonal' or 'uniform'"),
        ("decay", "fast", "'linear', 'cosine' or 'none'"),
        ("cell", "LSTM", "'lstm', 'gru' or 'rnn'"),
        ("tokenizer", "letters", "'char', 'byte', 'word', 'words-closed' or 'bpe'"),
        ("vocab_size", 1, "from 2 to 200,000"),
        ("batch_size", 0, "1"),
        ("bptt", 0, "1"),
        ("steps", 0, "1"),
        ("save_every", 0, "1"),
        ("ngram", -1, "0"),
        ("ngram", 17, "16"),
        ("seed", -1, "0"),
        ("seed", 2**63, "2^63"),
        ("device", "gpu", "cuda"),
        ("precision", "fp8", "'auto', 'float32' or 'bf16'"),
        ("split", ("a", 0.1), "number"),
        ("split", 0.9, "a list"),
        ("errors", "ignore", "'strict', 'replace' or 'skip'"),
        ("corpus", (1,), "text"),
    ],
)
def test_value_out_of_range_is_one_line_that_names_option_expectation_and_value(
    name: str, value: Any, expected: str
) -> None:
    with pytest.raises(UsageError) as caught:
        RunConfig.from_flat({name: value})
    message = str(caught.value)
    assert message.startswith(f"invalid value for `{name}`; expected ")
    assert expected in message
    assert "; found " in message
    assert "\n" not in message
    assert "pydantic" not in message


@pytest.mark.parametrize("name", ["hidden_size", "steps", "batch_size", "seed"])
def test_true_is_not_a_number(name: str) -> None:
    with pytest.raises(UsageError):
        RunConfig.from_flat({name: True})


@pytest.mark.parametrize("nonlinearity", ["relu", "sigmoid", "identity"])
@pytest.mark.parametrize(("cell", "ok"), [("rnn", True), ("lstm", False), ("gru", False)])
def test_nonlinearity_needs_the_plain_cell(nonlinearity: str, cell: str, ok: bool) -> None:
    if ok:
        assert RunConfig.from_flat({"cell": cell, "nonlinearity": nonlinearity}).model.nonlinearity == nonlinearity
        return
    with pytest.raises(UsageError) as caught:
        RunConfig.from_flat({"cell": cell, "nonlinearity": nonlinearity})
    assert str(caught.value) == f"`nonlinearity={nonlinearity}` needs `cell=rnn`; found `cell={cell}`"


def test_tied_with_one_layer_needs_equal_sizes() -> None:
    assert RunConfig.from_flat({"tied": True, "hidden_size": 9, "embedding_size": 9}).model.tied
    several = RunConfig.from_flat({"tied": True, "hidden_size": 9, "embedding_size": 8, "num_layers": 3}).model
    assert [several.width(layer) for layer in range(3)] == [9, 9, 8]
    with pytest.raises(
        UsageError, match=r"^`tied` with one layer needs `embedding_size` equal to `hidden_size`; found 8 and 9$"
    ):
        RunConfig.from_flat({"tied": True, "hidden_size": 9, "embedding_size": 8})


@pytest.mark.parametrize(
    ("split", "ok"),
    [
        ((0.9, 0.1), True),
        ((0.8, 0.1, 0.1), True),
        ((0.7, 0.2, 0.1), True),
        ((1.0, 0.0), True),
        ((0.5, 0.25, 0.25), True),
        ((1.0,), False),
        ((), False),
        ((0.9, 0.2), False),
        ((0.5, 0.4), False),
        ((0.0, 1.0), False),
        ((1.5, -0.5), False),
        ((0.25, 0.25, 0.25, 0.25), False),
    ],
    ids=str,
)
def test_split_is_two_or_three_fractions_that_sum_to_one(split: tuple[float, ...], ok: bool) -> None:
    if ok:
        assert RunConfig.from_flat({"split": split}).data.split == split
        return
    with pytest.raises(
        UsageError, match=f"^invalid value for `split`; expected two or three .*; found {','.join(map(str, split))}$"
    ):
        RunConfig.from_flat({"split": split})


@pytest.mark.parametrize("size", SIZES)
def test_every_size_is_a_network_that_can_be_built(size: str) -> None:
    Given.of({"size": size})
    assert RunConfig.from_flat(SIZES[size]).model.hidden_size == SIZES[size]["hidden_size"]


def toml(text: str | bytes) -> Path:
    path = Path("run.toml")
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_toml_names_may_have_dashes_or_underscores() -> None:
    path = toml('hidden-size = 9\nembedding_size = 8\ncorpus = "a.txt"\nvalid = ["v.txt", "w.txt"]\nminutes = 1.5\n')
    assert read_options(path) == {
        "hidden_size": 9,
        "embedding_size": 8,
        "corpus": ["a.txt"],
        "valid": ["v.txt", "w.txt"],
        "minutes": 1.5,
    }


def test_toml_values_make_a_configuration() -> None:
    config = RunConfig.from_flat(
        read_options(toml('split = [0.8, 0.1, 0.1]\ncell = "gru"\ncorpus = "a.txt"\ndropout = 0\n'))
    )
    assert (config.data.split, config.model.cell, config.data.corpus) == ((0.8, 0.1, 0.1), "gru", ("a.txt",))


@pytest.mark.parametrize("name", ["hiden-size", "hiden_size", '"Hidden Size"'])
def test_unknown_toml_name_is_refused_by_file_with_a_suggestion(name: str) -> None:
    shown = name.strip('"')
    with pytest.raises(UsageError, match=rf"^run\.toml: unknown option '{shown}'\. Did you mean hidden-size\?$"):
        read_options(toml(f"{name} = 3\n"))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("lr", "learning-rate"),
        ("rnn_size", "hidden-size"),
        ("max_epochs", "epochs"),
        ("input", "corpus"),
        ("gpu", 'device = "cuda"'),
        ("block_size", "bptt"),
        ("--minutes", "minutes"),
    ],
)
def test_names_that_others_have_lead_to_ours_in_files_and_in_python(name: str, meant: str) -> None:
    with pytest.raises(UsageError, match=rf"unknown option '{name}'\. Did you mean {meant}\?$"):
        read_options(toml(f'"{name}" = 3\n'))
    in_python = meant.replace("-", "_").replace(" = ", "=").replace('"', "")
    with pytest.raises(UsageError, match=rf"unknown option '{name}'\. Did you mean `{in_python}`\?$"):
        Given.of({name: 3})


def test_toml_name_given_with_a_dash_and_with_an_underscore_is_refused() -> None:
    for text in ("hidden-size = 3\nhidden_size = 4\n", "hidden-size = 3\n[model]\nhidden-size = 4\n"):
        with pytest.raises(UsageError, match=r"^run\.toml: hidden-size is given twice$"):
            read_options(toml(text))


def test_options_may_stand_in_the_sections_that_a_runs_configuration_has() -> None:
    text = '\ufeff[model]\r\ncell = "gru"\r\n[optimizer]\r\noptimizer = "asgd"\r\n[train]\r\nminutes = 3\r\n'
    assert read_options(toml(text)) == {"cell": "gru", "optimizer": "asgd", "minutes": 3}
    assert read_options(toml("")) == {}


def test_the_configuration_of_a_run_is_a_file_of_options(trained: Path) -> None:
    values = read_options(trained / "config.json")
    saved = json.loads((trained / "config.json").read_bytes())
    groups = {group: saved[group] for group in SECTIONS}
    assert RunConfig.from_flat(values) == RunConfig.saved(groups, "config.json")
    Given.of(values)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'minutes="3"',
            "invalid value for minutes; expected a number above 0, up to 10,000,000; found '3'. Did you mean: minutes",
        ),
        ('hidden_size = "9"', "invalid value for hidden-size; expected an integer from 1 to 65,536; found '9'. Did"),
        ("hidden-size = [9]", "expected an integer from 1 to 65,536; found [9]. Did you mean: hidden-size = 9"),
        ("hidden-size = 9.0", "expected an integer from 1 to 65,536; found 9.0. Did you mean: hidden-size = 9"),
        ('dropout = "0.3"', "expected a number from 0 to below 1; found '0.3'. Did you mean: dropout = 0.3"),
        ('dropout = "0,3"', "expected a number from 0 to below 1; found '0,3'. Did you mean: dropout = 0.3"),
        ('tied = "false"', "expected true or false; found 'false'. Did you mean: tied = false"),
        ("tied = 1", "expected true or false; found 1. Did you mean: tied = true"),
        ('cell = "LSTM"', "expected 'lstm', 'gru' or 'rnn'; found 'LSTM'. Did you mean: cell = \"lstm\""),
        ('cell = ["gru"]', "found ['gru']. Did you mean: cell = \"gru\""),
        ('device = "gpu"', "expected auto, cpu, mps, cuda or cuda:N; found 'gpu'. Did you mean: device = \"cuda\""),
        ('size = "big"', "expected 'tiny', 'small', 'medium' or 'large'; found 'big'. Did you mean: size = \"large\""),
        ('split = "0.9,0.1"', "expected a list of numbers; found '0.9,0.1'. Did you mean: split = [0.9, 0.1]"),
        ("minutes = true", "expected a number above 0, up to 10,000,000; found true"),
        ("minutes = nan", "expected a number above 0, up to 10,000,000; found nan"),
        ("minutes = 2026-01-01", "expected a number above 0, up to 10,000,000; found 2026-01-01"),
        ("dropout = nan", "expected a number from 0 to below 1; found nan"),
        ("clip = -1", "expected a number from 0 to 1e+30; found -1"),
        ("[hidden_size]\nx = 1", "expected an integer from 1 to 65,536; found a table"),
        ("hidden_size" + ".a" * 30 + " = 1", "expected an integer from 1 to 65,536; found a table"),
        ("valid = [3]", "expected text; found [3]"),
        ("seed = 0x" + "f" * 5000, "expected a number below 2^63; found a number of 20,000 bits"),
        ("minutes = " + "9" * 400, "expected a number below 2^63; found a number of 1,329 bits"),
        ("vocab_size = " + "9" * 20, "expected a number below 2^63; found 99999999999999999999"),
        ("steps = " + "9" * 20, "expected a number below 2^63; found 99999999999999999999"),
        ("[training]\nminutes = 3", "unknown section [training]; expected [model], [data], [optimizer], [train], or"),
        ("[[model]]\nhidden_size = 3", "[[model]] is a list of sections; expected [model]"),
        (
            'out = "my run"',
            "out cannot be given in a file; expected it on the command line. Remove it and type: "
            "rnngen train FILE --config run.toml --out 'my run'",
        ),
        ('init_from = "a"', "Remove it and type: rnngen train FILE --config run.toml --init-from a"),
        ('out = "b"\ncorpus = "a.txt"', "Remove it and type: rnngen train --config run.toml --out b"),
        ('resume = "a"', "Remove it and type: rnngen train --resume a"),
        ("quiet = true", "Remove it and type: rnngen train FILE --config run.toml --quiet"),
        ("json = false", "json cannot be given in a file; expected it on the command line. Remove it."),
        ('config = "b.toml"', "Remove it and type: rnngen train --config b.toml"),
    ],
)
def test_an_invalid_value_names_file_option_and_what_to_write(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_options(toml(text + "\n"))
    message = str(caught.value)
    assert message.startswith("run.toml: ")
    assert said in message
    assert len(message) < 300
    if "Did you mean: " in message:  # what is proposed works
        assert read_options(toml(message.partition("Did you mean: ")[2] + "\n"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\ncell = lstm", "line 2: is not TOML (Invalid value); found 'cell = lstm'. Did you mean: cell = \"ls"),
        ("minutes: 3", "Did you mean: minutes = 3"),
        ("--minutes 3", "Did you mean: minutes = 3"),
        ("minutes = 1,5", "Did you mean: minutes = 1.5"),
        ("minutes = 3;", "Did you mean: minutes = 3"),
        ("split = 0.9,0.1", "Did you mean: split = [0.9,0.1]"),
        ("tied = True", "Did you mean: tied = true"),
        ("cell = ‘gru’", 'Did you mean: cell = "gru"'),
        ("minutes =", "A file of options holds one per line"),
        ("minutes", "line 1: is not TOML"),
        ("GENERAL PUBLIC LICENSE", "A file of options holds one per line"),
        ("minutes = \0", "line 1: is not TOML"),
        ("= 3", "line 1: is not TOML"),
        ("a = 1\na = 2", "line 2: is not TOML (Cannot overwrite a value)"),
        ("x" * 10_000, "x…'."),
        ("seed = " + "9" * 5000, "a number in it is too large; found more than 4,300 digits"),
        ("a = " + "[" * 100_000, "is nested too deep"),
        ("a = " + "{a=" * 80_000, "is nested too deep"),
        ('{"model": ' * 20_000, "is neither TOML nor JSON; found more than 32 levels of nesting"),
        ("{json: 1}", "is neither TOML nor JSON"),
    ],
)
def test_a_file_that_is_not_toml_names_the_line_and_what_to_write(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_options(toml(text + "\n"))
    message = str(caught.value)
    assert message.startswith("run.toml")
    assert said in message
    assert "\n" not in message
    assert len(message) < 400
    if "Did you mean: " in message:
        assert read_options(toml(message.partition("Did you mean: ")[2] + "\n"))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("cell = 'é'".encode("latin-1"), "byte 0xe9 in line 1"),
        ("minutes = 3".encode("utf-16"), "UTF-16"),
        (b"minutes = 3\n# \xff", "byte 0xff in line 2"),
    ],
)
def test_a_file_in_another_encoding_says_so(content: bytes, found: str) -> None:
    with pytest.raises(UsageError, match=rf"^run\.toml: is not UTF-8; found {found}\. Save it as UTF-8\.$"):
        read_options(toml(content))


@pytest.mark.parametrize("name", ["missing.toml", ".", "x" * 5000, "a\0b"])
def test_toml_file_that_cannot_be_read_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError, match=r"cannot be read.*expected a TOML file") as caught:
        read_options(Path(name))
    assert len(str(caught.value)) < 400


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_a_device_or_an_endless_file_in_place_of_the_file_is_not_waited_for() -> None:
    os.mkfifo("pipe")
    for name in ("pipe", "/dev/zero", "/dev/null"):
        with pytest.raises(UsageError, match="found a pipe or a device"):
            read_options(Path(name))
    with Path("run.toml").open("wb") as file:
        file.truncate(1 << 40)  # a hole, as large as a disk
    with pytest.raises(UsageError, match=r"^run\.toml: is too large"):
        read_options(Path("run.toml"))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"model": {"hidden_size": -1}}, "model.hidden_size"),
        ({"model": {"size": 1}}, "model.size"),
        ({"train": None}, "train"),
        ({"modle": {}}, "modle"),
        ([], ""),
        (None, ""),
    ],
)
def test_saved_configuration_that_does_not_fit_is_a_checkpoint_error(values: Any, field: str) -> None:
    with pytest.raises(CheckpointError, match=rf"^here/config\.json: {field}"):
        RunConfig.saved(values, "here/config.json")
