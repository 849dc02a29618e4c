"""Whether tokens are equally long in two parts of a text. If not, losses per token of the two do not compare.

A vocabulary of words is made from the training part; what it lacks is spelled in bytes, each of
which is easier to predict than a word.
"""

from __future__ import annotations

UNEVEN = 0.1  # difference of two mean lengths, as a fraction of the smaller one, from which on they are told


def are_uneven(train: float | None, valid: float | None) -> bool:
    """Whether the mean lengths of the tokens of two parts, in characters, differ notably; None: unknown."""
    return bool(train and valid and abs(train - valid) > UNEVEN * min(train, valid))


def lengths_in_words(train: float, valid: float) -> str:
    """The mean lengths of the tokens of the training and the validation part."""
    return f"tokens have {train:.2f} characters in the training part and {valid:.2f} in the validation part"
