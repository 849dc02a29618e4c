"""The text that is meant by a misspelled name, or by a name that belongs to another command."""

from __future__ import annotations

from collections.abc import Iterable

OTHER_NAMES = {
    "tinyshakespeare": "shakespeare shakespeare-char shakespeare.txt",
    "names": "makemore makemore-names names.txt",
    "ptb": "penn penn-treebank penntreebank treebank",
    "wikitext-2": "wikitext wt2 wiki2",
    "wikitext-103": "wt103 wiki103",
    "moby-dick": "melville",
    "pride-and-prejudice": "austen",
    "faust": "goethe",
    "hongloumeng": "dream-of-the-red-chamber redchamber",
    "pydoc": "python python-docs",
}
"""Name of a text → what else it is called."""


def hint_for(name: str, downloads: Iterable[str], built: Iterable[str]) -> str:
    """What to type instead of a name that does not exist, or belongs to the other command.

    Args:
        name: what was typed.
        downloads: the names that ``rnngen corpus get`` knows.
        built: the names that ``rnngen corpus build`` knows.
    """
    from rnngen.options.other_names import closest, squeezed  # here: only a mistake needs it

    known = {**dict.fromkeys(downloads, "get"), **dict.fromkeys(built, "build")}
    called = {squeezed(other): ours for ours, others in OTHER_NAMES.items() for other in others.split()}
    meant = called.get(squeezed(name)) or closest(name, known)
    if meant is None or meant not in known:
        return "Type: rnngen corpus list"
    return f"Did you mean: rnngen corpus {known[meant]} {meant}?"
