"""A file of any bytes is refused with a clear error, or read as the text that it is and encoded without loss."""

from __future__ import annotations

import codecs
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnngen.corpus.files.kinds import kind_of
from rnngen.corpus.sources import TextSource
from rnngen.corpus.tokenizer import train_tokenizer
from rnngen.corpus.tokenizer.protocol import Level
from rnngen.errors import CorpusError
from tests.conftest import make_text

pytestmark = pytest.mark.fault(15)

LEVELS: list[Level] = ["byte", "word", "bpe"]
LEARNED = {
    level: train_tokenizer(level, [make_text(3_000), "é漢😀 <unk>\r\n"], 300 if level in ("word", "bpe") else None)
    for level in LEVELS
}
FRAGMENTS = [
    *(bytes([b]) for b in b"\0\t\n\r\x1b AZaz\x7f\x80\xc3\xe9\xfe\xff"),
    *(codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF32_BE, b"PK\x03\x04", b"%PDF-1.", b"\x1f\x8b", b"<unk>"),
    *("é漢😀\u2028\ufeff\ud7ff\U0010ffff".encode(), "aé".encode("utf-16-le"), b"\xed\xa0\x80", b"'s  ", b"word " * 9),
]
anything = st.one_of(st.binary(max_size=60), st.lists(st.sampled_from(FRAGMENTS), max_size=30).map(b"".join))


@settings(deadline=None, max_examples=150)
@given(anything)
def test_whatever_bytes_a_file_has_it_is_refused_or_its_text_comes_back_from_every_tokenizer(data: bytes) -> None:
    kind_of(data)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "any.txt"
        file.write_bytes(data)
        try:
            text = "".join(TextSource([str(file)]))
        except CorpusError as error:
            assert str(error).startswith(f"{file}: ")
            assert "\n" not in str(error)
            return
    assert text == data.removeprefix(codecs.BOM_UTF8).decode().replace("\r\n", "\n").replace("\r", "\n")
    cut = len(text) // 2
    for tokenizer in (*LEARNED.values(), train_tokenizer("char", [text])):
        assert tokenizer.decode(tokenizer.encode(text)) == text
        ids = [token for piece in tokenizer.encode_pieces([text[:cut], text[cut:]]) for token in piece]
        assert ids == tokenizer.encode(text).tolist()
