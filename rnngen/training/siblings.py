"""Training runs that differ in nothing but their seed: the first one is planned, and the others follow its plan."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rnngen.arguments import STDIN
from rnngen.corpus.recorded import SOURCES
from rnngen.corpus.tokens import EncodedCorpus
from rnngen.errors import CorpusError, UsageError
from rnngen.options.config import SECTIONS, RunConfig
from rnngen.options.given import Given
from rnngen.runs.files import read_json
from rnngen.runs.finding import never_saved
from rnngen.runs.layout import CONFIG
from rnngen.runs.siblings import Group, group_of, sibling_folder


@dataclass(frozen=True)
class Sibling:
    """A run that is to be trained as one of a group.

    Attributes:
        group: what it records.
        seed: its own.
        config: that of a sibling, which it follows but for the seed; None: it is the first, and all follow its plan.
        corpus: the encoded text, if a sibling of this process has read it.
        fingerprint: of the text of the siblings that were begun before; None: there are none.
    """

    group: Group
    seed: int
    config: RunConfig | None = None
    corpus: EncodedCorpus | None = None
    fingerprint: str | None = None

    def check_text(self, corpus: EncodedCorpus) -> None:
        """Make sure that it learns from the same text as its siblings.

        Raises:
            CorpusError: the text has changed.
        """
        if self.fingerprint not in (None, corpus.fingerprint):
            raise CorpusError(
                "the text has changed since the first sibling was trained", hint="Choose another `out` for a new group."
            )


class Begun(NamedTuple):
    """A sibling that has been saved.

    Attributes:
        path: its folder.
        config: the content of its config.json.
        group: what it records.
    """

    path: Path
    config: Mapping[str, Any]
    group: Group

    @property
    def fingerprint(self) -> str | None:
        """Of its text, as far as it is recorded."""
        corpus = self.config.get("corpus")
        return corpus.get("fingerprint") if isinstance(corpus, dict) else None


def begun_siblings(base: Path, seeds: Sequence[int]) -> dict[int, Begun]:
    """The runs of these seeds that have been saved, by seed.

    Raises:
        CheckpointError: there is a damaged one.
        UsageError: one of the folders holds something else.
    """
    found: dict[int, Begun] = {}
    for seed in seeds:
        folder = sibling_folder(base, seed)
        if not (folder / CONFIG).is_file() or never_saved(folder):
            continue  # what else the folder holds is refused when the run begins
        config = read_json(folder / CONFIG)
        group = group_of(config) if isinstance(config, dict) else None
        if group is None:
            raise UsageError(
                "there is a run in this folder that has no siblings", where=folder, hint="Choose another `out`."
            )
        found[seed] = Begun(folder, config, group)
    return found


def group_for(given: Given, init_from: Path | None, begun: Sequence[Begun]) -> Group:
    """A new group, or the one that was begun, if it was begun with the same options.

    Raises:
        UsageError: it was not, or the runs that were begun are of several groups.
    """
    options = _options(given, init_from)
    if len({each.group.name for each in begun}) > 1:
        raise UsageError(
            "the runs that were begun are of several groups",
            where=", ".join(str(each.path) for each in begun),
            hint="Choose another `out`.",
        )
    if not begun:
        return Group(secrets.token_hex(6), options)
    before = begun[0].group.options
    for name in sorted({*options, *before}, key=lambda name: (name != "preset", name)):
        if options.get(name) != before.get(name):
            raise UsageError(
                f"`{name}` is not as for the sibling that was begun",
                where=begun[0].path,
                expected=before.get(name, "not given"),
                found=options.get(name, "not given"),
                hint="Repeat the command that began it, or choose another `out`.",
            )
    return begun[0].group


def _options(given: Given, init_from: Path | None) -> dict[str, Any]:
    """All options but the seed, as they are recorded: as JSON, and with whole paths."""
    options = {name: value for name, value in given.items() if name != "seed"}
    for name in SOURCES:
        if options.get(name):
            options[name] = [each if each == STDIN else str(Path(each).absolute()) for each in options[name]]
    names = {"preset": given.preset, "init_from": init_from and str(init_from.absolute())}
    options |= {name: value for name, value in names.items() if value is not None}
    return dict(json.loads(json.dumps(options)))


def config_of(run: Begun) -> RunConfig:
    """The configuration of a sibling that was begun.

    Raises:
        CheckpointError: it is damaged.
    """
    sections = {name: run.config[name] for name in SECTIONS if name in run.config}
    return RunConfig.saved(sections, run.path / CONFIG)
