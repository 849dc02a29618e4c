"""How many threads are the fastest at present, found by trying.

The threads of torch's kernels wait for each other in a loop many times a step. Alone on the machine two are up to twice
as fast as one; beside another busy process one of them is often not running while the other waits for it, and two are
half as fast as one. No setting at the start is right for both, so fewer threads are tried when the pace falls, and more
again from time to time.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from rnngen.training.speed import fewer_threads

SLOWER = 1.25  # times slower than before: fewer threads are worth a try
STARVED = 3.0  # the same for a run that would rather stay bit for bit what it is
FASTER = 1.1  # times as fast: another number of threads is worth having
WINDOW = 0.5  # seconds over which the pace is taken
LEAST_LAPS = 3
TRIAL = 0.2  # seconds for each number of threads that is tried, but at least LEAST_LAPS steps
HOPELESS = 2.0  # times slower: not worth another step
WAIT, LONGEST_WAIT = 10.0, 60.0  # seconds until more threads are tried again; doubled each time they are no faster
UNDISTURBED = 0.9  # share of their time in which the threads run; below it, even fewer are no longer alone


@dataclass
class _Trial:
    """Other numbers of threads, each tried for a few steps."""

    home: int
    home_rate: float
    queue: list[int]
    rates: dict[int, float] = field(default_factory=dict)
    laps: int = 0
    tokens: int = 0
    seconds: float = 0.0

    def over(self, tokens: int, seconds: float) -> bool:
        """Take in a step of the one being tried; whether it has been tried enough."""
        self.laps += 1
        rate = tokens / seconds
        if self.laps == 1:  # kernels are prepared anew for another number of threads
            self.rates[self.queue[0]] = rate
            return rate * HOPELESS**3 < self.home_rate
        self.tokens, self.seconds = self.tokens + tokens, self.seconds + seconds
        self.rates[self.queue[0]] = self.tokens / self.seconds
        enough = self.laps > LEAST_LAPS and self.seconds >= TRIAL
        return enough or self.rates[self.queue[0]] * HOPELESS < self.home_rate

    def next(self) -> bool:
        """Go on to the next one, if there is one."""
        self.queue.pop(0)
        self.laps, self.tokens, self.seconds = 0, 0, 0.0
        return bool(self.queue)


class ThreadChooser:
    """Chooses the number of threads of the next step from what the steps so far have taken.

    Args:
        most: threads.
        threads: to begin with.
        slower: fewer threads are tried when the pace has fallen by this factor.
    """

    def __init__(self, most: int, threads: int, slower: float = SLOWER) -> None:
        self.most, self._slower = most, slower
        self._settled = threads
        self._expected = 0.0  # tokens per second, the most with this number of threads
        self._laps: deque[tuple[int, float, float]] = deque()  # tokens, seconds, processor seconds
        self._trial: _Trial | None = None
        self._wait = WAIT
        self._waited = 0.0  # seconds since this number of threads was settled

    @property
    def threads(self) -> int:
        """For the next step."""
        return self._trial.queue[0] if self._trial else self._settled

    @property
    def trying(self) -> bool:
        """Whether the pace is that of a trial."""
        return self._trial is not None

    def observe(self, tokens: int, seconds: float, cpu_seconds: float) -> None:
        """Take in a step.

        Args:
            tokens: that it read.
            seconds: that it took.
            cpu_seconds: in which threads of this process ran, summed over all of them.
        """
        seconds = max(seconds, 1e-9)
        if self._trial:
            if self._trial.over(tokens, seconds) and not self._trial.next():
                self._decide(self._trial)
            return
        self._waited += seconds
        self._laps.append((tokens, seconds, cpu_seconds))
        while len(self._laps) > LEAST_LAPS and sum(lap[1] for lap in self._laps) - self._laps[0][1] >= WINDOW:
            self._laps.popleft()
        spent = sum(lap[1] for lap in self._laps)
        rate = sum(lap[0] for lap in self._laps) / spent
        stuck = seconds >= WINDOW and tokens / seconds * STARVED < self._expected
        if stuck:
            rate = tokens / seconds
        elif len(self._laps) < LEAST_LAPS or spent < WINDOW:
            return
        self._expected = max(self._expected, rate)
        if stuck or rate * self._slower < self._expected:
            last = list(self._laps)[-LEAST_LAPS:]  # those before may be from when it was faster
            now = sum(lap[0] for lap in last) / sum(lap[1] for lap in last)
            self._try(fewer_threads(self._settled), min(rate, now))
        elif self._settled < self.most and self._waited >= self._wait:
            share = sum(lap[2] for lap in self._laps) / spent / self._settled
            self._try(self._more() if share >= UNDISTURBED else [], rate)

    def _more(self) -> list[int]:
        ladder = [n for n in (self.most, *fewer_threads(self.most)) if n > self._settled]
        return list(dict.fromkeys((ladder[0], ladder[-1])))

    def _try(self, queue: list[int], rate: float) -> None:
        if queue:
            self._trial = _Trial(self._settled, rate, queue)
        else:
            self._settle(self._settled, rate)

    def _decide(self, trial: _Trial) -> None:
        best = max(trial.rates, key=trial.rates.__getitem__)
        if trial.rates[best] > FASTER * trial.home_rate:
            self._wait = WAIT
            self._settle(best, trial.rates[best])
        else:
            self._wait = min(LONGEST_WAIT, 2 * self._wait)
            self._settle(trial.home, trial.home_rate)

    def _settle(self, threads: int, rate: float) -> None:
        self._trial = None
        self._settled, self._expected = threads, rate
        self._waited = 0.0
        self._laps.clear()
