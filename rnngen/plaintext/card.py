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
    """The entries of a card, by the name on the left; what is not known is left out."""

    steps = steps_taken(card) if card.epochs is None else f"{steps_taken(card)}, {card.epochs:.1f} epochs"
    parts = {"training": card.tokens, "validation": card.valid_tokens, "test": card.test_tokens}
    ngram = ", plus an n-gram model" if card.ngram else ""
    gradient = [
        *([] if card.gradient_norm is None else [f"norm {card.gradient_norm:.3g} (median)"]),
        *([] if card.clipped is None else [f"{card.clipped:.1%} of the steps clipped"]),
    ]
    speed = card.tokens_per_second
    rows = {
        "run": str(card.path),
        "saved": when_saved(card),
        "model": card.model,
        "parameters": f"{card.parameters:,}, {card.bytes / 2**20:.1f} MiB{ngram}",
        "text": text_names(card),
        "fingerprint": card.fingerprint[:12],
        "tokens": ", ".join(f"{number:,} for {part}" for part, number in parts.items() if number is not None),
        "tokenizer": card.tokenizer,
        "steps": steps,
        "failed": card.failure,
        "time": None if card.seconds is None else formats.duration(card.seconds),
        "speed": None if speed is None else f"{formats.count(speed)} tokens per second in {card.precision}",
        "gradient": ", ".join(gradient),
        **_best(card),
    }
    return {name: value for name, value in rows.items() if value}


def _best(card: Card) -> dict[str, str]:
    """The best score, under a name that keeps pseudo-nats apart from nats."""
    if card.best_nats is None or card.best_step is None:
        return {}
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
