"""The settings of runs, and which of them differ: those that somebody gave, and those that were decided for the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnngen.options.config import SECTION_OF, SECTIONS, RunConfig
from rnngen.options.declare import declared
from rnngen.runs.card import part_of
from rnngen.runs.layout import CONFIG
from rnngen.runs.run import Run

GROUPS = {"model": "network", "data": "text", "optimizer": "learning", "train": "training", "": "run"}
"""Section of config.json → what its options are called together."""
MEASURING = "measuring and saving"
"""The group of settings that say when a run is looked at and saved, and hardly change what it learns."""

_STAND_FOR = {"size": ("hidden_size", "embedding_size"), "epochs": ("steps",)}
"""Option → the settings that follow from it alone. (What ``minutes`` becomes depends on the machine.)"""
_SHORT = 16  # characters of a default in words that a table has room for
_MEASURING = ("valid_every", "valid_tokens", "sample_every", "save_every", "threads")
_OF_HELD_OUT = ("split", "split_seed", "documents", "label_field", "normalize")


@dataclass(frozen=True)
class Settings:
    """The settings of a run.

    Attributes:
        values: every option by flat name, with the number of steps that was planned last; also ``rnngen``, the version,
            and ``init_from``, the run that training began with.
        given: the names of the settings that somebody gave, or that follow from what was given alone.
        held_out: what is equal for two runs if and only if they hold out the same parts of the same text.
    """

    values: Mapping[str, Any]
    given: frozenset[str]
    held_out: tuple[Any, ...]


@dataclass(frozen=True)
class Difference:
    """A setting that is not the same for all runs.

    Attributes:
        group: ``network``, ``text``, ``learning``, ``training``, ``run``, or ``MEASURING``.
        name: of the option.
        values: of each run.
        given: whether somebody gave it for one of the runs; if not, it was decided by rules or by measuring, from the
            text, the length of training and the machine.
    """

    group: str
    name: str
    values: tuple[Any, ...]
    given: bool

    @property
    def title(self) -> str:
        """What is said above the settings that this one stands with."""
        return self.group if self.given or self.group == MEASURING else "decided by rules or by measuring"

    def as_dict(self, names: Sequence[str]) -> dict[str, Any]:
        """As JSON, for runs of these names."""
        values = dict(zip(names, map(_plain, self.values), strict=True))
        return {"group": self.group, "option": self.name, "given": self.given, "values": values}


def settings_of(run: Run) -> Settings:
    """The settings of a run; options that did not exist when it was trained have their defaults.

    Raises:
        CheckpointError: config.json is damaged.
    """
    sections = {name: run.config[name] for name in SECTIONS if name in run.config}
    values = RunConfig.saved(sections, run.path / CONFIG).flat()
    given = run.config.get("given")
    names = [name for name in given if isinstance(name, str)] if isinstance(given, list) else list(values)
    begun = run.config.get("init_from")
    of_parts = [part_of(run.config, f"corpus.parts.{name}").get("characters") for name in ("valid", "test")]
    return Settings(
        {
            **values,
            "steps": run.planned_steps() or values["steps"],
            "init_from": begun.get("run") if isinstance(begun, Mapping) else None,
            "rnngen": run.config.get("rnngen"),
        },
        frozenset(names) | {each for name in names for each in _STAND_FOR.get(name, ())},
        (
            run.corpus_fingerprint,
            *(values[name] for name in _OF_HELD_OUT),
            *(bool(values[name]) for name in ("valid", "test")),
            *of_parts,
        ),
    )


def differences(settings: Sequence[Settings]) -> list[Difference]:
    """The settings that differ between runs, in the order of the options: given ones first, then decided ones.

    At the end stand those of measuring and saving, whoever chose them.

    Where the text is counts only if the texts differ: one text may lie in several places.
    """
    same_text = len({each.held_out[0] for each in settings}) == 1
    found = []
    for name in (*SECTION_OF, "init_from", "rnngen"):
        values = tuple(each.values.get(name) for each in settings)
        if all(value == values[0] for value in values) or (same_text and name in ("corpus", "valid", "test")):
            continue
        given = any(name in each.given for each in settings) or name == "init_from"
        group = MEASURING if name in _MEASURING else GROUPS[SECTION_OF.get(name, "")]
        found.append(Difference(group, name, values, given))
    return sorted(found, key=lambda each: (each.group == MEASURING, not each.given))


def in_words(name: str, value: Any) -> str:
    """A value of a setting as a person would type or say it."""
    if value is None:
        option = declared(SECTIONS[SECTION_OF[name]])[name].option if name in SECTION_OF else None
        said = option.default_text if option else None
        return (said if said is None or len(said) <= _SHORT else "default") or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        files = name in ("corpus", "valid", "test")
        return (", " if files else ",").join(Path(each).name if files else str(each) for each in value) or "none"
    if isinstance(value, int):
        return f"{value:,}"
    if name == "init_from":
        return Path(value).name
    return f"{value:g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
