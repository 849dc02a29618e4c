"""Formulas in HTML: superscripts and subscripts, which are characters in plain text, become elements."""

from __future__ import annotations

import unicodedata
from itertools import groupby

from markupsafe import Markup, escape

_TAGS = {"<super>": "sup", "<sub>": "sub"}
"""What Unicode calls a character that is another one set high or low → the element."""


def with_scripts(text: str) -> Markup:
    """``∂cᵗ/∂cᵗ⁻¹`` → ``∂c<sup>t</sup>/∂c<sup>t−1</sup>``, with everything else escaped."""
    parts = []
    for tag, characters in groupby(text, _tag):
        run = "".join(characters)
        parts.append(f"<{tag}>{escape(unicodedata.normalize('NFKC', run))}</{tag}>" if tag else escape(run))
    return Markup("".join(parts))


def _tag(character: str) -> str | None:
    return _TAGS.get(unicodedata.decomposition(character).partition(" ")[0])
