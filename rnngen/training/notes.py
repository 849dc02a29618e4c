"""What users are told while a run trains, in sentences. Screens and progress bars place them."""

from __future__ import annotations

from rnngen.formats import count, duration, number_of
from rnngen.runs.plan_record import Stretch
from rnngen.training.events import Spiked
from rnngen.training.monitor import Slowdown

NOTABLE = 1.5  # times more or fewer steps than the user knows of


def spiked_note(spiked: Spiked) -> str:
    """A jump of the loss, and what was done about it."""
    remedy = "learned nothing from this batch"
    if spiked.back_to is not None:
        remedy = f"back to the weights of step {spiked.back_to:,}, and on with the text that follows"
    return (
        f"the loss jumped from {spiked.expected:.3g} to {spiked.loss:.3g} at step {spiked.step:,} "
        f"(it is highest at {spiked.place}): {remedy}"
    )


def slowdown_note(slowdown: Slowdown, left: float | None) -> str:
    """A machine that has become slower than it was measured to be, and how long the run will take."""
    now, before = count(slowdown.tokens_per_second), count(slowdown.before)
    why = "."
    if slowdown.load is not None:
        processors = number_of(slowdown.processors, "processor")
        why = f": other programs keep this machine busy (load {slowdown.load:.1f} on {processors})."
    return (
        f"steps are {slowdown.factor:.1f} times slower than measured before the first one, "
        f"{now} tokens per second instead of {before}{why}" + ("" if left is None else f" About {duration(left)} left")
    )


class PlanNotes:
    """Tells what is new in the plans of a run, and nothing of small corrections, of which a busy machine causes many.

    Args:
        told: the plan that the user knows.
    """

    def __init__(self, told: Stretch) -> None:
        self._told = told

    def take(self, plan: Stretch) -> str | None:
        """A plan that takes effect, in a line; None: nothing new, or a number of threads that is only being tried."""
        if plan.trial:
            return None
        told, said = self._told, []
        if plan.threads != told.threads:
            said.append(f"{'1 thread is' if plan.threads == 1 else f'{plan.threads} threads are'} faster now")
        if not told.steps / NOTABLE < plan.steps < told.steps * NOTABLE:
            said.append(f"replanned, {number_of(plan.steps, 'step')} instead of {told.steps:,}")
        else:
            plan = plan.changed(steps=told.steps)
        self._told = plan
        return f"step {plan.step}: {'; '.join(said)}" if said else None
