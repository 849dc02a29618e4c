"""One line about what was read and what was not."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnngen.corpus.files.summary import LONGEST_LINE, Skipped, SourceSummary
from rnngen.corpus.sources import TextSource
from rnngen.corpus.tokens import cached_corpus, prepare
from rnngen.options.training import DataConfig


def summary(read: int, *skipped: tuple[str, str]) -> SourceSummary:
    return SourceSummary(read, tuple(Skipped(Path(name), reason, name) for name, reason in skipped))


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (summary(1), "1 read"),
        (summary(1234), "1,234 read"),
        (
            summary(12, ("notes.txt", "UTF-16 text"), ("old.zip", "zip archive")),
            "12 read; 2 skipped: notes.txt (UTF-16 text), old.zip (zip archive)",
        ),
        (
            summary(1, (".git", "hidden"), ("a.txt", "empty"), ("b.gz", "gzip archive")),
            "1 read; 3 skipped: b.gz (gzip archive), .git (hidden), a.txt (empty)",
        ),
        (
            summary(1, *((f"images/{n}.png", "PNG image") for n in range(5000)), ("b.gz", "gzip archive")),
            "1 read; 5,001 skipped: 5,000 (PNG image), 1 (gzip archive)",
        ),
        (summary(1, ("a\x1b[2J\nb", "binary data")), "1 read; 1 skipped: a\ufffd[2J\ufffdb (binary data)"),
    ],
)
def test_the_line_names_what_was_skipped_or_counts_it(said: SourceSummary, line: str) -> None:
    assert said.line() == line


@pytest.mark.parametrize("number", [1, 3, 10, 100, 5000])
def test_the_line_is_never_long(number: int) -> None:
    for reasons in (1, 7, 100):
        said = summary(10**6, *((f"{'x' * 300}{n}", f"reason {n % reasons} of many") for n in range(number)))
        assert len(said.line()) <= LONGEST_LINE
        assert f"{number:,} skipped: " in said.line()


def test_all_parts_and_standard_input_are_counted() -> None:
    for name in ("a.txt", "b.txt", "v.txt"):
        Path("texts").mkdir(exist_ok=True)
        (Path("texts") / name).write_text("some text to read\n" * 9)
    Path("texts/x.png").write_bytes(b"\x89PNG\0")
    data = DataConfig(corpus=("texts",), valid=("texts/v.txt",))
    corpus = prepare(data)
    assert corpus.sources is not None
    assert corpus.sources.line() == "4 read; 1 skipped: x.png (PNG image)"
    again = prepare(data)  # from the cache, in which it does not stand
    assert again.sources == corpus.sources
    cached = cached_corpus(data, corpus.fingerprint)
    assert cached is not None
    assert cached.sources is None


def test_standard_input_counts_as_a_file() -> None:
    import io

    Path("a.txt").write_text("a")
    assert TextSource(["a.txt", "-"], stdin=io.BytesIO(b"b")).summary.line() == "2 read"
