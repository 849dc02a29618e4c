"""What a shell offers at the Tab key beside options and their choices: runs, and names of texts.

Where nothing is offered, the shell completes files itself, so arguments that are texts need nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping
from datetime import datetime

import typer

Completed = list[tuple[str, str] | str]


def runs(incomplete: str) -> Completed:
    """Runs under ``checkpoints/`` and in folders of it, each with the time of its last save."""
    from rnngen.runs.finding import order_of
    from rnngen.runs.layout import checkpoints_folder
    from rnngen.runs.listing import newest_first, runs_below

    found: Completed = []
    for run in newest_first(runs_below(checkpoints_folder())[0]):
        if str(run).startswith(incomplete):
            saved = datetime.fromtimestamp(order_of(run) / 1e9)
            found.append((str(run), f"saved {saved:%Y-%m-%d %H:%M}"))
    return found


def one_run(context: typer.Context, incomplete: str) -> Completed:
    """The same for a command whose first word may be a run, and no other: nothing once there is a word."""
    return [] if context.params.get("run") or context.params.get("run_and_text") else runs(incomplete)


def downloadable(incomplete: str) -> Completed:
    """Texts that can be downloaded, each with its title."""
    from rnngen.corpus.named.texts import TEXTS

    return [(name, text.title) for name, text in TEXTS.items() if name.startswith(incomplete)]


def buildable(incomplete: str) -> Completed:
    """Texts that can be written without a download."""
    from rnngen.corpus.named.built import BUILDERS

    return [name for name in BUILDERS if name.startswith(incomplete)]


def words(known: Iterable[str]) -> Callable[[str], Completed]:
    """Some of the values of an option that has others too."""
    likely = list(known)

    def complete(incomplete: str) -> Completed:
        return [word for word in likely if word.startswith(incomplete)]

    return complete


def join_values(environment: MutableMapping[str, str]) -> None:
    """Put ``--option=value`` together again, which bash hands over in three words, for its completion."""
    at = environment.get("COMP_CWORD", "")
    if environment.get("_RNNGEN_COMPLETE") != "complete_bash" or not at.isdecimal():
        return
    typed, cursor = environment.get("COMP_WORDS", "").split("\n"), int(at)
    place = cursor
    joined: list[str] = []
    for number, word in enumerate(typed):
        after = number > 1 and typed[number - 1] == "=" and typed[number - 2].startswith("--")
        if joined and ((word == "=" and joined[-1].startswith("--")) or after):
            joined[-1] += word
            place -= number <= cursor
        else:
            joined.append(word)
    environment["COMP_WORDS"], environment["COMP_CWORD"] = "\n".join(joined), str(place)
