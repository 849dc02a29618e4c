"""From sources to an encoded corpus: read, split, encode, or found in the cache.

A corpus becomes ``train``, ``valid`` and ``test`` by position, or by a choice of documents (``parts.py``). Memory does
not grow with the text, which is read in pieces: once to count and hash it, and, unless it is in the cache, once to
encode it. Between the two the training part is read once more if its vocabulary cannot be learned on the way: words,
merges, the most frequent characters, or those of documents that were not chosen yet. What is encoded is hashed again,
file by file (``TextSource``), so that the cache never holds one text under the fingerprint of another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rnngen.arguments import in_words
from rnngen.corpus.cache import cache_folder as cache_folder
from rnngen.corpus.cache import cached_corpus as cached_corpus
from rnngen.corpus.cache import corpus_folder, store
from rnngen.corpus.character_facts import CharacterFacts, SampledCharacters
from rnngen.corpus.documents import NONE, rule_beside
from rnngen.corpus.encoded import EncodedCorpus as EncodedCorpus
from rnngen.corpus.encoded import EncodedText as EncodedText
from rnngen.corpus.encoded import encode_text as encode_text
from rnngen.corpus.files.find import TooMuchTextError
from rnngen.corpus.files.summary import SourceSummary
from rnngen.corpus.known_text import KnownText, OtherTextError
from rnngen.corpus.labels import Labels, listed_labels, renumbered, united, without_labels
from rnngen.corpus.parts import PARTS as PARTS
from rnngen.corpus.parts import Piece, choose_documents, cut_by_position, lengths_by_position, shares_of
from rnngen.corpus.pieces import TextHash
from rnngen.corpus.progress import OnProgress as OnProgress
from rnngen.corpus.progress import interruptible
from rnngen.corpus.sources import TextSource
from rnngen.corpus.tokenizer import CharTokenizer, Tokenizer, train_tokenizer
from rnngen.corpus.tokenizer.char import FirstOccurrences
from rnngen.corpus.trainable import check_not_empty, check_piped_once
from rnngen.corpus.unused_options import refuse_unused_field, refuse_unused_separator, refuse_without_labels
from rnngen.errors import CorpusError
from rnngen.options.training import DataConfig


def prepare(
    data: DataConfig,
    *,
    tokenizer: Tokenizer | None = None,
    grows: bool = False,
    known: KnownText | None = None,
    otherwise: str = NONE,
    cache: Path | None = None,
    on_progress: OnProgress | None = None,
) -> EncodedCorpus:
    """Read, split and encode a corpus, or find it in the cache.

    Args:
        data: the sources, the split, the tokenizer's level and size.
        tokenizer: encode with this one (of a run that is resumed) instead of learning one from the training part.
        grows: whether this tokenizer is given the characters or words of the training part, and the labels, that it
            lacks.
        known: the only text that is wanted; None: any.
        otherwise: see ``TextSource``.
        cache: the folder of encoded corpora; ``cache_folder()`` by default.
        on_progress: called with how much has been read, learned from and encoded.

    Raises:
        OtherTextError: it is not the text that is wanted.
        CorpusError: a source is missing, empty or not text, or the cache cannot be written.
    """
    tell = on_progress or _tell_nobody
    learns_characters = (tokenizer is None or grows) and data.tokenizer == "char"
    all_characters = learns_characters and data.vocab_size is None and data.min_count == 1
    text = _read(data, tell, known, FirstOccurrences() if all_characters else None, otherwise)
    if tokenizer is not None and grows:
        tokenizer = tokenizer.grown(lambda size: _learn_tokenizer(data.changed(vocab_size=size), text, tell))
        if text.labels:
            tokenizer = tokenizer.with_labels(united(tokenizer.labels, text.labels, text.main.name))
    if tokenizer is not None and not set(text.labels) <= set(tokenizer.labels):
        raise CorpusError(
            "has other labels than the run",
            where=text.main.name,
            expected=listed_labels(tokenizer.labels) or "none",
            found=listed_labels(text.labels),
        )
    found = cached_corpus(data, text.fingerprint, tokenizer, cache)
    if found is None:
        folder = corpus_folder(cache, text.fingerprint, data, tokenizer)
        _encode(folder, text, tokenizer or _learn_tokenizer(data, text, tell), tell)
        found = cached_corpus(data, text.fingerprint, tokenizer, cache)
        if found is None:
            raise CorpusError("the encoded corpus was damaged right after it was written", where=folder)
    rule = text.main.documents
    lists = tuple(part for part, source in text.given.items() if source.documents != rule)
    return replace(found, sources=text.summary, documents=rule, characters=text.facts, lists=lists)


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
        data: the options.
        characters: of ``main``, if all of those in the training part are the vocabulary.
        facts: about the characters of ``main``.
        labels: of its documents.
    """

    main: TextSource
    given: dict[str, TextSource]
    hashes: dict[str, TextHash]
    data: DataConfig
    characters: FirstOccurrences | None = None
    facts: CharacterFacts | None = None
    labels: Sequence[str] = ()

    @property
    def fingerprint(self) -> str:
        """See ``fingerprint_of``."""
        hashes = [self.hashes["main"].sha256, *(f"{part}{self.hashes[part].sha256}" for part in self.given)]
        hashes += [json.dumps(self.labels)] if self.labels else []
        return hashlib.sha256("".join(hashes).encode()).hexdigest()

    @property
    def summary(self) -> SourceSummary:
        """What was read and what was skipped."""
        return sum((source.summary for source in self.given.values()), self.main.summary)

    @property
    def is_stream(self) -> bool:
        """Whether it is one stream of text, and not documents."""
        return self.main.documents == NONE

    @property
    def _shares(self) -> dict[str, float]:
        return shares_of(self.data.split, self.given)

    @property
    def training_characters(self) -> int:
        """How many characters of ``main`` the training part has, if that is known before the text is cut."""
        characters = self.hashes["main"].characters
        return lengths_by_position(characters, self._shares)["train"] if self.is_stream else characters

    def parts(self) -> Iterator[Piece]:
        """The text of all parts; ``main`` is read once, to its end."""
        hashed = self.hashes["main"]
        if self.is_stream:
            yield from cut_by_position(self.main, hashed.characters, self._shares)
        else:
            yield from choose_documents(self.main, hashed.documents, self._shares, self.data.split_seed)
        for part, source in self.given.items():
            yield from ((part, piece) for piece in source)

    def training_part(self) -> Iterator[str]:
        """The text of the training part, which is read no further than that."""
        left = self.training_characters
        for part, piece in self.parts():
            if part == "train":
                yield without_labels(piece) if self.labels else piece
                left -= len(piece)
            if left <= 0 and self.is_stream:
                return


def _read(
    data: DataConfig,
    tell: OnProgress,
    known: KnownText | None = None,
    characters: FirstOccurrences | None = None,
    otherwise: str = NONE,
) -> _Text:
    """Read all sources once, to identify them and to note the ``characters`` of the text that is split."""
    if not data.corpus:
        raise CorpusError("no text was given", expected="a file, a folder, a glob, or -")
    sources = {"main": data.corpus, "valid": data.valid, "test": data.test}
    check_piped_once(sources)
    alone = "rnngen train -" if not (data.valid or data.test) else None
    max_bytes = known.max_bytes(data.normalize) if known else None
    open_source = partial(
        TextSource,
        errors=data.errors,
        encoding=data.encoding,
        text_field=data.text_field,
        normalize=data.normalize,
        command=alone,
        max_bytes=max_bytes,
        on_progress=tell,
    )
    labels = Labels(data.label_field) if data.label_field else None
    texts: dict[str, TextSource] = {}
    documents = data.documents
    try:
        for name, listed in sources.items():
            if listed:
                texts[name] = open_source(listed, documents=documents, otherwise=otherwise, labels=labels)
            if name == "main":
                otherwise = texts[name].documents
                documents = rule_beside(otherwise, is_chosen=documents is None)
    except TooMuchTextError as error:
        raise _other(sources) from error
    total, before = sum(source.size for source in texts.values()), 0
    sample = SampledCharacters()
    hashes: dict[str, TextHash] = {}
    for name, source in texts.items():
        for piece in source:
            hashes[name] = source.hashed
            if labels:
                piece = without_labels(piece)
            if name == "main":
                sample.add(piece)
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
    if labels:
        refuse_without_labels(labels, texts["main"])
    main = texts.pop("main")
    check_not_empty(main)
    if known is None:
        refuse_unused_separator(main)
    characters = characters if main.documents == NONE else None
    text = _Text(main, texts, hashes, data, characters, sample.facts, labels.names if labels else ())
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
    stop = text.training_characters
    if text.characters is not None:
        return CharTokenizer(text.characters.before(stop), data.normalize)

    def show(done: int, is_read: bool) -> None:
        # how long the library takes after it has read the text is unknown
        tell("learning the vocabulary", done, None if is_read else stop)

    show(0, False)
    pieces = text.training_part()
    learned = interruptible(
        lambda watched: train_tokenizer(
            data.tokenizer, watched, data.vocab_size, min_count=data.min_count, normalization=data.normalize
        ),
        pieces,
        show,
    )
    return learned.with_labels(text.labels) if text.labels else learned


def _encode(folder: Path, text: _Text, tokenizer: Tokenizer, tell: OnProgress) -> None:
    """Encode all parts into a folder of the cache, provided that the text is what was read before.

    Raises:
        CorpusError: the text has changed, or the cache cannot be written.
    """
    total, done = sum(hashed.characters for hashed in text.hashes.values()), 0
    are_numbered = tuple(text.labels) == tokenizer.labels[: len(text.labels)]  # as the tokenizer numbers them

    def watched() -> Iterator[Piece]:
        nonlocal done
        for part, piece in text.parts():
            yield part, piece if are_numbered else renumbered(piece, text.labels, tokenizer.labels)
            done += len(piece)
            tell("encoding", min(done, total), total)

    store(folder, tokenizer, watched(), text.main.name)
