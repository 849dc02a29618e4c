"""From sources to an encoded corpus: read, split, encode, or find it encoded already.

A corpus becomes ``train``, ``valid`` and ``test`` by position in characters. Memory does not grow with the text: it
is read in pieces, once to be counted, once for the vocabulary, and once to be encoded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rnngen.corpus.cache import cache_folder as cache_folder  # with what is kept there, for those who read a corpus
from rnngen.corpus.cache import cached_corpus as cached_corpus
from rnngen.corpus.cache import place, store
from rnngen.corpus.encoded import PARTS as PARTS
from rnngen.corpus.encoded import EncodedCorpus as EncodedCorpus
from rnngen.corpus.encoded import EncodedText as EncodedText
from rnngen.corpus.encoded import encode_text as encode_text
from rnngen.corpus.progress import OnProgress as OnProgress
from rnngen.corpus.progress import interruptible
from rnngen.corpus.sources import TextCounter, TextSource, cut
from rnngen.corpus.summary import SourceSummary
from rnngen.corpus.tokenizer import Tokenizer, train_tokenizer
from rnngen.errors import CorpusError
from rnngen.options.training import DataConfig


def prepare(
    data: DataConfig,
    *,
    tokenizer: Tokenizer | None = None,
    cache: Path | None = None,
    on_progress: OnProgress | None = None,
) -> EncodedCorpus:
    """Read, split and encode a corpus, or find it encoded already.

    Args:
        data: the sources, the split, the tokenizer's level and size.
        tokenizer: use this one (a run that goes on) instead of training one on the training part.
        cache: where encoded corpora are kept; ``cache_folder()`` by default.
        on_progress: told how much is read, learned from and encoded.

    Raises:
        CorpusError: a source that is missing, empty or not text, or a cache that cannot be written.
    """
    tell = on_progress or _tell_nobody
    text = _read(data, tell)
    found = cached_corpus(data, text.fingerprint, tokenizer, cache)
    if found is None:
        folder = place(cache, text.fingerprint, data, tokenizer)
        _encode(folder, text, tokenizer or _learn_tokenizer(data, text, tell), tell)
        found = cached_corpus(data, text.fingerprint, tokenizer, cache)
        if found is None:
            raise CorpusError("the encoded corpus is damaged as soon as it is written", where=folder)
    return replace(found, sources=text.summary)


def fingerprint_of(data: DataConfig, on_progress: OnProgress | None = None) -> str:
    """The SHA-256 by which a corpus is known, over the text of all its sources, without encoding it.

    Raises:
        CorpusError: a source that is missing, empty or not text.
    """
    return _read(data, on_progress or _tell_nobody).fingerprint


def _tell_nobody(what: str, done: int, total: int | None, /) -> None:
    pass


@dataclass(frozen=True)
class _Text:
    """A corpus that has been read once.

    Attributes:
        main: what is split.
        given: the parts that are files of their own.
        counters: of ``main`` and of each given part.
        split: shares of the parts.
    """

    main: TextSource
    given: dict[str, TextSource]
    counters: dict[str, TextCounter]
    split: Sequence[float]

    @property
    def fingerprint(self) -> str:
        """See ``fingerprint_of``."""
        hashes = [self.counters["main"].sha256, *(f"{part}{self.counters[part].sha256}" for part in self.given)]
        return hashlib.sha256("".join(hashes).encode()).hexdigest()

    @property
    def summary(self) -> SourceSummary:
        """What was read and what was skipped."""
        return sum((source.summary for source in self.given.values()), self.main.summary)

    def ends(self) -> dict[str, tuple[int, int]]:
        """Where the parts that are cut from ``main`` begin and end, in characters.

        A part given as files is not cut from it: its share stays with the training part.
        """
        characters = self.counters["main"].characters
        shares = dict(zip(PARTS, (*self.split, 0.0), strict=False))
        shares["train"] += sum(shares[part] for part in self.given)
        ends: dict[str, tuple[int, int]] = {}
        start, share = 0, 0.0
        for part in PARTS:
            if part not in self.given:
                share += shares[part]
                stop = characters if share > 1 - 1e-5 else int(characters * share + 1e-6)
                ends[part] = start, stop
                start = stop
        return ends

    def part(self, part: str) -> Iterator[str]:
        """The text of a part, from its beginning."""
        return iter(self.given[part]) if part in self.given else cut(self.main, *self.ends()[part])


def _read(data: DataConfig, tell: OnProgress) -> _Text:
    """Read all sources once, to know what they are."""
    if not data.corpus:
        raise CorpusError("no text was given", expected="a file, a folder, a glob, or -")
    sources = {"main": data.corpus, "valid": data.valid, "test": data.test}
    piped = [name for name, listed in sources.items() if "-" in listed]
    if len(piped) > 1:
        raise CorpusError(
            "can be read only once",
            where="standard input",
            expected=f"- for the corpus or for --{piped[1]}, not for both",
        )
    alone = "rnngen train -" if not (data.valid or data.test) else None
    texts = {
        name: TextSource(listed, data.errors, command=alone, on_progress=tell)
        for name, listed in sources.items()
        if listed
    }
    total, before = sum(source.size for source in texts.values()), 0
    counters = {}
    for name, source in texts.items():
        counter = counters[name] = TextCounter()
        for piece in source:
            counter.add(piece)
            tell("reading", min(before + counter.bytes, total), total)
        before += source.size
    tell("reading", total, total)
    main = texts.pop("main")
    if counters["main"].characters == 0:
        raise CorpusError("is empty", where=main.name, expected="text to learn from")
    return _Text(main, texts, counters, data.split)


def _learn_tokenizer(data: DataConfig, text: _Text, tell: OnProgress) -> Tokenizer:
    """Learn the vocabulary in another thread: the ``tokenizers`` library handles no signals while it learns."""
    start, stop = text.ends()["train"]

    def show(done: int, is_read: bool) -> None:
        # how long the library takes after it has read the text cannot be told
        tell("learning the vocabulary", done, None if is_read else stop - start)

    show(0, False)
    return interruptible(
        lambda pieces: train_tokenizer(data.tokenizer, pieces, data.vocab_size), text.part("train"), show
    )


def _encode(folder: Path, text: _Text, tokenizer: Tokenizer, tell: OnProgress) -> None:
    """Encode all parts into a folder of the cache, if they are what was read before.

    Raises:
        CorpusError: they are not, or the cache cannot be written.
    """
    again = {name: TextCounter() for name in text.counters}
    total = sum(counter.characters for counter in text.counters.values())

    def watched(part: str) -> Iterator[str]:
        counter = again[part if part in text.given else "main"]
        for piece in text.part(part):
            yield piece
            counter.add(piece)
            tell("encoding", min(sum(each.characters for each in again.values()), total), total)

    def check() -> None:
        for name, counter in text.counters.items():
            if again[name].sha256 != counter.sha256:
                raise CorpusError(
                    "changed while it was read",
                    where=(text.given.get(name) or text.main).name,
                    expected="a text that nothing writes to",
                    hint="Try again when nothing writes to it.",
                )

    store(folder, tokenizer, {part: watched(part) for part in PARTS}, check)
