"""Files that are no UTF-8 text: told what they are, with a command that works where its program is installed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import shutil
import sqlite3
import struct
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from rnngen.corpus.files.kinds import START_BYTES, kind_of
from rnngen.corpus.sources import TextSource
from rnngen.errors import CorpusError
from tests.conftest import make_text

TEXT = make_text(3_000)

LANGUAGES = {
    "English": TEXT,
    "Polish": "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności.\n" * 40,
    "Vietnamese": "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền.\n" * 40,
    "Russian": "Я пришёл к тебе с приветом, рассказать, что солнце встало.\n" * 40,
    "Greek": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια.\n" * 40,
    "Hebrew": "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם.\n" * 40,
    "Arabic": "يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق.\n" * 40,
    "Hindi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।\n" * 40,
    "Thai": "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ\n" * 40,
    "Chinese": "学而时习之，不亦说乎？有朋自远方来，不亦乐乎？\n人不知而不愠，不亦君子乎？一日三省吾身。\n" * 40,
    "Japanese": "吾輩は猫である。名前はまだ無い。\nどこで生れたかとんと見当がつかぬ。\n" * 40,
    "Korean": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.\n" * 40,
    "emoji": "hello 😀 world 🎉\n" * 80,
}


@pytest.mark.parametrize("encoding", ["UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE"])
@pytest.mark.parametrize("text", LANGUAGES.values(), ids=LANGUAGES)
def test_wide_text_without_a_mark_is_told_in_both_orders(text: str, encoding: str) -> None:
    for size in (200, 201, 202, 203, 1001, START_BYTES):
        kind = kind_of(text.encode(encoding)[:size])
        assert kind is not None, size
        assert kind.command == f"iconv -f {encoding} -t UTF-8"
        assert kind.reason == f"{encoding[:6]} text"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "utf-32-be"])
def test_wide_text_with_a_mark_is_told_however_short(encoding: str) -> None:
    kind = kind_of((("" if encoding in ("utf-16", "utf-32") else "\ufeff") + "a").encode(encoding))
    assert kind is not None
    assert kind.reason == f"{encoding[:6].upper()} text"


@pytest.mark.parametrize("text", LANGUAGES.values(), ids=LANGUAGES)
def test_utf8_text_with_some_nul_bytes_is_a_text(text: str) -> None:
    rng = random.Random(0)
    for share in (0.0, 0.001, 0.01, 0.05, 0.15):
        data = bytes(0 if rng.random() < share else byte for byte in text.encode())
        for size in (100, 101, START_BYTES):
            assert kind_of(data[:size]) is None, (share, size)


@pytest.mark.parametrize("text", LANGUAGES.values(), ids=LANGUAGES)
def test_utf8_text_with_nul_bytes_at_equal_distances_is_a_text(text: str) -> None:
    for period in (2, 3, 4, 5, 6, 8, 15, 16):
        records = "\0".join(text[at : at + period] for at in range(0, len(text), period)).encode()
        for size in (100, 101, START_BYTES):
            assert kind_of(records[:size]) is None, (period, size)


@pytest.mark.parametrize("codec", ["latin-1", "cp1252", "cp1251", "koi8-r", "cp932", "gb18030", "euc_kr", "big5"])
def test_text_in_an_encoding_without_nul_bytes_is_left_to_the_decoder(codec: str) -> None:
    for text in LANGUAGES.values():
        assert kind_of(text.encode(codec, errors="ignore")[:START_BYTES]) is None


@pytest.mark.parametrize(
    "start", ["GIF89a is a format", "BZh is no word", "MZ", "BM", "OggS", "Rar!", "PK", "ID3 tags", "fLaC"]
)
def test_text_that_begins_like_a_format_is_a_text(start: str) -> None:
    assert kind_of((start + ".\n" + TEXT).encode()) is None


def tar(data: bytes, mode: str = "w") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        entry = tarfile.TarInfo("a.txt")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def zipped(data: bytes, name: str = "a.txt", first: tuple[str, bytes] | None = None) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        if first:
            archive.writestr(zipfile.ZipInfo(first[0]), first[1])
        archive.writestr(name, data)
    return stream.getvalue()


UNPACKED: dict[str, tuple[Callable[[bytes], bytes], str, str]] = {
    "a.lzma": (lambda d: lzma.compress(d, lzma.FORMAT_ALONE), "an lzma archive", "xz"),
    "a.gz.gz": (lambda d: gzip.compress(gzip.compress(d)), "a gzip archive in a gzip archive", "gzip"),
    "a.xz": (lambda d: lzma.compress(bz2.compress(d)), "a bzip2 archive in an xz archive", "xz"),
    "utf16.txt.gz": (lambda d: gzip.compress(d.decode().encode("utf-16")), "UTF-16 text in a gzip archive", "iconv"),
    "packed.gz": (lambda d: tar(d, "w:gz"), "a compressed tar archive", "tar"),
    "a.zip": (zipped, "a zip archive", "unzip"),
    "a.jar": (lambda d: zipped(d, first=("META-INF/", b"")), "a Java archive", "unzip"),
    "a.tar": (tar, "a tar archive", "tar"),
    "a.tar.gz": (lambda d: tar(d, "w:gz"), "a compressed tar archive", "tar"),
    "a.tgz": (lambda d: tar(d, "w:gz"), "a compressed tar archive", "tar"),
    "utf16.txt": (lambda d: d.decode().encode("utf-16"), "UTF-16 text", "iconv"),
    "utf16le.txt": (lambda d: d.decode().encode("utf-16-le"), "UTF-16 text", "iconv"),
    "utf16be.txt": (lambda d: d.decode().encode("utf-16-be"), "UTF-16 text", "iconv"),
    "utf32.txt": (lambda d: d.decode().encode("utf-32"), "UTF-32 text", "iconv"),
    "no suffix": (tar, "a tar archive", "tar"),
    "it's a 'name'": (tar, "a tar archive", "tar"),
    "-c": (lambda d: d.decode().encode("utf-16"), "UTF-16 text", "iconv"),
}


@pytest.mark.parametrize("errors", ["strict", "replace"])
@pytest.mark.parametrize("name", UNPACKED)
def test_a_file_of_another_kind_is_told_and_the_command_of_the_hint_prints_its_text(name: str, errors: str) -> None:
    pack, kind, program = UNPACKED[name]
    Path(name).write_bytes(pack(TEXT.encode()))
    with pytest.raises(CorpusError, match="expected UTF-8 text") as caught:
        TextSource([name], errors, command="cat -", lenient="")  # type: ignore[arg-type]
    assert caught.value.found == kind
    assert caught.value.hint is not None
    command = caught.value.hint.removeprefix("Read it with: ")
    assert command.endswith(" | cat -")
    if shutil.which(program) is None or shutil.which("sh") is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=True)
    assert done.stdout.decode() == TEXT


@pytest.mark.parametrize("name", ["a.gz.gz", "a.xz", "a.tar", "utf16.txt", "utf16be.txt"])
def test_the_same_on_standard_input(name: str) -> None:
    pack, kind, program = UNPACKED[name]
    data = pack(TEXT.encode())
    with pytest.raises(CorpusError, match=r"^standard input: ") as caught:
        list(TextSource(["-"], "replace", stdin=io.BytesIO(data), command="cat -", lenient=""))
    assert caught.value.found == kind
    assert caught.value.hint is not None
    command = caught.value.hint.removeprefix("Read it with: ... | ")
    if shutil.which(program) is None or shutil.which("sh") is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run(["sh", "-c", command], input=data, capture_output=True, check=True)
    assert done.stdout.decode() == TEXT


def test_what_needs_a_file_is_to_be_saved_first() -> None:
    with pytest.raises(
        CorpusError, match=r"found a zip archive\. Save it as a file.*: unzip -p FILE \| rnngen train -$"
    ):
        TextSource(["-"], stdin=io.BytesIO(zipped(b"text")), command="rnngen train -")


def test_without_a_command_that_reads_standard_input_a_new_file_is_made() -> None:
    Path("a.zip").write_bytes(zipped(b"text"))
    Path("b.txt").write_text("text")
    for sources, command in [(["a.zip"], None), (["b.txt", "a.zip"], "rnngen train -")]:
        with pytest.raises(CorpusError, match=r"Make a text of it: unzip -p a\.zip > NEW\.txt$"):
            TextSource(sources, command=command)


def database() -> bytes:
    with sqlite3.connect("x.sqlite") as connection:
        connection.execute("create table t (x)")
    connection.close()
    return Path("x.sqlite").read_bytes()


def noise(size: int) -> bytes:
    return random.Random(0).randbytes(size)


WORD = ("[Content_Types].xml", b"<Types/>")
OTHERS: dict[str, tuple[Callable[[], bytes], str]] = {
    "lz4": (lambda: b"\x04\x22\x4d\x18" + noise(99), "an lz4 archive"),
    "7z": (lambda: b"7z\xbc\xaf\x27\x1c" + noise(99), "a 7z archive"),
    "docx": (lambda: zipped(b"<w/>", "word/document.xml", WORD), "a Word document"),
    "xlsx": (lambda: zipped(b"<w/>", "xl/workbook.xml", WORD), "an Excel workbook"),
    "pptx": (lambda: zipped(b"<w/>", "ppt/presentation.xml", WORD), "a PowerPoint presentation"),
    "epub": (lambda: zipped(b"<w/>", "x", ("mimetype", b"application/epub+zip")), "an EPUB book"),
    "odt": (lambda: zipped(b"", "x", ("mimetype", b"application/vnd.oasis.opendocument.text")), "an ODT text"),
    "PDF": (lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + noise(99), "a PDF document"),
    "PDF in ASCII": (lambda: b"%PDF-1.4\n1 0 obj\n", "a PDF document"),
    "old Word": (lambda: bytes.fromhex("d0cf11e0a1b11ae1") + bytes(99), "an old Office document"),
    "PNG": (lambda: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG image"),
    "JPEG": (lambda: b"\xff\xd8\xff\xe0\0\x10JFIF\0", "a JPEG image"),
    "GIF": (lambda: b"GIF89a\x01\0\x01\0\x80\0\0", "a GIF image"),
    "WebP": (lambda: b"RIFF\x24\0\0\0WEBPVP8 ", "a WebP image"),
    "WAVE": (lambda: b"RIFF\x24\0\0\0WAVEfmt ", "a WAVE sound"),
    "MP3": (lambda: b"ID3\x04\0\0\0\0\0\0" + noise(99), "an MP3 sound"),
    "MP3 without tags": (lambda: b"\xff\xfb\x90\x64" + noise(999), "an MP3 sound"),
    "FLAC": (lambda: b"fLaC\0\0\0\x22", "a FLAC sound"),
    "Ogg": (lambda: b"OggS\0\x02" + bytes(20), "an Ogg sound"),
    "MP4": (lambda: b"\0\0\0\x20ftypisom" + bytes(20), "an MPEG-4 video"),
    "SQLite": (database, "an SQLite database"),
    "ELF": (lambda: b"\x7fELF\x02\x01\x01" + bytes(99), "an ELF program"),
    "PE": (lambda: b"MZ\x90\0\x03" + bytes(99) + noise(99), "a Windows program"),
    "compiled Python": (lambda: b"\xa7\r\r\n\0\0\0\0" + noise(20), "compiled Python"),
    "pickle": (lambda: b"\x80\x04\x95" + bytes(9) + noise(99), "a Python pickle"),
    "noise": (lambda: noise(4096), "binary data"),
    "numbers": (lambda: struct.pack("<500i", *range(-250, 250)), "binary data"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_kinds_are_named_whatever_the_rule_for_errors(name: str) -> None:
    make, kind = OTHERS[name]
    Path("file").write_bytes(make())
    for errors in ("strict", "replace"):
        with pytest.raises(CorpusError, match=r"^file: cannot be read as text") as caught:
            TextSource(["file"], errors)  # type: ignore[arg-type]
        assert caught.value.found == kind
        assert "--errors" not in str(caught.value)
