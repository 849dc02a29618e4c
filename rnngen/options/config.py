"""What a run is made of: one validated model per concern, and the one way in which values reach them.

Values come from five places, each overriding the one before: the defaults below, the rules of
``training/planning/rules.py``, a preset (``presets.py``), a TOML file (``--config``), the command line. All of them
speak the same flat names: the field names below, which are the option names with ``_`` for ``-``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rnngen.errors import CheckpointError, UsageError
from rnngen.options.config_file import read_table
from rnngen.options.invalid_values import candidates, expected_by, shown
from rnngen.platforms import quote_argument


class _Config(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ModelConfig(_Config):
    """The network: embedding (V, E) → L recurrent layers of H units → softmax over V.

    Tied, the softmax has the embedding's matrix, so the last layer has E units, whatever H is.
    """

    cell: Literal["lstm", "gru", "rnn"] = "lstm"
    nonlinearity: Literal["tanh", "relu", "sigmoid", "identity"] = "tanh"
    hidden_size: int = Field(256, ge=1, le=65536, strict=True)
    embedding_size: int = Field(64, ge=1, le=65536, strict=True)
    num_layers: int = Field(1, ge=1, le=64, strict=True)
    dropout: float = Field(0.0, ge=0, lt=1)  # of every layer's output
    hidden_dropout: float | None = Field(None, ge=0, lt=1)  # of the output of all layers but the last; None: as dropout
    input_dropout: float = Field(0.0, ge=0, lt=1)  # of the embedding
    embedding_dropout: float = Field(0.0, ge=0, lt=1)  # of whole rows of the embedding: all uses of a token in a window
    weight_dropout: float = Field(0.0, ge=0, lt=1)  # of the recurrent weights
    tied: bool = False
    bidirectional: bool = False  # two networks of these sizes, read from both ends: model/cloze.py
    initialization: Literal["orthogonal", "uniform"] = "orthogonal"

    @model_validator(mode="after")
    def _consistent(self) -> ModelConfig:
        if self.nonlinearity != "tanh" and self.cell != "rnn":
            raise ValueError(f"--nonlinearity {self.nonlinearity} needs --cell rnn, not {self.cell}")
        if self.tied and self.num_layers == 1 and self.embedding_size != self.hidden_size:
            sizes = f"{self.embedding_size} and {self.hidden_size}"
            raise ValueError(f"--tied with one layer needs --embedding-size equal to --hidden-size, not {sizes}")
        return self

    def width(self, layer: int) -> int:
        """Units of a layer, counted from 0: H, but E in the last one of a tied network."""
        return self.embedding_size if self.tied and layer == self.num_layers - 1 else self.hidden_size


class DataConfig(_Config):
    """The text and how it is cut: into parts, and into tokens."""

    corpus: tuple[str, ...] = ()
    valid: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    split: tuple[float, ...] = (0.9, 0.05, 0.05)
    errors: Literal["strict", "replace"] = "strict"
    tokenizer: Literal["char", "byte", "word", "bpe"] = "char"
    vocab_size: int | None = Field(None, ge=2, strict=True)

    @model_validator(mode="after")
    def _consistent(self) -> DataConfig:
        if self.tokenizer == "byte" and self.vocab_size is not None:
            raise ValueError("--vocab-size has no meaning with --tokenizer byte: there are 256 bytes")
        ok = 2 <= len(self.split) <= 3 and all(0 <= f <= 1 for f in self.split)
        if not ok or self.split[0] == 0 or abs(sum(self.split) - 1) > 1e-6:
            given = ",".join(map(str, self.split))
            raise ValueError(f"--split must be two or three fractions that sum to 1 (train,valid[,test]), not {given}")
        return self


class OptimizerConfig(_Config):
    """How a gradient becomes a step."""

    optimizer: Literal["muon", "asgd"] = "muon"  # Muon and AdamW with an exponential average, or NT-ASGD
    learning_rate: float = Field(1e-2, gt=0)  # AdamW: embedding, softmax, biases; SGD: everything
    muon_learning_rate: float = Field(0.02, gt=0)  # Muon: the recurrent layers' matrices
    weight_decay: float = Field(0.02, ge=0)
    clip: float = Field(1.0, gt=0)
    warmup: float = Field(0.02, ge=0, lt=1)
    decay: Literal["linear", "cosine", "none"] = "linear"
    ema: float = Field(0.98, ge=0, lt=1)  # of Muon and AdamW
    nonmono: int = Field(5, ge=1, strict=True)  # of NT-ASGD: validations without progress before averaging
    activation_regularization: float = Field(0.0, ge=0)  # AR: what is added to the loss, see training/regularization.py
    temporal_activation_regularization: float = Field(0.0, ge=0)  # TAR


class TrainConfig(_Config):
    """The loop: how many streams, how far gradients reach, how long, how often to look."""

    batch_size: int = Field(32, ge=1, strict=True)
    bptt: int = Field(64, ge=1, strict=True)
    bptt_jitter: float = Field(
        0.0, ge=0, le=1000
    )  # standard deviation of a window's length, see corpus/window_lengths.py
    steps: int = Field(1000, ge=1, strict=True)
    valid_every: int = Field(100, ge=1, strict=True)
    valid_tokens: int | None = Field(None, ge=1, strict=True)  # of the validation part; None: all
    save_every: int = Field(200, ge=1, strict=True)
    sample_every: int = Field(200, ge=0, strict=True)
    patience: int = Field(10, ge=0, strict=True)
    seed: int = Field(0, ge=0, lt=2**63, strict=True)
    ngram: int = Field(0, ge=0, le=16, strict=True)
    device: str = Field("auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")
    precision: Literal["auto", "float32", "bf16"] = "auto"
    threads: int | None = Field(None, ge=1, le=4096, strict=True)  # of torch on the processor, to begin with


class RunConfig(_Config):
    """All that is decided before the first step; what ``config.json`` holds."""

    model: ModelConfig = ModelConfig()
    data: DataConfig = DataConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    train: TrainConfig = TrainConfig()

    @classmethod
    def from_flat(cls, values: Mapping[str, Any]) -> RunConfig:
        """Build a configuration from flat names; what is not named keeps its default.

        Raises:
            UsageError: an unknown name (with a suggestion), or a value out of range.
        """
        if values.get("tied"):  # one size stands for both
            size = values.get("hidden_size", values.get("embedding_size", ModelConfig().hidden_size))
            values = {"hidden_size": size, "embedding_size": size, **values}
        grouped: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            if name not in FIELD_GROUPS:
                raise _unknown(name)
            grouped.setdefault(FIELD_GROUPS[name], {})[name] = value
        try:
            return cls.model_validate(grouped)
        except ValidationError as error:
            raise _usage_error(error) from error

    def with_values(self, values: Mapping[str, Any]) -> RunConfig:
        """The same configuration with some values replaced, by flat name.

        Raises:
            UsageError: as ``from_flat``.
        """
        current = {name: value for group in self.model_dump().values() for name, value in group.items()}
        return self.from_flat({**current, **values})

    @classmethod
    def from_json(cls, values: Mapping[str, Any], where: object) -> RunConfig:
        """Read back what ``model_dump`` wrote.

        Raises:
            CheckpointError: the file does not fit the fields.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"]))
            raise CheckpointError(f"{field}: {first['msg']}", where=where, found=repr(first["input"])) from error


FIELD_GROUPS: dict[str, str] = {
    name: group
    for group, field in RunConfig.model_fields.items()
    for name in field.annotation.model_fields  # type: ignore[union-attr]
}
"""Flat name → the model that holds it."""

LENGTH_OPTIONS = ("steps", "epochs", "minutes")
"""How long to train: one of them, of which only ``steps`` is a field; the plan turns the others into steps."""

SHORTHANDS = ("size", "preset")
"""Names that are no fields but stand for the values of several."""

SIZES: dict[str, dict[str, int]] = {
    "tiny": {"hidden_size": 128, "embedding_size": 32},
    "small": {"hidden_size": 256, "embedding_size": 64},
    "medium": {"hidden_size": 512, "embedding_size": 64},
    "large": {"hidden_size": 1024, "embedding_size": 128},
}
"""What ``--size`` stands for."""

DEVICES = ("auto", "cpu", "mps", "cuda", "cuda:0")
"""Values of ``--device``; of several GPUs the others have names as the last."""


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse options that cannot be, before any text is read.

    Raises:
        UsageError: an unknown name, a value out of range, two lengths at once, or an unknown size.
    """
    lengths = [name for name in LENGTH_OPTIONS if options.get(name) is not None]
    if len(lengths) > 1:
        raise UsageError(f"--{lengths[0]} and --{lengths[1]} cannot both be given", expected="one length")
    for name, value in options.items():
        checked = isinstance(value, int) if name in FIELD_GROUPS else name in (*LENGTH_OPTIONS, *SHORTHANDS)
        if checked and value is not None and (expected := _expected(name, value)):
            raise _invalid(name, value, expected)
    config = RunConfig.from_flat(
        {k: v for k, v in options.items() if k not in ("epochs", "minutes", "size") and v is not None}
    )
    if config.model.bidirectional and config.train.ngram:
        raise UsageError(
            "--ngram cannot be given with --bidirectional", expected="a left-to-right model to mix it into"
        )


def _unknown(name: str) -> UsageError:
    from rnngen.options.other_names import closest, other_key

    known = [option.replace("_", "-") for option in (*FIELD_GROUPS, *LENGTH_OPTIONS, *SHORTHANDS)]
    meant = other_key(name) or closest(name, known)
    hint = f"Did you mean {meant}?" if meant else "See rnngen train --help."
    return UsageError(f"unknown option {name!r}", hint=hint)


def _usage_error(error: ValidationError) -> UsageError:
    first = error.errors()[0]
    if first["type"] == "value_error":  # ours: already a sentence
        return UsageError(str(first["ctx"]["error"]))
    name = next((str(part) for part in reversed(first["loc"]) if not isinstance(part, int)), "value")
    return _invalid(name, first["input"], expected_by(first))


def _invalid(name: str, value: object, expected: str) -> UsageError:
    option = name.replace("_", "-")
    meant = _meant(name, value) if isinstance(value, str) else None
    hint = f"Did you mean --{option} {meant}?" if meant else None
    return UsageError(f"--{option} has an invalid value", expected=expected, found=shown(value), hint=hint)


def _expected(name: str, value: object) -> str | None:
    """What an option can be, in words, where it cannot be this value; None: it can, as far as it alone says."""
    if isinstance(value, int) and value.bit_length() > 63:  # which neither torch nor a file could hold
        return "a number below 2^63"
    if name in ("epochs", "minutes"):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return None if number and 0 < value < math.inf else "a number above 0"  # type: ignore[operator]
    if name in SHORTHANDS:
        known = name != "size" or (isinstance(value, str) and value in SIZES)
        return None if known else ", ".join(SIZES)
    value = tuple(value) if isinstance(value, list) else value
    try:
        RunConfig.model_validate({FIELD_GROUPS[name]: {name: value}}, strict=True)
    except ValidationError as error:
        return next((expected_by(each) for each in error.errors() if each["type"] != "value_error"), None)
    return None


def _meant(name: str, value: object) -> Any:
    """A value that an option can have, and that may be meant by one that it cannot; None: no idea."""
    choices = SIZES if name == "size" else DEVICES if name == "device" else _choices(name)
    found = (each for each in candidates(name.replace("_", "-"), value, choices) if _expected(name, each) is None)
    return next(found, None)


def _choices(name: str) -> tuple[str, ...]:
    """The values of an option that is one of several words."""
    group: Any = RunConfig.model_fields[FIELD_GROUPS[name]].annotation if name in FIELD_GROUPS else None
    allowed = get_args(group.model_fields[name].annotation) if group else ()
    return tuple(value for value in allowed if isinstance(value, str))


_TYPED = {
    "out": "{config} --out {value}", "init_from": "{config} --init-from {value}",
    "quiet": "{config} --quiet", "json": "{config} --json", "resume": "--resume {value}",
    "config": "--config {value}", "allow_changed_corpus": "--resume RUN --allow-changed-corpus",
}  # fmt: skip
"""Options of ``train`` that a file cannot hold → how they are typed."""


def read_toml(path: Path) -> dict[str, Any]:
    """Flat names and values from a TOML file, or from a run's config.json.

    ``-`` and ``_`` in names are the same. Options may stand in the sections that config.json has, ``[model]``,
    ``[data]``, ``[optimizer]`` and ``[train]``, whichever, or in none. Paths are relative to the current folder.

    Raises:
        UsageError: no such file, not TOML, an unknown name or section, or a value that the option cannot have.
    """
    values: dict[str, Any] = {}
    options = list(_options_of(path, read_table(path)))
    text = "" if any(name == "corpus" for name, _ in options) else "FILE "
    for written, value in options:
        name = written.replace("-", "_")
        if name in _TYPED:
            raise _not_in_a_file(path, name, value, text)
        if name not in (*FIELD_GROUPS, *LENGTH_OPTIONS, *SHORTHANDS):
            if isinstance(value, dict):
                raise UsageError(
                    f"unknown section [{written}]", where=path,
                    expected=", ".join(f"[{section}]" for section in RunConfig.model_fields) + ", or none",
                    hint="Options can stand without a section, one per line, such as: minutes = 3.",
                )  # fmt: skip
            raise UsageError(f"{path}: {_unknown(written)}")
        if name in values:
            raise UsageError(f"{name.replace('_', '-')} is given twice", where=path)
        if name in ("corpus", "valid", "test") and isinstance(value, str):
            value = [value]
        if expected := _expected(name, value):
            meant = _meant(name, value)
            hint = None if meant is None else f"Did you mean: {name.replace('_', '-')} = {json.dumps(meant)}"
            found = shown(value)
            raise UsageError(
                f"{name.replace('_', '-')} has an invalid value", where=path, expected=expected, found=found, hint=hint
            )
        values[name] = value
    return values


def _not_in_a_file(path: Path, name: str, value: object, text: str) -> UsageError:
    given = quote_argument(value) if isinstance(value, str) else "NAME"
    command = _TYPED[name].format(config=f"{text}--config {quote_argument(str(path))}", value=given)
    return UsageError(
        f"{name.replace('_', '-')} is not given in a file", where=path, expected="it on the command line",
        hint=f"Remove it and type: rnngen train {command}" if value is not False else "Remove it.",
    )  # fmt: skip


def _options_of(path: Path, table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if name in RunConfig.model_fields and isinstance(value, dict):
            yield from value.items()
        elif name in RunConfig.model_fields and isinstance(value, list) and any(isinstance(v, dict) for v in value):
            raise UsageError(f"[[{name}]] is a list of sections", where=path, expected=f"[{name}]")
        else:
            yield name, value
