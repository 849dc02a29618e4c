"""The likely encoding of a text that is not UTF-8: the one that it was written in, and a command that reads it."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import pytest

from rnngen.corpus.files.legacy_encodings import is_mostly_utf8, likely_encoding
from rnngen.corpus.sources import TextSource
from rnngen.errors import CorpusError

FRENCH = "Le père Noël a été très généreux ; où êtes-vous allés à Pâques ? Ça, c'est l'été… «Voilà» dit-il.\n" * 20
GERMAN = "Zwölf große Boxkämpfer jagen Viktor quer über den Sylter Deich, schön und ungestüm.\n" * 20
POLISH = "Pójdź, kiń tę chmurność w głąb flaszy. Zażółć gęślą jaźń, mężczyźni śpią.\n" * 20
CZECH = "Příliš žluťoučký kůň úpěl ďábelské ódy, děti šly do školy.\n" * 20
RUSSIAN = "Съешь же ещё этих мягких французских булок, да выпей чаю. Он сказал, что придёт.\n" * 20
GREEK = "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.\n" * 20
TURKISH = "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. Şimdi ığdır çok güzel.\n" * 20
HEBREW = "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם.\n" * 20
JAPANESE = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n" * 20
CHINESE = "人人生而自由，在尊严和权利上一律平等。他们有理性和良心，并应以兄弟关系的精神对待。这是我们的。\n" * 20
KOREAN = "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.\n" * 20

CASES = [
    (FRENCH, "WINDOWS-1252"),
    (GERMAN, "WINDOWS-1252"),
    (POLISH, "WINDOWS-1250"),
    (POLISH, "ISO-8859-2"),
    (CZECH, "WINDOWS-1250"),
    (CZECH, "ISO-8859-2"),
    (RUSSIAN, "WINDOWS-1251"),
    (RUSSIAN, "KOI8-R"),
    (RUSSIAN, "IBM866"),
    (GREEK, "WINDOWS-1253"),
    (TURKISH, "WINDOWS-1254"),
    (HEBREW, "WINDOWS-1255"),
    (JAPANESE, "SHIFT_JIS"),
    (JAPANESE, "EUC-JP"),
    (CHINESE, "GB18030"),
    (KOREAN, "EUC-KR"),
    (FRENCH, "IBM850"),
    (FRENCH, "MACINTOSH"),
]
CODECS = {"WINDOWS-": "cp", "IBM": "cp", "MACINTOSH": "mac_roman"}


def encoded(text: str, encoding: str) -> bytes:
    for name, codec in CODECS.items():
        encoding = encoding.replace(name, codec)
    return text.encode(encoding, errors="ignore")


@pytest.mark.parametrize(("text", "encoding"), CASES)
def test_the_encoding_is_told_and_the_command_of_the_hint_converts_it(text: str, encoding: str) -> None:
    data = encoded("Plain ASCII first.\n" * 99 + text, encoding)
    Path("a text.txt").write_bytes(data)
    with pytest.raises(CorpusError, match=r"^a text\.txt: is not UTF-8.*`errors=replace`") as caught:
        list(TextSource(["a text.txt"], command="cat -"))
    read_with = caught.value.hint and caught.value.hint.partition("read it with `encoding=")[2].removesuffix("`")
    assert "".join(TextSource(["a text.txt"], encoding=str(read_with))) == data.decode(str(read_with))
    with pytest.raises(CorpusError, match=r"^a text\.txt: is not UTF-8") as caught:
        list(TextSource(["a text.txt"], command="cat -", lenient=""))
    assert caught.value.hint is not None
    before, _, command = caught.value.hint.partition(f"If it is {encoding}: read it with: ")
    assert command == f"iconv -f {encoding} -t UTF-8 'a text.txt' | cat -", before
    if shutil.which("iconv") is None or shutil.which("sh") is None:
        pytest.skip("iconv is not installed")
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=True)
    expected = data.decode({"IBM850": "cp850", "MACINTOSH": "mac_roman"}.get(encoding, encoding.replace("IBM", "cp")))
    assert done.stdout.decode() == expected


def test_text_in_latin_1_on_standard_input_has_a_command_without_a_file() -> None:
    with pytest.raises(
        CorpusError, match=r"^standard input: .*\.\.\. \| iconv -f WINDOWS-1252 -t UTF-8 \| rnngen eval RUN -$"
    ):
        list(TextSource(["-"], stdin=io.BytesIO(FRENCH.encode("cp1252")), command="rnngen eval RUN -", lenient=""))


def test_a_caller_without_the_option_says_nothing_of_it() -> None:
    Path("a.txt").write_bytes(FRENCH.encode("cp1252"))
    with pytest.raises(CorpusError, match=r"If it is WINDOWS-1252: read it with") as caught:
        list(TextSource(["a.txt"], command="rnngen sample --prompt -", lenient=""))
    assert "--errors" not in str(caught.value)
    Path("a.txt").write_bytes(b"a\0b")
    with pytest.raises(CorpusError, match="NUL byte") as caught:
        list(TextSource(["a.txt"], lenient=""))
    assert "--errors" not in str(caught.value)


def test_one_of_several_files_is_converted_in_its_place() -> None:
    Path("texts").mkdir()
    Path("texts/a.txt").write_text("a")
    Path("texts/it's b.txt").write_bytes(GERMAN.encode("cp1252"))
    for sources in (["texts"], ["texts/*.txt"], ["texts/a.txt", "texts/it's b.txt"]):
        with pytest.raises(CorpusError, match=r"it's b\.txt: is not UTF-8") as caught:
            list(TextSource(sources, command="rnngen train -", lenient=""))
        assert caught.value.hint is not None
        command = caught.value.hint.partition("If it is WINDOWS-1252: convert it: ")[2]
        assert command.startswith("iconv -f WINDOWS-1252 -t UTF-8 ")
    if shutil.which("iconv") is None or shutil.which("sh") is None:
        pytest.skip("iconv is not installed")
    subprocess.run(["sh", "-c", command], check=True)
    assert "".join(TextSource(["texts"])) == "a\n" + GERMAN


def test_a_stray_byte_in_a_utf8_text_is_not_taken_for_another_encoding() -> None:
    data = (FRENCH * 5).encode() + b"\xe9" + (FRENCH * 5).encode()
    Path("a.txt").write_bytes(data)
    with pytest.raises(CorpusError, match=r"byte 0xe9 at offset \d+\. `errors=replace` puts U\+FFFD") as caught:
        list(TextSource(["a.txt"]))
    assert "iconv" not in str(caught.value)
    assert is_mostly_utf8(data)
    assert not is_mostly_utf8(FRENCH.encode("cp1252"))


def test_every_byte_can_be_guessed_at() -> None:
    assert {likely_encoding(bytes([b])).name for b in range(256)} >= {"WINDOWS-1252", "ISO-8859-1"}
