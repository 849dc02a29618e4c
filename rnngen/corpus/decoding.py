"""Bytes decoded as text, in pieces, and the error for bytes that are not text."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rnngen.corpus.files.find import ErrorRule
from rnngen.corpus.files.kinds import argument, converted
from rnngen.corpus.files.legacy_encodings import CONTEXT_BYTES, is_mostly_utf8, likely_encoding
from rnngen.errors import CorpusError

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Reader:
    """How bytes are decoded, and what the hints in error messages suggest to type.

    Attributes:
        errors: ``strict`` refuses what is not UTF-8; ``replace`` puts U+FFFD in its place.
        command: the command that reads standard input instead of the only file, as in ``rnngen train -``; None: none.
        lenient: the option that selects ``replace``; empty: there is none.
    """

    errors: ErrorRule = "strict"
    command: str | None = None
    lenient: str = "`errors=replace`"

    def decode(self, stream: IO[bytes], file: Path | None, where: object = None) -> Iterator[str]:
        """Decode one file in pieces of about a megabyte, by the rules of ``sources.py``.

        Args:
            stream: the open file.
            file: its path, for hints; None: it comes through standard input or a pipe.
            where: its name in messages; by default the path.

        Raises:
            CorpusError: it is not UTF-8, or cannot be read.
        """
        decoder = codecs.getincrementaldecoder("utf-8")(self.errors)
        newlines = io.IncrementalNewlineDecoder(None, translate=True)
        offset = 0  # of the chunk's first byte in the file
        where = where or file
        while True:
            try:
                chunk = stream.read(CHUNK_BYTES)
            except OSError as error:
                raise CorpusError(f"cannot be read ({error.strerror})", where=where) from error
            if chunk is None:  # a file of the system that would have to be waited for, such as /proc/kmsg
                raise CorpusError("has nothing to read at present", where=where, expected="a text")
            skip = len(codecs.BOM_UTF8) if offset == 0 and chunk.startswith(codecs.BOM_UTF8) else 0
            nul = chunk.find(b"\0")
            if nul >= 0 and self.errors == "strict":
                raise CorpusError(
                    "is not text",
                    where=where,
                    expected="UTF-8 text",
                    found=f"a NUL byte at offset {offset + nul}",
                    hint=f"To read it all the same: {self.lenient}" if self.lenient else None,
                )
            pending = len(decoder.getstate()[0])  # bytes of a character that the end of the chunk cuts
            try:
                text = decoder.decode(chunk[skip:], final=not chunk)
            except UnicodeDecodeError as error:
                bad = offset + skip - pending + error.start
                around = error.object[max(0, error.start - CONTEXT_BYTES // 2) : error.start + CONTEXT_BYTES // 2]
                raise CorpusError(
                    "is not UTF-8",
                    where=where,
                    expected="UTF-8 text",
                    found=f"byte 0x{error.object[error.start]:02x} at offset {bad}",
                    hint=self._hint(around, file),
                ) from error
            if nul >= 0:
                text = text.replace("\0", "\ufffd")
            piece = newlines.decode(text, final=not chunk)
            if piece:
                yield piece
            if not chunk:
                return
            offset += len(chunk)

    def _hint(self, around: bytes, file: Path | None) -> str:
        """What to do about a text that is not UTF-8, from the bytes around the first invalid one."""
        replace = f"{self.lenient} puts U+FFFD in place of each such byte." if self.lenient else ""
        if is_mostly_utf8(around):
            return replace or "Correct it: the rest is UTF-8."
        encoding = likely_encoding(around)
        kind = converted(encoding, "")
        if file is None or self.command:
            convert = kind.hint(file, self.command).replace("Read", "read", 1)
        else:  # converted in place: it may be one file of a folder
            convert = f"convert it: {kind.extraction(argument(file))} > NEW && mv NEW {argument(file)}"
        return f"{replace} If it is {encoding}: {convert}".strip()
