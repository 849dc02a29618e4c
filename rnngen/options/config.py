"""The configuration of a run: everything that is decided before the first step, in the sections of ``config.json``.

Values have five sources, each overriding the one before: the defaults of the declarations, the rules of
``training/planning/rules.py``, a preset (``presets.py``), a file of options (``config_file.py``), the command line. All
of them use the same flat names, those of the fields. ``given.py`` holds what the last three say.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rnngen.errors import CheckpointError, UsageError
from rnngen.options.declare import Declared, Options, declared, unknown
from rnngen.options.invocation import Invocation
from rnngen.options.network import ModelConfig
from rnngen.options.plan import PlanConfig
from rnngen.options.training import DataConfig, OptimizerConfig, TrainConfig


@dataclass(frozen=True)
class RunConfig:
    """All options that ``config.json`` holds, in one section per group."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    @classmethod
    def from_flat(cls, values: Mapping[str, Any]) -> RunConfig:
        """A configuration with these values, by flat name; options that are absent have their defaults.

        Raises:
            UsageError: an unknown name (with a suggestion), or an invalid value.
        """
        if values.get("tied"):  # one size stands for both
            size = values.get("hidden_size", values.get("embedding_size", ModelConfig().hidden_size))
            values = {"hidden_size": size, "embedding_size": size, **values}
        return cls().with_values(values)

    def flat(self) -> dict[str, Any]:
        """All values by flat name."""
        return {name: value for section in SECTIONS for name, value in vars(getattr(self, section)).items()}

    def with_values(self, values: Mapping[str, Any]) -> RunConfig:
        """The same configuration with other values for some options, by flat name.

        Raises:
            UsageError: as ``from_flat``.
        """
        sections: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
        for name, value in values.items():
            if name not in SECTION_OF:
                raise unknown_option(name)
            sections[SECTION_OF[name]][name] = value
        groups: dict[str, Any] = {name: getattr(self, name).changed(**each) for name, each in sections.items() if each}
        return dataclasses.replace(self, **groups)

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """The configuration as ``config.json`` holds it."""
        return {section: dict(vars(getattr(self, section))) for section in SECTIONS}

    @classmethod
    def saved(cls, values: object, where: object) -> RunConfig:
        """Read what ``as_dict`` returned, or some of its sections; the others have their defaults.

        Raises:
            CheckpointError: a section or an option is unknown, missing or invalid.
        """
        if not isinstance(values, Mapping):
            raise CheckpointError("is not a configuration", where=where)
        odd = next((name for name in values if name not in SECTIONS), None)
        if odd is not None:
            raise CheckpointError(f"{odd} is unknown", where=where, expected=", ".join(SECTIONS))
        groups: dict[str, Any] = {name: SECTIONS[name].saved(content, name, where) for name, content in values.items()}
        return cls(**groups)


SECTIONS: dict[str, type[Options]] = {
    "model": ModelConfig,
    "data": DataConfig,
    "optimizer": OptimizerConfig,
    "train": TrainConfig,
}

SECTION_OF: dict[str, str] = {name: section for section, group in SECTIONS.items() for name in declared(group)}
"""Flat name → the section that holds it."""

TRAINING: dict[str, Declared] = {
    name: each for group in (*SECTIONS.values(), PlanConfig) for name, each in declared(group).items()
}
"""All options of a training run, by flat name."""

LENGTH_OPTIONS = ("steps", "epochs", "minutes")
"""How long to train. At most one of them is given; the plan turns it into a number of steps."""

SIZES: dict[str, dict[str, int]] = {
    "tiny": {"hidden_size": 128, "embedding_size": 32},
    "small": {"hidden_size": 256, "embedding_size": 64},
    "medium": {"hidden_size": 512, "embedding_size": 64},
    "large": {"hidden_size": 1024, "embedding_size": 128},
}
"""Value of the option ``size`` → the options that it stands for."""


_IN_PYTHON = {
    "seeds": "give each `seed` in a loop",
    "resume": "rnngen.resume(run) resumes a run",
    "config": 'options are keyword arguments; those of a file: rnngen.train(corpus, **tomllib.load(open(FILE, "rb")))',
    "allow_changed_corpus": "it is an argument of rnngen.resume",
    "quiet": "`progress=none` shows nothing",
    "json": "the run that is returned has the result: rnngen.inspect(run).as_dict()",
    "out": "it is an argument of rnngen.train",
    "init_from": "it is an argument of rnngen.train",
}
"""What only the command line has → what Python has instead."""


def unknown_option(name: str) -> UsageError:
    """The error for an option that training does not have, with the one that was probably meant."""
    if name in declared(Invocation):  # an argument of a function in Python
        return UsageError(f"`{name}` is an option of the command line", hint=f"In Python, {_IN_PYTHON[name]}.")
    return unknown(name, TRAINING, "option", meant=option_meant(name), otherwise="See rnngen train --help.")


def option_meant(name: str) -> str | None:
    """The option that a misspelled name, or another program's name, stands for, maybe as ``name=value``; or None."""
    from rnngen.options.other_names import closest, other_key

    return other_key(name) or closest(name, TRAINING)
