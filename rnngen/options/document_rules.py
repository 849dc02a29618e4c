"""What the options ``documents`` and ``label_field`` may be."""

from __future__ import annotations

from rnngen.errors import UsageError

MAX_SEPARATOR = 100
"""Of the text that separates documents, in characters."""


def check_documents(rule: str | None, label_field: str | None) -> None:
    """Refuse a rule that separates nothing, and labels without documents.

    Raises:
        UsageError: one of these was given.
    """
    if rule is not None and not (0 < len(rule) <= MAX_SEPARATOR and rule.strip()):
        raise UsageError(
            "invalid value for `documents`",
            expected=f"none, files, lines, paragraphs, or a separator of at most {MAX_SEPARATOR} characters, "
            "not of white space only",
            found=repr(rule[:MAX_SEPARATOR]),
        )
    if rule == "none" and label_field is not None:
        raise UsageError("`label_field` labels documents: it cannot be given with `documents=none`")
