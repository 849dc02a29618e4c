"""``rnngen cache``: the encoded texts and downloads that are kept so that they need not be made again."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnngen import formats
from rnngen.cli.commands import DefaultGroup, plain_app, register_command
from rnngen.cli.confirmation import Yes, check_can_ask
from rnngen.cli.parameters import AsJson
from rnngen.cli.prune import DryRun, offer
from rnngen.plaintext.widths import cut

if TYPE_CHECKING:
    from rnngen.cli.console import Console


_DIGITS = 9  # characters of a path in the list on a terminal: of a hash, they tell it from all others


class ListByDefault(DefaultGroup):
    """``rnngen cache`` without the name of a command lists what is there."""

    default = "list"


cache_app = plain_app(help="Show and prune the cache of encoded texts and downloads.", cls=ListByDefault)


@cache_app.callback()
def _cache() -> None:
    pass


def list_command(context: typer.Context, as_json: AsJson = False) -> None:
    """List what is in the cache: encoded texts and downloads, the last read first."""
    from rnngen.corpus.cache import cache_folder

    console: Console = context.obj
    entries = _entries()
    total = sum(each["bytes"] for each in entries)
    if as_json:
        console.write_json({"folder": str(cache_folder()), "entries": entries, "bytes": total})
        return
    if not entries:
        console.write(f"{cache_folder()}: nothing is kept\n")
        return
    folder = cache_folder()
    rows = [
        (
            each["name"] or "?",
            each["what"],
            formats.size(each["bytes"]),
            f"{datetime.fromtimestamp(each['read']):%Y-%m-%d %H:%M}",
            each["path"] if not console.shows_output else cut(Path(each["path"]).name, _DIGITS),
        )
        for each in entries
    ]
    header, footer = ("name", "what", "size", "last read", "path"), ("total", "", formats.size(total), "", "")
    console.write(console.table([header, *rows, footer]))
    if console.shows_output:
        console.write(f"in {folder}\n")


def _entries() -> list[dict[str, Any]]:
    from rnngen.corpus.cached_texts import cached_texts
    from rnngen.corpus.named.store import downloaded
    from rnngen.runs.finding import runs_in
    from rnngen.runs.layout import checkpoints_folder
    from rnngen.runs.pruning import texts_of

    users = texts_of(runs_in(checkpoints_folder()))
    entries: list[dict[str, Any]] = []
    for text in cached_texts():
        runs = [str(run) for run in users.get(text.path, ())]
        more = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
        what = f"encoded text of {runs[0]}{more}" if runs else "encoded text"
        entries.append(
            {
                "path": str(text.path),
                "name": text.name,
                "what": what,
                "runs": runs,
                "bytes": text.bytes,
                "read": text.read,
            }
        )
    for each in downloaded():
        what = f"download of {each.name}" if each.path.exists() else f"incomplete download of {each.name}"
        entries.append(
            {
                "path": str(each.path),
                "name": each.name,
                "what": what,
                "runs": [],
                "bytes": each.bytes,
                "read": each.read,
            }
        )
    return sorted(entries, key=lambda each: -each["read"])


def prune_command(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Also what is used or was read lately.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Remove what is no longer used from the cache.

    That is what nobody has read for 30 days: encoded texts that no run under checkpoints/ was trained on, and
    downloads. They are encoded or downloaded again where they are needed. Shows what is removed and asks first.
    """
    from rnngen.runs.finding import runs_in
    from rnngen.runs.layout import checkpoints_folder
    from rnngen.runs.pruning import UNREAD_DAYS, prunable_downloads, prunable_texts

    console: Console = context.obj
    check_can_ask(console, yes=yes or dry_run)
    days = 0 if everything else UNREAD_DAYS
    runs = [] if everything else runs_in(checkpoints_folder())
    found = [each for each in (prunable_texts(runs, days), prunable_downloads(days)) if each]
    offer(console, found, dry_run=dry_run, yes=yes, as_json=as_json)


register_command(cache_app, "list", list_command)
register_command(cache_app, "prune", prune_command)
