"""The kind of a file that is not UTF-8 text, found from its first bytes, and the command that extracts its text.

UTF-16 and UTF-32 without a byte order mark are recognised by the characters that they would contain; a UTF-8 text with
a few NUL bytes is still a text.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rnngen.platforms import quote_argument

START_BYTES = 8192
"""How many bytes of a file are examined."""


@dataclass(frozen=True)
class FileKind:
    """A kind of file that is not UTF-8 text.

    Attributes:
        name: with its article: "a gzip archive".
        command: prints its text. ``{}`` stands for the file; without it, the command takes the file as its last
            argument, or reads standard input. Empty: no such command exists, or such a file contains no text.
        piped: the command that reads standard input, if ``command`` contains ``{}`` and there is one.
        encoding: the value of the option ``encoding`` that reads it as it is; empty: there is none.
    """

    name: str
    command: str = ""
    piped: str = ""
    encoding: str = ""

    @property
    def reason(self) -> str:
        """Why such a file is skipped: "gzip archive"."""
        return re.sub(r"^an? ", "", self.name)

    def extraction(self, file: str) -> str:
        """The command that prints the text of ``file``."""
        return self.command.format(file) if "{}" in self.command else f"{self.command} {file}"

    def within(self, archive: FileKind) -> FileKind:
        """The kind of such a file that is compressed."""
        inner = self.piped or ("" if "{}" in self.command else self.command)
        packed = f"{archive.command} {{}} | {inner}", f"{archive.command} | {inner}"
        return FileKind(f"{self.name} in {archive.name}", *(packed if inner else ("", "")), self.encoding)

    def hint(self, file: Path | None, reader: str | None = None, *, has_encoding: bool = False) -> str:
        """What to type to have the text read.

        Args:
            file: None if it came from standard input.
            reader: the command that was to read it, reading standard input; None: unknown.
            has_encoding: whether that command has the option ``encoding``.
        """
        if self.encoding and has_encoding:
            return f"Read it with `encoding={self.encoding}`"
        if not self.command:
            return "Give a file of plain text."
        piped = self.piped or ("" if "{}" in self.command else self.command)
        if file is None and piped:
            return f"Read it with: ... | {piped} | {reader or 'rnngen ...'}"
        command = self.extraction("FILE" if file is None else argument(file))
        if file is None:
            return f"Save it as a file, and read that with: {command} | {reader or 'rnngen ...'}"
        return f"Read it with: {command} | {reader}" if reader else f"Make a text of it: {command} > NEW.txt"


def argument(file: Path) -> str:
    """A file's name as a command's argument that is never taken for an option."""
    return quote_argument(f"./{file}" if str(file).startswith("-") else str(file))


def converted(encoding: str, name: str, codec: str = "") -> FileKind:
    """A text in another encoding, which ``iconv`` converts, and ``codec`` reads."""
    return FileKind(name, f"iconv -f {encoding} -t UTF-8", encoding=codec)


_UTF16 = converted("UTF-16", "UTF-16 text", "utf-16")
_UTF32 = converted("UTF-32", "UTF-32 text", "utf-32")
_TAR = FileKind("a tar archive", "tar -xOf {}", "tar -xOf -")
_PACKED_TAR = FileKind("a compressed tar archive", "tar -xOf {}")
_PACKED_NAME = re.compile(r"\.(tar\.\w+|t[gbx]z2?|tzst)$", re.IGNORECASE)
_ZIP = FileKind("a zip archive", "unzip -p {}")
_PDF = FileKind("a PDF document", "pdftotext {} -", "pdftotext - -")
BINARY = FileKind("binary data")

_MARKS = (
    (codecs.BOM_UTF32_LE, _UTF32),
    (codecs.BOM_UTF32_BE, _UTF32),
    (codecs.BOM_UTF16_LE, _UTF16),
    (codecs.BOM_UTF16_BE, _UTF16),
)

# the tables below: how a file begins, then the attributes of its kind

_COMPRESSED = (
    (rb"\x1f\x8b\x08", "a gzip archive", "gzip -dc"),
    (rb"\x1f[\x9d\xa0]", "a compressed file (.Z)", "gzip -dc"),
    (rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", "a bzip2 archive", "bzip2 -dc"),
    (rb"\xfd7zXZ\0", "an xz archive", "xz -dc"),
    (rb"\x5d\0\0.{2}(\xff{8}|.{5}\0{3})", "an lzma archive", "xz -dc"),
    (rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", "a zstd archive", "zstd -dc"),
    (rb"\x04\x22\x4d\x18", "an lz4 archive", "lz4 -dc"),
    (rb"LZIP\x01", "an lzip archive", "lzip -dc"),
)

_INSIDE_ZIP = (
    (rb".{30}mimetypeapplication/epub", "an EPUB book", "pandoc -f epub -t plain"),
    (rb".{30}mimetypeapplication/vnd\.oasis\.\w+\.text", "an ODT text", "pandoc -f odt -t plain"),
    (rb".{30}mimetypeapplication/vnd\.oasis\.opendocument", "an OpenDocument file"),
    (rb".{30}(\[Content_|_rels/|docProps/|word/).*word/", "a Word document", "pandoc -f docx -t plain"),
    (rb".{30}(\[Content_|_rels/|docProps/|xl/).*xl/", "an Excel workbook"),
    (rb".{30}(\[Content_|_rels/|docProps/|ppt/).*ppt/", "a PowerPoint presentation"),
    (rb".{30}META-INF/", "a Java archive", "unzip -p {}"),
)

_OTHERS = (
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x -so {}"),
    (rb"Rar!\x1a\x07", "a RAR archive", "unrar p -inul {}"),
    (rb"MSCF\0{4}", "a cabinet archive"),
    (rb"!<arch>\n", "an ar archive"),
    (rb"\xed\xab\xee\xdb", "an RPM package"),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document"),
    (rb".{60}BOOKMOBI", "a Mobipocket book"),
    (rb"AT&TFORM.{4}DJV", "a DjVu document", "djvutxt {}"),
    (rb"SQLite format 3\0", "an SQLite database", "sqlite3 {} .dump"),
    (rb"\x89PNG", "a PNG image"),
    (rb"\xff\xd8\xff", "a JPEG image"),
    (rb"GIF8[79]a", "a GIF image"),
    (rb"II\x2a\0|MM\0\x2a|II\x2b\0|MM\0\x2b", "a TIFF image"),
    (rb"8BPS\0", "a Photoshop image"),
    (rb"RIFF.{4}WEBP", "a WebP image"),
    (rb"RIFF.{4}WAVE", "a WAVE sound"),
    (rb"RIFF.{4}AVI ", "an AVI video"),
    (rb".{4}ftyp(heic|heix|mif1|avif)", "an HEIF image"),
    (rb".{4}ftypM4[AB]", "an MPEG-4 sound"),
    (rb".{4}ftyp", "an MPEG-4 video"),
    (rb"\x1a\x45\xdf\xa3", "a Matroska video"),
    (rb"ID3[\x02-\x04]", "an MP3 sound"),
    (rb"OggS\0", "an Ogg sound"),
    (rb"fLaC\0", "a FLAC sound"),
    (rb"FORM.{4}AIF", "an AIFF sound"),
    (rb"MThd\0", "a MIDI file"),
    (rb"\x7fELF", "an ELF program"),
    (rb"\xca\xfe\xba\xbe", "a Java class or a macOS program"),
    (rb"\xfe\xed\xfa[\xce\xcf]|[\xce\xcf]\xfa\xed\xfe", "a macOS program"),
    (rb".[\x0c-\x0f]\r\n[\0-\x03]\0{3}", "compiled Python"),
    (rb"\0asm", "a WebAssembly program"),
    (rb"\0\x01\0\0\0|OTTO\0|ttcf\0|wOF[F2]", "a font"),
    (rb"\xde\x12\x04\x95|\x95\x04\x12\xde", "a gettext catalogue", "msgunfmt {}"),
    (rb"\x93NUMPY", "a NumPy array"),
    (rb"\x89HDF", "an HDF5 file"),
    (rb"FEA1", "an old Feather table"),
    (rb"GGUF.\0\0\0", "a GGUF model"),
)

_SHORT = (  # too short to count unless the rest is not text either
    (rb"BM.{4}\0{4}", "a BMP image"),
    (rb"\0\0[\x01\x02]\0.\0", "an icon"),
    (rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb]", "an MP3 sound"),
    (rb"\xff[\xf0\xf1\xf8\xf9]", "an AAC sound"),
    (rb"MZ.{58}", "a Windows program"),
    (rb".{3}\0{5}\{\"", "a safetensors file"),
    (rb"\x80[\x02-\x05][c\x8c\x95}\]X(]", "a Python pickle"),
)

_TABLES = ((rb"PAR1", "parquet"), (rb"ARROW1\0\0", "arrow"), (rb"\xff{4}..\0\0[\x04-\x40]\0\0\0", "arrow stream"))

_TEXT_CONTROLS = bytes((*range(0x07, 0x0E), *range(0x1A, 0x20)))  # white space, backspace, escape, separators
_CONTROLS = bytes(b for b in range(1, 0x20) if b not in _TEXT_CONTROLS)


def kind_of(start: bytes, name: str = "") -> FileKind | None:
    """The kind of a file that begins with these bytes; None: text, in UTF-8 or an encoding without NUL bytes.

    Args:
        start: its first ``START_BYTES``.
        name: of the file, which distinguishes a compressed tar archive from other compressed files.
    """
    for mark, kind in _MARKS:
        if start.startswith(mark):
            return kind
    if start.startswith(b"%PDF-1.") or start.startswith(b"%PDF-2."):
        return _PDF
    text = _decoded(start)
    if "\0" not in text and "\ufffd" not in text:
        return None
    return _by_signature(start, name) or _wide(start, text) or _binary(start, text)


def compression_of(start: bytes) -> FileKind | None:
    """The kind of a compressed file that begins with these bytes; None: it is something else."""
    return _listed(_COMPRESSED, start)


def table_format(start: bytes) -> str | None:
    """``parquet``, ``arrow`` or ``arrow stream`` for a table that begins with these bytes; None: it is none."""
    if b"\0" not in start and "\ufffd" not in _decoded(start):
        return None
    return next((name for magic, name in _TABLES if re.match(magic, start, re.DOTALL)), None)


def compressed_tar(start: bytes, name: str = "") -> FileKind | None:
    """The kind of a compressed file whose content begins with these bytes, if that is a tar archive.

    Args:
        start: of the content.
        name: of the compressed file.
    """
    return _PACKED_TAR if start[257:262] == b"ustar" or _PACKED_NAME.search(name) else None


def _decoded(start: bytes) -> str:
    """The bytes as UTF-8, of which the last character may be cut."""
    return codecs.getincrementaldecoder("utf-8")("replace").decode(start)


def _by_signature(start: bytes, name: str) -> FileKind | None:
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return _listed(_INSIDE_ZIP, start) or _ZIP
    if kind := compression_of(start):
        return _PACKED_TAR if _PACKED_NAME.search(name) else kind
    return _TAR if start[257:262] == b"ustar" else _listed(_OTHERS, start)


def _listed(table: Iterable[tuple[bytes, *tuple[str, ...]]], start: bytes) -> FileKind | None:
    """The first kind in a table whose signature matches."""
    return next((FileKind(*kind) for magic, *kind in table if re.match(magic, start, re.DOTALL)), None)


def _wide(start: bytes, text: str) -> FileKind | None:
    """UTF-16 or UTF-32 without a byte order mark.

    Args:
        start: the bytes.
        text: the bytes decoded as UTF-8.
    """
    odd = start.count(0) + sum(start.count(b) for b in _CONTROLS) + text.count("\ufffd")  # as UTF-8
    if 0 not in start or odd < 0.1 * len(start):
        return None
    for bits in (32, 16):
        for order in ("LE", "BE"):
            if _plausible(start, bits // 8, order, clean=odd == start.count(0)):
                return converted(f"UTF-{bits}{order}", f"UTF-{bits} text", f"utf-{bits}-{order.lower()}")
    return None


def _plausible(start: bytes, width: int, order: str, *, clean: bool) -> bool:
    """Whether bytes make a text when read in units of ``width`` bytes.

    Args:
        start: the bytes.
        width: 2 or 4.
        order: ``LE`` or ``BE``.
        clean: whether they are UTF-8 apart from NUL bytes.
    """
    start = start[: len(start) // width * width]
    units = len(start) // width
    low, high = (start[at::width] for at in ((0, 1) if order == "LE" else (width - 1, width - 2)))
    if units < 2 or (clean and high.count(0) < 0.6 * units):
        return False
    if width == 2 and len(set(high)) > 0.7 * len(set(low)):  # characters of one text lie close together
        return False
    decoder = codecs.getincrementaldecoder(f"utf-{8 * width}-{order.lower()}")("replace")
    characters = decoder.decode(start)
    strange = sum(c not in "\t\n\v\f\r\x1b\ufeff" and unicodedata.category(c)[0] == "C" for c in characters)
    return strange + characters.count("\ufffd") <= 0.01 * units


def _binary(start: bytes, text: str) -> FileKind | None:
    """Data of no known kind: too many of its bytes occur in no text. Arguments as for ``_wide``."""
    size, nuls, controls = len(start), start.count(0), sum(start.count(b) for b in _CONTROLS)
    many_nuls = nuls > 0.4 * size or (nuls > 0.1 * size and nuls + text.count("\ufffd") > 0.5 * size)
    if size < 64 or not (many_nuls or controls > 0.02 * size):
        return None
    return _listed(_SHORT, start) or BINARY
