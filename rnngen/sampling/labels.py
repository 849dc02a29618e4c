"""The label that a text begins with: one that is given, or drawn as often as the model has learned."""

from __future__ import annotations

from random import Random

import numpy as np

from rnngen.corpus.labels import label_name, listed_labels
from rnngen.corpus.tokenizer import Tokenizer
from rnngen.engine.probabilities import Array, log_softmax, not_finite
from rnngen.errors import UsageError, shortened
from rnngen.options.other_names import closest
from rnngen.platforms import quote_argument
from rnngen.sampling import filters


def given_label(tokenizer: Tokenizer, label: str | None) -> str | None:
    """The label that the option ``label`` names; empty: none. None: the option was not given.

    Raises:
        UsageError: the model has not learned this one.
    """
    label = label_name(label) if label else label
    if not label or label in tokenizer.labels:
        return label
    check_has_labels(tokenizer)
    meant = closest(label, tokenizer.labels)
    raise UsageError(
        "`label`: the model has not learned this one",
        expected=f"one of {listed_labels(tokenizer.labels)}",
        found=shortened(label),
        hint=f"Did you mean {quote_argument(meant)}?" if meant else None,
    )


def check_has_labels(tokenizer: Tokenizer) -> None:
    """Refuse the option ``label`` for a run without labels.

    Raises:
        UsageError: it is one.
    """
    if not tokenizer.labels:
        raise UsageError(
            "`label` needs a run that learned labels", hint="Train one with `label_field`: the field of a row."
        )


def draw_label(logits: Array, tokenizer: Tokenizer, temperature: float, seed: int, number: int) -> str | None:
    """Draw the label of a sample, or that it has none.

    Args:
        logits: of the first token of a document, (1, V).
        tokenizer: has labels.
        temperature: of the draw; other options do not apply to it.
        seed: of the draws.
        number: of the sample.

    Raises:
        RnngenError: the model's logits are not finite.
    """
    log_p = log_softmax(logits.astype(np.float64))
    none = np.logaddexp.reduce(log_p[:, : tokenizer.text_size], axis=1, keepdims=True)
    choices = np.concatenate([log_p[:, tokenizer.text_size :], none], axis=1)
    try:
        (chosen,) = filters.draw(filters.weights(choices, temperature), [Random(f"{seed} {number} label").random()])
    except FloatingPointError as error:
        raise not_finite() from error
    return (*tokenizer.labels, None)[chosen]
