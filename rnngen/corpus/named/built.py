"""Texts that can be built by name, without a download."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from rnngen.corpus.files.new_file import write_new
from rnngen.corpus.named.meant import hint_for
from rnngen.corpus.named.texts import TEXTS
from rnngen.corpus.planted.languages import LANGUAGES, planted_text
from rnngen.errors import CorpusError, UsageError
from rnngen.options.planted import PlantedOptions


def _pydoc() -> str:
    """The language reference that CPython includes for ``help()``."""
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise CorpusError("this Python does not include pydoc_data", expected="CPython's standard library") from error
    return "\n\n".join(topics[name].strip("\n") for name in sorted(topics)) + "\n"


BUILDERS: dict[str, Callable[[PlantedOptions], str]] = {
    "pydoc": lambda options: _pydoc(),
    **{name: partial(planted_text, language) for name, language in LANGUAGES.items()},
}
"""Name → what makes the text; only those in planted languages have options."""


def build(name: str, out: Path | None = None, planted: PlantedOptions | None = None) -> tuple[Path, int]:
    """Write a named text to ``out`` (default ``corpora/NAME.txt``); returns the file and its characters.

    A file that holds this text already stays as it is.

    Args:
        name: one of ``BUILDERS``.
        out: the file.
        planted: what a text in a planted language holds.

    Raises:
        UsageError: there is no text of this name, it has no such options, or something else has the file's name.
        CorpusError: the file cannot be written.
    """
    if name not in BUILDERS:
        raise UsageError(
            "no text of this name can be built",
            expected=", ".join(BUILDERS),
            found=name,
            hint=hint_for(name, TEXTS, BUILDERS),
        )
    path = out or Path("corpora") / f"{name}.txt"
    text = BUILDERS[name](planted or PlantedOptions())
    content = text.encode()
    write_new(path, lambda: [content])
    return path, len(text)
