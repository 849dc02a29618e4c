"""A run's card as plain text, entry by entry."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from rnngen import formats
from rnngen.errors import shortened
from rnngen.evaluation.scores import kind_of_score
from rnngen.runs.card import Card

LONGEST = 1000  # characters of the names of a run's files


def card_rows(card: Card) -> dict[str, str]:
    """The entries of a card, by the name on the left."""

    def shown(value: float | None, form: str) -> str:
        return "?" if value is None else format(value, form)

    clipped = "" if card.clipped is None else f", {card.clipped:.1%} of the steps clipped"
    ngram = ", plus an n-gram model" if card.ngram else ""
    speed = "?" if card.tokens_per_second is None else formats.count(card.tokens_per_second)
    return {
        "run": str(card.path),
        "saved": when_saved(card),
        "model": card.model,
        "parameters": f"{card.parameters:,}, {card.bytes / 2**20:.1f} MiB{ngram}",
        "text": text_names(card),
        "fingerprint": card.fingerprint[:12] or "?",
        "tokens": f"{shown(card.tokens, ',')} for training, {shown(card.valid_tokens, ',')} for validation, "
        f"{shown(card.test_tokens, ',')} for test",
        "tokenizer": card.tokenizer,
        "steps": f"{steps_taken(card)}, {shown(card.epochs, '.1f')} epochs",
        **({"failed": card.failure} if card.failure else {}),
        "time": "?" if card.seconds is None else formats.duration(card.seconds),
        "speed": f"{speed} tokens per second in {card.precision}",
        "gradient": f"norm {shown(card.gradient_norm, '.3g')} (median){clipped}",
        **_best(card),
    }


def _best(card: Card) -> dict[str, str]:
    """The best score, under a name that keeps pseudo-nats apart from nats."""
    if card.best_nats is None or card.best_step is None:
        return {"validation": "?"}
    name = kind_of_score(bidirectional=card.bidirectional).prefix.rstrip("-") or "validation"
    return {name: f"{best_score(card)}, at step {card.best_step:,}"}


def steps_taken(card: Card) -> str:
    """Steps taken and planned, with a remark if training has finished before the last of them."""
    taken, planned = ("?" if n is None else f"{n:,}" for n in (card.steps, card.planned_steps))
    early = card.finished and card.steps is not None and card.steps < (card.planned_steps or 0)
    return f"{taken} of {planned}{' (finished early)' if early else ''}"


def best_score(card: Card) -> str:
    """The best score on the validation part, with its unit."""
    return f"{card.best_nats:.4f} {kind_of_score(bidirectional=card.bidirectional).prefix}nats per token"


def text_names(card: Card) -> str:
    """The names of the files that the run was trained on, the first of them if there are many."""
    return shortened(", ".join(Path(name).name for name in card.text), LONGEST) or "?"


def when_saved(card: Card) -> str:
    """When the run was last saved."""
    return f"{datetime.fromtimestamp(card.saved):%Y-%m-%d %H:%M}"
