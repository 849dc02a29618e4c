"""The card of a run, as a table and, in a notebook, with its learning curve."""

from __future__ import annotations

from rnngen.evaluation.scores import kind_of_score
from rnngen.formats import number_of
from rnngen.plaintext.card import card_rows
from rnngen.python.html import chart, table
from rnngen.runs import card as cards
from rnngen.runs.run import Run


class Card(cards.Card):
    """What a run's folder says about it: its network, its text, how it was trained, how good it became."""

    def __repr__(self) -> str:
        rows = self._rows()
        width = max(map(len, rows))
        return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items())

    def _repr_html_(self) -> str:
        points = self.curve if len(self.curve) > 1 else ()
        curve = chart({"validation": points}, "seconds of training", self._unit)
        return f"<div>{table(self._rows().items())}{curve}</div>"

    @property
    def one_line(self) -> str:
        """Model, steps and score."""
        taken, planned = self.steps, self.planned_steps
        steps = "" if taken is None else f", {number_of(taken, 'step')}"
        if taken is not None and planned is not None and taken != planned:
            steps = f", {taken:,} of {number_of(planned, 'step')}"
        score = "" if self.best_nats is None else f", {self.best_nats:.4f} {self._unit}"
        return f"{self.model}{steps}{score}"

    @property
    def _unit(self) -> str:
        return f"{kind_of_score(bidirectional=self.bidirectional).prefix}nats per token"

    def _rows(self) -> dict[str, str]:
        """The entries that ``rnngen inspect`` shows, by the name on the left."""
        return card_rows(self)


def card_of(run: Run) -> Card:
    """The card of a run.

    Raises:
        CheckpointError: it is damaged.
    """
    return Card(**vars(cards.make_card(run)))
