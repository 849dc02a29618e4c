"""Whether a model copies: how much of what it writes stands in its training text, beside human text of the source."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.copies.copied import Copied, copied
from rnngen.corpus.copies.decoded import characters, code_points, numbered_words
from rnngen.corpus.copies.place import Place, beginning_of_document, character_of_word, place_of
from rnngen.corpus.encoded import EncodedCorpus, EncodedText
from rnngen.corpus.known_documents import KnownDocuments
from rnngen.corpus.parts import number_in_text, shares_of
from rnngen.errors import CorpusError
from rnngen.evaluation.novelty_texts import human_texts, tokens_per_text, written_texts
from rnngen.runs.other_text import data_config
from rnngen.runs.run import Run

Unit = Literal["characters", "words"]

LENGTHS: dict[Unit, tuple[int, ...]] = {"characters": (4, 6, 8, 12, 16, 20, 30, 40), "words": tuple(range(2, 11))}
"""The n of the n-grams that are counted."""

_BEGINNING = 60  # characters of a document by which a reader finds it
_RARE = 0.05  # share below which n-grams are too rare to compare by
_ERRORS = 2.0  # standard errors that make a difference


@dataclass(frozen=True)
class VerbatimRun:
    """Consecutive characters or words that stand in the training text, and where they stand there first.

    Attributes:
        length: how many.
        text: that they make.
        place: in the run's text, of which documents without text are left out.
        file: that has it; None: the run's text is several files.
        beginning: of the document; None: the text is one stream.
    """

    length: int
    text: str
    place: Place
    file: str | None
    beginning: str | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        place = {**asdict(self.place), "file": self.file, "document_begins": self.beginning}
        return {"length": self.length, "text": self.text, **place}


@dataclass(frozen=True)
class CopiedShare:
    """What of some texts stands in the training text.

    Attributes:
        texts: how many there are.
        size: characters or words of them all.
        shares: n → the share of their n-grams that stand in the training text.
        ngrams: n → how many n-grams they have.
        longest: the longest run that does; None: not a character or word.
        whole: how many of the texts are documents of the training text; None: it has none.
    """

    texts: int
    size: int
    shares: dict[int, float]
    ngrams: dict[int, int]
    longest: VerbatimRun | None
    whole: int | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        shares = {str(n): share for n, share in self.shares.items()}
        longest = self.longest and self.longest.as_dict()
        return {"texts": self.texts, "size": self.size, "whole": self.whole, "shares": shares, "longest": longest}


@dataclass(frozen=True)
class Novelty:
    """How much a model copies.

    Attributes:
        unit: what n-grams consist of.
        temperature: of the samples.
        seed: of the samples.
        samples: of the model.
        human: text that a human wrote, of the same length if there is as much.
    """

    unit: Unit
    temperature: float
    seed: int
    samples: CopiedShare
    human: CopiedShare

    @property
    def compared_by(self) -> int | None:
        """The n by which the two are compared: the largest that is not rare in both; None: there are none."""
        common = [n for n in self.samples.shares if n in self.human.shares]
        frequent = [n for n in common if max(self.samples.shares[n], self.human.shares[n]) >= _RARE]
        return max(frequent, default=min(common, default=None))

    @property
    def verdict(self) -> Literal["more", "less", "as much"] | None:
        """How much the samples copy beside the human text; None: there is nothing to compare.

        Neighbouring n-grams overlap, so n of them count as one independent observation.
        """
        n = self.compared_by
        if n is None:
            return None
        one, other = self.samples.shares[n], self.human.shares[n]
        variances = [
            share * (1 - share) / max(1.0, each.ngrams[n] / n)
            for share, each in ((one, self.samples), (other, self.human))
        ]
        if abs(one - other) <= _ERRORS * math.sqrt(sum(variances)):
            return "as much"
        return "more" if one > other else "less"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "unit": self.unit,
            "temperature": self.temperature,
            "seed": self.seed,
            "samples": self.samples.as_dict(),
            "human": self.human.as_dict(),
            "compared_by": self.compared_by,
            "verdict": self.verdict,
        }


def novelty(
    run: Run,
    corpus: EncodedCorpus,
    human: EncodedText,
    *,
    unit: Unit = "characters",
    size: int = 20_000,
    temperature: float = 1.0,
    seed: int = 0,
    device: str | None = None,
    on_written: Callable[[int], object] = lambda tokens: None,
    on_read: Callable[[int], object] = lambda characters: None,
) -> Novelty:
    """Compare samples with the training text, and human text with it.

    N-grams cross no border between documents or samples. Words are what stands between white space; a word in which a
    text was cut is left out.

    Args:
        run: left to right.
        corpus: its own text, the training part of which it learned from.
        human: text of the same source that it has not learned from.
        unit: what n-grams consist of.
        size: characters to write, and of the human text.
        temperature: of the samples.
        seed: of the samples.
        device: of torch; None: NumPy writes.
        on_written: called with the number of tokens written so far.
        on_read: called with the number of characters of the training text read so far; it is read a few times.

    Raises:
        UsageError: the run is bidirectional.
        CorpusError: the samples, or the human text, have no character or whole word.
    """
    tokenizer = run.tokenizer()
    length = tokens_per_text(human, size, documents=run.boundary is not None)
    written = written_texts(run, length, size, temperature, seed, device, on_written)
    excerpts = [written, human_texts(run, human, length, [len(each.text) for each in written])]
    texts = [[each.text for each in group] for group in excerpts]

    def read() -> Iterator[NDArray[np.uint32]]:
        return _reported(characters(corpus.train.tokens, tokenizer), on_read)

    if unit == "words":
        spelled = [[each.words() for each in group] for group in excerpts]
        numbers = {word: number for number, word in enumerate({w: 0 for g in spelled for text in g for w in text})}
        groups = [[np.array([numbers[word] for word in text], np.int64) for text in group] for group in spelled]
        found = copied(groups, LENGTHS[unit], lambda: numbered_words(read(), numbers))
        pieces: list[list[Sequence[str]]] = [list(group) for group in spelled]
    else:
        found = copied([[code_points(text) for text in group] for group in texts], LENGTHS[unit], read)
        pieces = [list(group) for group in texts]
    for name, group in zip(("the samples", "the human text"), pieces, strict=True):
        if not any(group):
            raise CorpusError(f"there are no whole {unit} in {name}, so nothing can be compared", where=run.path)
    whole = _whole_documents(run, corpus.train, texts)
    shares = [_share(run, corpus, unit, *each, read) for each in zip(found, pieces, whole, strict=True)]
    return Novelty(unit, temperature, seed, *shares)


def _reported(blocks: Iterable[NDArray[np.uint32]], on_read: Callable[[int], object]) -> Iterator[NDArray[np.uint32]]:
    done = 0
    for block in blocks:
        on_read(done)
        done += len(block)
        yield block


def _share(
    run: Run,
    corpus: EncodedCorpus,
    unit: Unit,
    found: Copied,
    texts: Sequence[Sequence[str]],
    whole: int | None,
    read: Callable[[], Iterator[NDArray[np.uint32]]],
) -> CopiedShare:
    longest = None
    if found.longest:
        place = found.place if unit == "characters" else character_of_word(found.place, read())
        piece = texts[found.text][found.begin : found.begin + found.longest]
        text = piece if isinstance(piece, str) else " ".join(piece)
        where, beginning = place_of(place, read(), documents=run.boundary is not None), None
        if where.document is not None:
            beginning = beginning_of_document(place + 1 - where.character, _BEGINNING, read())
            where = replace(where, document=_document_of(run, corpus, where.document))
        longest = VerbatimRun(found.longest, text, where, _file_of(run), beginning)
    return CopiedShare(len(texts), sum(map(len, texts)), found.shares, found.ngrams, longest, whole)


def _whole_documents(run: Run, training: EncodedText, groups: Sequence[Sequence[str]]) -> list[int | None]:
    """How many texts of each group are documents of the training text; None: it has none."""
    if run.boundary is None:
        return [None] * len(groups)
    tokenizer = run.tokenizer()
    known = KnownDocuments([training.tokens], run.boundary, tokenizer.label_ids())
    return [sum(tokenizer.encode(text) in known for text in group) for group in groups]


def _document_of(run: Run, corpus: EncodedCorpus, number: int) -> int:
    """The number in the run's text of a document of its training part."""
    data = data_config(run)
    given = [part for part in ("valid", "test") if getattr(data, part)]
    documents = sum(text.counts.documents for part, text in corpus.parts.items() if part not in given)
    found = number_in_text(number, documents, shares_of(data.split, given), data.split_seed)
    if found is None:
        raise CorpusError("the encoded text is damaged", where=run.path)
    return found


def _file_of(run: Run) -> str | None:
    """The only file of a run's text; None: there are several."""
    data = data_config(run)
    of_one = 1 + len(data.valid) + len(data.test)  # recorded with the files of parts that were given
    return data.corpus[0] if len(data.corpus) == 1 and run.corpus.get("files") in (None, of_one) else None
