"""From sources to an encoded corpus: read, split, encode, or found in the cache.

A corpus becomes ``train``, ``valid`` and ``test`` by position in characters. Memory does not grow with the text, which
is read in pieces: once to count and hash it, and, unless it is in the cache, once to encode it. Between the two the
training part is read once more if its vocabulary has to be learned from counts: words, merges, or the most frequent
characters. What is encoded is hashed again, file by file (``TextSource``), so that the cache never holds one text under
the fingerprint of another.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rnngen.arguments import STDIN, in_words
from rnngen.corpus.cache import cache_folder as cache_folder
from rnngen.corpus.cache import cached_corpus as cached_corpus
from rnngen.corpus.cache import corpus_folder, store
from rnngen.corpus.encoded import PARTS as PARTS
from rnngen.corpus.encoded import EncodedCorpus as EncodedCorpus
from rnngen.corpus.encoded import EncodedText as EncodedText
from rnngen.corpus.encoded import encode_text as encode_text
from rnngen.corpus.files.find import TooMuchTextError
from rnngen.corpus.files.summary import SourceSummary
from rnngen.corpus.pieces import Cutter, TextHash
from rnngen.corpus.progress import OnProgress as OnProgress
from rnngen.corpus.progress import interruptible
from rnngen.corpus.sources import TextSource, refuse_unused_field
from rnngen.corpus.tokenizer import CharTokenizer, Tokenizer, train_tokenizer
from rnngen.corpus.tokenizer.char import FirstOccurrences
from rnngen.errors import CorpusError
from rnngen.options.training import DataConfig


class OtherTextError(CorpusError):
    """A text is not the one that was expected."""


@dataclass(frozen=True)
class KnownText:
    """What is known of a text before it is read.

    Attributes:
        fingerprint: see ``fingerprint_of``.
        characters: how many it has; None: unknown. A text with more is not read to its end.
    """

    fingerprint: str
    characters: int | None = None

    def is_shorter_than(self, characters: int) -> bool:
        """Whether it is known to have fewer characters."""
        return self.characters is not None and self.characters < characters

    @property
    def max_bytes(self) -> int | None:
        """The most that its files can hold: a character has up to 4 bytes, and every file a byte order mark."""
        return None if self.characters is None else (4 + len(codecs.BOM_UTF8)) * self.characters


def prepare(
    data: DataConfig,
    *,
    tokenizer: Tokenizer | None = None,
    known: KnownText | None = None,
    cache: Path | None = None,
    on_progress: OnProgress | None = None,
) -> EncodedCorpus:
    """Read, split and encode a corpus, or find it in the cache.

    Args:
        data: the sources, the split, the tokenizer's level and size.
        tokenizer: encode with this one (of a run that is resumed) instead of learning one from the training part.
        known: the only text that is wanted; None: any.
        cache: the folder of encoded corpora; ``cache_folder()`` by default.
        on_progress: called with how much has been read, learned from and encoded.

    Raises:
        OtherTextError: it is not the text that is wanted.
        CorpusError: a source is missing, empty or not text, or the cache cannot be written.
    """
    tell = on_progress or _tell_nobody
    all_characters = tokenizer is None and data.tokenizer == "char" and data.vocab_size is None
    text = _read(data, tell, known, FirstOccurrences() if all_characters else None)
    found = cached_corpus(data, text.fingerprint, tokenizer, cache)
    if found is None:
        folder = corpus_folder(cache, text.fingerprint, data, tokenizer)
        _encode(folder, text, tokenizer or _learn_tokenizer(data, text, tell), tell)
        found = cached_corpus(data, text.fingerprint, tokenizer, cache)
        if found is None:
            raise CorpusError("the encoded corpus was damaged right after it was written", where=folder)
    return replace(found, sources=text.summary)


def fingerprint_of(data: DataConfig, on_progress: OnProgress | None = None, known: KnownText | None = None) -> str:
    """The SHA-256 that identifies a corpus, over the text of all its sources, without encoding it.

    Raises:
        OtherTextError: it is not the ``known`` text.
        CorpusError: a source is missing, empty or not text.
    """
    return _read(data, on_progress or _tell_nobody, known).fingerprint


def _tell_nobody(what: str, done: int, total: int | None, /) -> None:
    pass


@dataclass(frozen=True)
class _Text:
    """A corpus that has been read once.

    Attributes:
        main: the text that is split.
        given: the parts that are files of their own.
        hashes: of ``main`` and of each given part.
        split: shares of the parts.
        characters: of ``main``, if all of those in the training part are the vocabulary.
    """

    main: TextSource
    given: dict[str, TextSource]
    hashes: dict[str, TextHash]
    split: Sequence[float]
    characters: FirstOccurrences | None = None

    @property
    def fingerprint(self) -> str:
        """See ``fingerprint_of``."""
        hashes = [self.hashes["main"].sha256, *(f"{part}{self.hashes[part].sha256}" for part in self.given)]
        return hashlib.sha256("".join(hashes).encode()).hexdigest()

    @property
    def summary(self) -> SourceSummary:
        """What was read and what was skipped."""
        return sum((source.summary for source in self.given.values()), self.main.summary)

    def ends(self) -> dict[str, int]:
        """Where the parts that are cut from ``main`` end, in characters; each begins where the one before it ends.

        A part that is given as files is not cut from ``main``: its share stays with the training part.
        """
        characters = self.hashes["main"].characters
        shares = dict(zip(PARTS, (*self.split, 0.0), strict=False))
        shares["train"] += sum(shares[part] for part in self.given)
        ends: dict[str, int] = {}
        share = 0.0
        for part in PARTS:
            if part not in self.given:
                share += shares[part]
                ends[part] = characters if share > 1 - 1e-5 else int(characters * share + 1e-6)
        return ends

    def parts(self) -> dict[str, Iterator[str]]:
        """The text of each part, to be read in this order: ``main`` is read once, to its end, for all its parts."""
        main, ends = Cutter(self.main), self.ends()
        rest = max(ends, key=lambda part: (ends[part], -PARTS.index(part)))
        return {
            part: iter(self.given[part]) if part in self.given else main.until(None if part == rest else ends[part])
            for part in PARTS
        }


def _read(
    data: DataConfig, tell: OnProgress, known: KnownText | None = None, characters: FirstOccurrences | None = None
) -> _Text:
    """Read all sources once, to identify them and to note the ``characters`` of the text that is split."""
    if not data.corpus:
        raise CorpusError("no text was given", expected="a file, a folder, a glob, or -")
    sources = {"main": data.corpus, "valid": data.valid, "test": data.test}
    piped = [name for name, listed in sources.items() if STDIN in listed]
    if len(piped) > 1:
        raise CorpusError(
            "can be read only once",
            where="standard input",
            expected=f"- for the corpus or for `{piped[1]}`, not for both",
        )
    alone = "rnngen train -" if not (data.valid or data.test) else None
    max_bytes = known.max_bytes if known else None
    try:
        texts = {
            name: TextSource(
                listed,
                data.errors,
                encoding=data.encoding,
                text_field=data.text_field,
                command=alone,
                max_bytes=max_bytes,
                on_progress=tell,
            )
            for name, listed in sources.items()
            if listed
        }
    except TooMuchTextError as error:
        raise _other(sources) from error
    total, before = sum(source.size for source in texts.values()), 0
    hashes: dict[str, TextHash] = {}
    for name, source in texts.items():
        for piece in source:
            hashes[name] = source.hashed
            if characters is not None and name == "main":
                characters.add(piece)
            if known and known.is_shorter_than(sum(hashed.characters for hashed in hashes.values())):
                raise _other(sources)
            done = before + source.hashed.bytes
            tell("reading", done, total if done <= total else None)  # compressed files are longer than they seem
        hashes[name] = source.hashed
        before += source.size
    tell("reading", total, total)
    refuse_unused_field(data.text_field, texts.values())
    main = texts.pop("main")
    if hashes["main"].characters == 0:
        left_out = "; ".join(main.summary.left_out.parts())
        raise CorpusError("is empty", where=main.name, expected="text to learn from", found=left_out or None)
    text = _Text(main, texts, hashes, data.split, characters)
    if known and text.fingerprint != known.fingerprint:
        raise _other(sources)
    return text


def _other(sources: Mapping[str, Sequence[str]]) -> OtherTextError:
    return OtherTextError(
        "it has changed since", where=in_words(source for listed in sources.values() for source in listed)
    )


def _learn_tokenizer(data: DataConfig, text: _Text, tell: OnProgress) -> Tokenizer:
    """Learn the vocabulary from the training part, in another thread if that means reading it once more.

    The ``tokenizers`` library handles no signals while it learns.
    """
    stop = text.ends()["train"]
    if text.characters is not None:
        return CharTokenizer(text.characters.before(stop))

    def show(done: int, is_read: bool) -> None:
        # how long the library takes after it has read the text is unknown
        tell("learning the vocabulary", done, None if is_read else stop)

    show(0, False)
    pieces = Cutter(text.main).until(stop)
    return interruptible(lambda watched: train_tokenizer(data.tokenizer, watched, data.vocab_size), pieces, show)


def _encode(folder: Path, text: _Text, tokenizer: Tokenizer, tell: OnProgress) -> None:
    """Encode all parts into a folder of the cache, provided that the text is what was read before.

    Raises:
        CorpusError: the text has changed, or the cache cannot be written.
    """
    total, done = sum(hashed.characters for hashed in text.hashes.values()), 0

    def watched(pieces: Iterator[str]) -> Iterator[str]:
        nonlocal done
        for piece in pieces:
            yield piece
            done += len(piece)
            tell("encoding", min(done, total), total)

    store(folder, tokenizer, {part: watched(pieces) for part, pieces in text.parts().items()})
