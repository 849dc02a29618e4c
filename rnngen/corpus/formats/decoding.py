"""Bytes decoded as text, in pieces, and the error for bytes that are not text."""

from __future__ import annotations

import codecs
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from rnngen.corpus.files.examine import is_wide
from rnngen.corpus.files.find import UTF_8, ErrorRule
from rnngen.corpus.files.kinds import START_BYTES, argument, converted, kind_of
from rnngen.corpus.files.legacy_encodings import CONTEXT_BYTES, is_mostly_utf8, likely_encoding
from rnngen.corpus.files.summary import Observations
from rnngen.errors import CorpusError
from rnngen.options.encodings import AUTO, codec_of

CHUNK_BYTES = 1 << 20

INVALID = "\udc00"
"""What stands in decoded text for bytes that are no text, until it is replaced, or its line or row is left out."""

_MARKS = tuple(
    (getattr(codecs, f"BOM_{name}"), f"utf-{bits}")
    for name, bits in (("UTF8", 8), ("UTF32_LE", 32), ("UTF32_BE", 32), ("UTF16_LE", 16), ("UTF16_BE", 16))
)

codecs.register_error("rnngen-invalid", lambda error: (INVALID, error.end))  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Decoding:
    """How bytes are decoded, and what the hints in error messages suggest to type.

    Attributes:
        errors: ``strict`` refuses what is not in the encoding; ``replace`` puts U+FFFD in its place; ``skip`` leaves
            out the line that has it.
        encoding: the value of the option ``encoding``.
        command: the command that reads standard input instead of the only file, as in ``rnngen train -``; None: none.
        lenient: the option that selects ``replace``; empty: there is none, nor an option ``encoding``.
        chosen: the codec of each file, as it was chosen for ``encoding=auto``.
    """

    errors: ErrorRule = "strict"
    encoding: str = UTF_8
    command: str | None = None
    lenient: str = "`errors=replace`"
    chosen: dict[str, str] = field(default_factory=dict)

    def decode(
        self, stream: IO[bytes], file: Path | None, where: object = None, observed: Observations | None = None
    ) -> Iterator[str]:
        """Decode one file in pieces of about a megabyte, by the rules of ``sources.py``.

        Args:
            stream: the open file.
            file: its path, for hints; None: it comes through standard input or a pipe.
            where: its name in messages; by default the path.
            observed: counts what is left out and replaced.

        Raises:
            CorpusError: it is not text in the encoding, or cannot be read.
        """
        newlines = io.IncrementalNewlineDecoder(None, translate=True)
        observed = Observations() if observed is None else observed
        characters = self.characters(stream, file, where, replaced=observed.replaced)
        pieces: Iterator[str] = (newlines.decode(text) for text in characters)
        if self.errors == "skip":
            pieces = _without_invalid_lines(pieces, observed.lines)
        yield from filter(None, pieces)
        if rest := newlines.decode("", final=True):
            yield rest

    def characters(
        self,
        stream: IO[bytes],
        file: Path | None,
        where: object = None,
        *,
        numbered: bool = False,
        replaced: Counter[str] | None = None,
    ) -> Iterator[str]:
        """As ``decode``, with line ends as they are, and ``INVALID`` and NUL where ``skip`` has to leave something out.

        Args:
            stream: as for ``decode``.
            file: as for ``decode``.
            where: as for ``decode``.
            numbered: whether an error names the line, too.
            replaced: counts what ``replace`` puts U+FFFD in place of.

        Raises:
            CorpusError: as ``decode``.
        """
        where = where or file
        codec = self.chosen.get(str(where)) or codec_of(self.encoding) or UTF_8
        decoder = codecs.getincrementaldecoder(codec)("strict" if self.errors == "strict" else "rnngen-invalid")
        offset = 0  # of the chunk's first byte in the file
        is_begun = False
        line = 1
        while True:
            chunk = _read(stream, where)
            if offset == 0:
                self._check_mark(chunk, codec, where)
            if self.errors == "strict" and not is_wide(codec) and (nul := chunk.find(b"\0")) >= 0:
                raise self._nul(offset + nul, where, line + chunk.count(b"\n", 0, nul) if numbered else 0)
            pending = len(decoder.getstate()[0])  # bytes of a character that the end of the chunk cuts
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                line += codecs.decode(error.object[: error.start], codec, "replace").count("\n")
                raise self._invalid(error, codec, offset - pending, file, where, line if numbered else 0) from error
            if "\0" in text and self.errors == "strict":
                start = text[: text.index("\0")]
                before = start.encode(f"{codec[:6]}-le")
                mark = int(codec[4:6]) // 8 if offset == 0 and codec in ("utf-16", "utf-32") else 0
                line += start.count("\n")
                raise self._nul(offset - pending + mark + len(before), where, line if numbered else 0)
            if self.errors == "replace":
                text = with_replacements(text, Counter() if replaced is None else replaced)
            if text:
                yield text if is_begun else text.removeprefix("\ufeff")
                is_begun = True
            if not chunk:
                return
            offset += len(chunk)
            line += text.count("\n")

    def _check_mark(self, start: bytes, codec: str, where: object) -> None:
        """Refuse a byte order mark of another encoding, and a text in UTF-16 or UTF-32 that has none."""
        marked = next((name for mark, name in _MARKS if start.startswith(mark)), None)
        if codec in ("utf-16", "utf-32") and marked != codec and start:
            raise CorpusError(
                f"is not {codec}",
                where=where,
                expected="a byte order mark",
                found=marked or repr(start[:4])[2:-1],
                hint=f"Without a mark, it may be read with `encoding={codec}-le` or `encoding={codec}-be`",
            )
        if marked and not codec.startswith(("utf", "gb18030")):
            raise CorpusError(
                f"is not {codec}",
                where=where,
                found=f"a byte order mark of {marked}",
                hint=_READ.format("Read", marked),
            )

    def _nul(self, offset: int, where: object, line: int) -> CorpusError:
        return CorpusError(
            f"{_place(line)}is not text",
            where=where,
            expected=f"{_name(codec_of(self.encoding))} text",
            found=f"a NUL byte at offset {offset}",
            hint=f"To read it all the same: {self.lenient}" if self.lenient else None,
        )

    def _invalid(
        self, error: UnicodeDecodeError, codec: str, offset: int, file: Path | None, where: object, line: int
    ) -> CorpusError:
        """The error for bytes that are not in the encoding.

        Args:
            error: what the decoder says.
            codec: of the encoding.
            offset: of the bytes that the decoder had, in the file.
            file: as for ``decode``.
            where: as for ``decode``.
            line: with the first of them; 0: not to be named.
        """
        around = error.object[max(0, error.start - CONTEXT_BYTES // 2) : error.start + CONTEXT_BYTES // 2]
        return CorpusError(
            f"{_place(line)}is not {_name(codec)}",
            where=where,
            expected=f"{_name(codec)} text",
            found=f"byte 0x{error.object[error.start]:02x} at offset {offset + error.start}",
            hint=self._hint(around, codec, file),
        )

    def _hint(self, around: bytes, codec: str, file: Path | None) -> str:
        """What to do about a text that is not in its encoding, from the bytes around the first invalid one."""
        replace = f"{self.lenient} puts U+FFFD in place of each such byte." if self.lenient else ""
        if codec != UTF_8:
            return f"{replace} {_READ.format('Read', AUTO)}".strip()
        if is_mostly_utf8(around):
            return replace or "Correct it: the rest is UTF-8."
        likely = likely_encoding(around)
        if self.lenient:
            return f"{replace} If it is {likely.name}: {_READ.format('read', likely.codec)}"
        kind = converted(likely.name, "")
        if file is None or self.command:
            convert = kind.hint(file, self.command).replace("Read", "read", 1)
        else:  # converted in place: it may be one file of a folder
            convert = f"convert it: {kind.extraction(argument(file))} > NEW && mv NEW {argument(file)}"
        return f"If it is {likely.name}: {convert}"


_READ = "{} it with `encoding={}`"


def _place(line: int) -> str:
    return f"line {line:,} " if line else ""


def choose(stream: IO[bytes], where: object) -> str:
    """The codec of a text for ``encoding=auto``.

    It is that of its byte order mark, or UTF-8 if all of the text is UTF-8, or else the likeliest.

    Raises:
        CorpusError: it cannot be read.
    """
    decoder = codecs.getincrementaldecoder(UTF_8)()
    before = b""
    while chunk := _read(stream, where):
        if not before and (kind := kind_of(chunk[:START_BYTES])) and kind.encoding:
            return kind.encoding
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError as error:
            start = len(before) + len(chunk) - (len(error.object) - error.start)
            around = (before + chunk)[max(0, start - CONTEXT_BYTES // 2) : start + CONTEXT_BYTES // 2]
            return UTF_8 if is_mostly_utf8(around) else likely_encoding(around).codec
        before = chunk[-CONTEXT_BYTES:]
    return UTF_8


def _read(stream: IO[bytes], where: object) -> bytes:
    try:
        chunk = stream.read(CHUNK_BYTES)
    except OSError as error:
        raise CorpusError(f"cannot be read ({error.strerror})", where=where) from error
    if chunk is None:  # a file of the system that would have to be waited for, such as /proc/kmsg
        raise CorpusError("has nothing to read at present", where=where, expected="a text")
    return chunk


def _name(codec: str | None) -> str:
    return "UTF-8" if codec in (UTF_8, None) else str(codec)


def with_replacements(text: str, replaced: Counter[str]) -> str:
    """A text with U+FFFD in place of invalid bytes and NUL, which are counted."""
    for reason, character in (("invalid bytes", INVALID), ("NUL bytes", "\0")):
        if number := text.count(character):
            replaced[reason] += number
            text = text.replace(character, "\ufffd")
    return text


def _without_invalid_lines(pieces: Iterator[str], left_out: Counter[str]) -> Iterator[str]:
    """A text without the lines that have invalid bytes or NUL, which are counted by reason."""
    held: list[str] = []  # the beginning of a line
    for piece in pieces:
        whole, newline, rest = piece.rpartition("\n")
        if newline:
            yield _valid_lines("".join([*held, whole, newline]), left_out)
            held = []
        held.append(rest)
    yield _valid_lines("".join(held), left_out)


def _valid_lines(text: str, left_out: Counter[str]) -> str:
    if INVALID not in text and "\0" not in text:
        return text
    kept = []
    for line in io.StringIO(text, newline="\n"):
        if reason := invalid_characters(line):
            left_out[reason] += 1
        else:
            kept.append(line)
    return "".join(kept)


def invalid_characters(text: str) -> str | None:
    """Why a line or a row is left out with ``errors=skip``; None: its bytes are text."""
    return "invalid bytes" if INVALID in text else "NUL bytes" if "\0" in text else None
