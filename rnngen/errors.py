"""The errors a user can meet. Each is one line: what, where, what was expected, what was found, what to do."""

from __future__ import annotations

from enum import IntEnum

from rnngen.graphemes import boundary_before


class ExitCode(IntEnum):
    """What a process of the command line exits with."""

    SUCCESS = 0
    ERROR = 1
    USAGE = 2
    INTERRUPTED = 130  # 128 plus the number of SIGINT
    TERMINATED = 143  # 128 plus the number of SIGTERM

    @staticmethod
    def of_signal(number: int) -> int:
        """The exit code of a process that a signal ended."""
        return 128 + number


LONGEST_PART = 1000
"""Characters of what, where, expected and found in a message; a value or a name may have millions."""


def shortened(text: str, longest: int = 60) -> str:
    """A text for a message: its beginning and an ellipsis if it has more than ``longest`` characters."""
    return text if len(text) <= longest else f"{text[: boundary_before(text, longest - 1)]}…"


class RnngenError(Exception):
    """A mistake or a fault that a user can act on; shown as one line, never as a traceback.

    In the message, every part is shortened to ``LONGEST_PART`` characters, and a hint that is longer is left out: a
    part of a command is of no use.

    Attributes:
        exit_code: what the process exits with when this error ends it.
    """

    exit_code = ExitCode.ERROR

    def __init__(
        self, what: str, *, where: object = None, expected: object = None, found: object = None, hint: str | None = None
    ) -> None:
        self.what, self.where, self.expected, self.found, self.hint = what, where, expected, found, hint
        parts = _part(what) if where is None else f"{_part(where)}: {_part(what)}"
        if expected is not None:
            parts += f"; expected {_part(expected)}"
        if found is not None:
            parts += f"; found {_part(found)}"
        if hint and len(hint) <= LONGEST_PART:
            parts += f". {hint}"
        super().__init__(parts)


def _part(value: object) -> str:
    return shortened(str(value), LONGEST_PART)


class RnngenWarning(UserWarning):
    """What a user of the Python functions should know about a result: what the command line writes as a note."""


class UsageError(RnngenError):
    """The command or the options are wrong; nothing was started."""

    exit_code = ExitCode.USAGE


class ArgumentError(UsageError, TypeError):
    """A function was called with arguments that it does not have, or without one that it needs."""


class CorpusError(RnngenError):
    """The text cannot be read, or there is too little of it."""


class TokenizerError(RnngenError):
    """A tokenizer cannot be trained or loaded, or cannot encode this text."""


class CheckpointError(RnngenError):
    """A run on disk is missing, damaged, in use, or does not fit together."""


class ChangedTextError(CheckpointError):
    """A run is intact, but the text is not the one that it was trained on."""


class TrainingError(RnngenError):
    """Training cannot go on, for example because the loss is no longer finite."""
