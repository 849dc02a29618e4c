"""Which encodings there are."""

from __future__ import annotations

import pytest

from rnngen.errors import CheckpointError, UsageError
from rnngen.options.encodings import AUTO, LIKELY, codec_of
from rnngen.options.training import DataConfig


def test_encodings_that_are_suggested_exist() -> None:
    assert [name for name in LIKELY if name != AUTO and codec_of(name) is None] == []


@pytest.mark.parametrize("name", ["cp1252", "windows-1252", "GB18030", "Latin-1", "UTF8", "utf_16_le", "iso8859-15"])
def test_any_name_that_python_has_for_a_text_encoding_is_valid(name: str) -> None:
    assert DataConfig(encoding=name).encoding == name


NONE = [
    "rot13",
    "zlib",
    "base64",
    "hex",
    "idna",
    "punycode",
    "unicode_escape",
    "raw_unicode_escape",
    "undefined",
    "utf-7",
]


@pytest.mark.parametrize("name", [*NONE, "", "nonsense", "utf-9", "a\0b", "x" * 5_000, "../x", "é", "aliases"])
def test_what_is_no_encoding_of_files_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="invalid value for `encoding`; expected auto or an encoding of text files"):
        DataConfig(encoding=name)
    with pytest.raises(CheckpointError):
        DataConfig.saved({"encoding": name}, "data", "config.json")


@pytest.mark.parametrize(("name", "meant"), [("cp12522", "cp1252"), ("utf-88", "utf-8"), ("gb1803", "gb18030")])
def test_a_misspelled_one_has_a_suggestion(name: str, meant: str) -> None:
    with pytest.raises(UsageError, match=rf"Did you mean `encoding={meant}`\?"):
        DataConfig(encoding=name)
