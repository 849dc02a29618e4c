"""How long the parts of a run take, and how many steps fit into a given time along with them."""

from __future__ import annotations

from dataclasses import dataclass

from rnngen.options.training import TrainConfig

SAVE_BYTES_PER_SECOND = 2e8  # hashed and synced to a disk; until the first save has been timed


@dataclass(frozen=True)
class Costs:
    """Seconds that each part of a run takes.

    Attributes:
        step: an optimizer step.
        validation: reading the validation part once, or the first ``valid_tokens`` of it.
        sample: a sample that is shown while training.
        save: saving the state to resume from.
        end: what follows the last step, besides these three: counting n-grams.
    """

    step: float
    validation: float = 0.0
    sample: float = 0.0
    save: float = 0.0
    end: float = 0.0

    def seconds(self, train: TrainConfig, steps: int, done: int = 0) -> float:
        """How long a run of ``steps`` takes from step ``done`` to its end."""
        occasional = (
            (train.valid_every, self.validation),
            (train.sample_every, self.sample),
            (train.save_every, self.save),
        )
        total = (steps - done) * self.step + self.end + (0.0 if done else self.validation)  # also before the first step
        for every, seconds in occasional:
            if every:
                total += _times(every, steps, done) * seconds
        return total

    def steps_within(self, seconds: float, train: TrainConfig, most: int, done: int = 0) -> int:
        """The largest number of steps, from ``done + 1`` to ``most``, with which a run ends in time.

        Args:
            seconds: from step ``done`` to the end.
            train: how often there are validations, samples and saves.
            most: number of steps.
            done: number of steps taken.
        """
        low, high = done + 1, max(done + 1, most)
        while low < high:
            middle = (low + high + 1) // 2
            if self.seconds(train, middle, done) <= seconds:
                low = middle
            else:
                high = middle - 1
        return low


def _times(every: int, steps: int, done: int) -> int:
    """How many multiples of ``every`` there are above ``done`` and up to ``steps``, counting the last step as one."""
    return steps // every - done // every + (steps % every != 0)
