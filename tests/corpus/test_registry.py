"""Named texts."""

from __future__ import annotations

from pathlib import Path
from pydoc_data.topics import topics

import pytest

from rnngen.corpus.registry import build
from rnngen.corpus.sources import TextSource
from rnngen.errors import CorpusError, UsageError


def test_pydoc_is_built_in_the_corpora_folder_and_is_long_enough_to_learn_from(tmp_path: Path) -> None:
    path, characters = build("pydoc")
    assert path.resolve() == tmp_path / "corpora" / "pydoc.txt"
    text = "".join(TextSource([str(path)]))
    assert len(text) == characters > 300_000
    assert len(text.encode()) == path.stat().st_size


def test_pydoc_holds_every_topic(tmp_path: Path) -> None:
    path, _ = build("pydoc", tmp_path / "deep" / "er" / "text.txt")
    text = path.read_text(encoding="utf-8")
    assert topics
    assert all(topic.strip("\n") in text for topic in topics.values())


def test_unknown_name_is_a_usage_error_that_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="expected pydoc; found shakespeare"):
        build("shakespeare")


def test_text_that_cannot_be_written_is_a_corpus_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CorpusError, match="cannot be written"):
        build("pydoc", tmp_path / "file" / "text.txt")
