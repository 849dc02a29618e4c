"""Training runs that differ in nothing but their seed: the first one is planned, and the others follow its plan."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rnngen.arguments import STDIN
from rnngen.corpus.tokens import EncodedCorpus
from rnngen.errors import CheckpointError, CorpusError, UsageError
from rnngen.options.config import SECTION_OF, SECTIONS, RunConfig
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


def group_for(seeds: Sequence[int], begun: Sequence[Begun]) -> Group:
    """A new group with these seeds, or the one that was begun, which gets those that are new.

    Raises:
        UsageError: the runs that were begun are of several groups.
    """
    known = {each.group.name: each.group for each in begun}
    if len(known) > 1:
        raise UsageError(
            "the runs that were begun are of several groups",
            where=", ".join(str(each.path) for each in begun),
            hint="Choose another `out`.",
        )
    if not known:
        return Group(secrets.token_hex(6), tuple(seeds))
    ((name, group),) = known.items()
    return Group(name, tuple(dict.fromkeys((*group.seeds, *seeds))))


def config_of(run: Begun, given: Given) -> RunConfig:
    """The configuration of a sibling that was begun, if it was begun with the same options.

    Raises:
        UsageError: it was not.
        CheckpointError: the configuration is damaged.
    """
    sections = {name: run.config[name] for name in SECTIONS if name in run.config}
    config = RunConfig.saved(sections, run.path / CONFIG)
    before, recorded = config.flat(), run.config.get("given")
    if not isinstance(recorded, list):
        raise CheckpointError("does not say which options were given", where=run.path / CONFIG)
    missing = () if "init_from" in run.config else map(str, recorded)  # there it has the options of that run too
    for name in sorted({*given, *missing} - {"seed"}):
        value = given.get(name)
        if name in ("corpus", "valid", "test") and value is not None:
            value = tuple(source if source == STDIN else str(Path(source).absolute()) for source in value)
        found = tuple(before[name]) if isinstance(before.get(name), list | tuple) else before.get(name)
        value = tuple(value) if isinstance(value, list | tuple) else value
        differs = (name in given) != (name in recorded) or (name in SECTION_OF and value != found)
        if differs:
            raise UsageError(
                f"`{name}` is not as for the sibling that was begun",
                where=run.path,
                expected=found if name in recorded and name in SECTION_OF else None,
                found=value if name in given else "not given",
                hint="Repeat the command that began it, or choose another `out`.",
            )
    return config
