"""Whether a text is enough to train on: what training refuses, and ``rnngen corpus info`` tells beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rnngen.arguments import STDIN
from rnngen.corpus.documents import NONE
from rnngen.corpus.parts import choose_documents, lengths_by_position, numbers_of_documents, shares_of
from rnngen.corpus.sources import TextSource
from rnngen.corpus.streams import check_length
from rnngen.errors import CorpusError
from rnngen.options.training import SplitConfig

_LEAST_TOKENS = 2  # of a document: a character and the boundary


def check_piped_once(sources: Mapping[str, Sequence[str]]) -> None:
    """Make sure that standard input is asked for in one place.

    Args:
        sources: of the corpus, first, and of the parts that are files of their own, by name.

    Raises:
        CorpusError: it is not.
    """
    piped = [name for name, listed in sources.items() if STDIN in listed]
    if len(piped) > 1:
        raise CorpusError(
            "can be read only once",
            where="standard input",
            expected=f"- for the corpus or for `{piped[1]}`, not for both",
        )


def check_not_empty(text: TextSource) -> None:
    """Make sure that a text that has been read to its end is one.

    Raises:
        CorpusError: it has no character, or nothing but white space.
    """
    if text.hashed.is_blank:
        left_out = "; ".join(text.summary.observed.parts())
        found = "only white space" if text.hashed.characters else left_out or None
        raise CorpusError("is empty", where=text.name, expected="text to learn from", found=found)


def check_parts(train: int, valid: int, documents: int, bptt: int) -> None:
    """Make sure that there are tokens to train and to validate on.

    Args:
        train: tokens of the training part.
        valid: tokens of the validation part.
        documents: of the training part; 0: it is one stream.
        bptt: tokens of a window.

    Raises:
        CorpusError: there are too few.
    """
    if valid == 0 and documents == 1:
        raise CorpusError(
            "the text is a single document, so there is none to validate on",
            expected="at least two documents",
            hint="Give another `documents`, such as none, or `valid=FILE`.",
        )
    if valid == 0:
        raise CorpusError(
            "there is no validation text",
            expected="at least one token to validate on",
            hint="Give more text, a larger share in `split`, or `valid=FILE`.",
        )
    check_length(train, bptt)


def check_as_characters(text: TextSource, data: SplitConfig, bptt: int) -> None:
    """Make sure that a text that has been read to its end can be trained on in characters.

    Args:
        text: all of it.
        data: how it is divided into parts.
        bptt: tokens of a window.

    Raises:
        CorpusError: as ``check_not_empty`` and ``check_parts``.
    """
    check_not_empty(text)
    hashed, shares = text.hashed, shares_of(data.split, ())
    if text.documents == NONE:
        lengths = lengths_by_position(hashed.characters, shares)
        check_parts(lengths["train"], lengths["valid"], 0, bptt)
        return
    numbers = numbers_of_documents(hashed.documents, shares)
    least = _LEAST_TOKENS * numbers["train"]
    if least <= bptt:  # only what is chosen tells
        pieces = choose_documents(text, hashed.documents, shares, data.split_seed)
        least = sum(len(piece) for part, piece in pieces if part == "train")
    check_parts(least, numbers["valid"], numbers["train"], bptt)
