"""The progress of training in a notebook: one output that is updated, with a bar, the learning curve and a sample."""

from __future__ import annotations

from html import escape
from typing import Any

from rnngen.python.html import Curve, chart
from rnngen.python.progress import STOPPING, Shown
from rnngen.python.spelling import in_python
from rnngen.training.events import Event, Sampled
from rnngen.training.launched import Launched

_SAMPLE = 600  # characters
_NOTES = 5


class Panel(Shown):
    """An output of a cell, which is updated by its display id."""

    interval = 0.5

    def __init__(self) -> None:
        super().__init__()
        self._plan = self._sample = ""
        self._handle: Any = None

    def begin(self, launched: Launched) -> None:
        """Show the plan."""
        super().begin(launched)
        plan = launched.planned()
        speed = f", {plan.tokens_per_second:,.0f} tokens per second" if plan.tokens_per_second else ""
        self._plan = (
            f"{plan.model}, {plan.parameters:,} parameters; {plan.train_tokens:,} training tokens, vocabulary "
            f"{plan.vocab_size:,}; {plan.steps:,} steps of {plan.batch_size} x {plan.bptt} tokens on {plan.device}"
            f"{speed}"
        )
        self.draw()

    def show(self, event: Event) -> None:
        """Take in one event."""
        if isinstance(event, Sampled):
            self._sample = f"step {event.step:,}:\n{event.text.strip()[:_SAMPLE]}"
        super().show(event)

    def draw(self) -> None:
        """Update the output, or make it."""
        from IPython.display import display

        if self._handle is None:
            self._handle = display(self, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(self)

    def __repr__(self) -> str:
        return "  ".join([self.title, *(self.numbers() if self.monitor else ())])

    def _repr_html_(self) -> str:
        return "".join(f'<div style="max-width:46em">{part}</div>' for part in self._parts() if part)

    def _parts(self) -> list[str]:
        monitor = self.monitor
        if monitor is None:
            return [escape(self.title)]
        status = self.outcome or (STOPPING if self.stopping else "")
        curves: dict[str, Curve] = {"training": monitor.losses.points, "validation": monitor.validations}
        notes = "".join(f"note: {escape(in_python(note))}<br>" for note in self.notes[-_NOTES:])
        return [
            f"<b>{escape(self.title)}</b>",
            f'<small style="opacity:0.7">{escape(self._plan)}</small>',
            f'<progress value="{monitor.step}" max="{max(1, monitor.steps)}" style="width:100%"></progress>',
            escape("  ".join(self.numbers())).replace("  ", " &nbsp; "),
            f"<b>{escape(status)}</b>" if status else "",
            f'<small style="opacity:0.7">{notes}</small>' if notes else "",
            chart(curves, "step", f"{self.prefix}nats per token"),
            f'<pre style="white-space:pre-wrap">{escape(self._sample)}</pre>' if self._sample else "",
        ]
