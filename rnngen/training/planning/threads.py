"""How many threads are the fastest at present, found by trying.

The threads of torch's kernels wait for each other in a loop many times per step. On an idle machine two are up to twice
as fast as one. If another process is busy, one of them is often not running while the other waits for it, and two are
half as fast as one. No initial setting is right in both cases, so fewer threads are tried when the pace falls, and more
again from time to time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

SLOWER = 1.25  # if the pace falls by this factor, fewer threads are tried
STALLED = 3.0  # the same for a single step that takes WINDOW or longer
FASTER = 1.1  # another number of threads is used if it is faster by this factor
WINDOW = 0.5  # seconds over which the pace is measured
MIN_STEPS = 3
TRIAL = 0.2  # seconds for each number of threads that is tried, but at least MIN_STEPS steps
GIVE_UP = 2.0  # a trial ends early if it is slower than the best by this factor
OBSERVED = 2.0  # seconds over which processors must have been idle before more threads are tried
IDLE = 0.7  # of a processor must have been idle for another thread to be tried
WAIT, LONGEST_WAIT = 2.0, 60.0  # seconds until more threads are tried again; doubled each time they are no faster
BLIND_WAIT = 15.0  # the minimum if the system does not report whether processors are idle


def fewer_threads(threads: int) -> list[int]:
    """The smaller numbers of threads to try: one less, then a half, a quarter, and so on."""
    fewer = {threads - 1} | {threads >> k for k in range(1, threads.bit_length())}
    return sorted((n for n in fewer if n >= 1), reverse=True)


@dataclass
class _Rate:
    """Sums over some steps."""

    steps: int = 0
    tokens: int = 0
    seconds: float = 0.0

    def add(self, tokens: int, seconds: float, sign: int = 1) -> None:
        self.steps += sign
        self.tokens += sign * tokens
        self.seconds += sign * seconds

    @property
    def per_second(self) -> float:
        return self.tokens / self.seconds


@dataclass
class _Trial:
    """Numbers of threads that are tried one after the other, for a few steps each.

    Attributes:
        settled: the number used until now.
        rates: number of threads → tokens per second; that of the settled one is an earlier measurement.
        queue: those still to try; the first is being tried.
        warm: whether its first step is done, in which kernels are prepared for this number of threads.
        current: its steps since.
    """

    settled: int
    rates: dict[int, float]
    queue: list[int]
    warm: bool = False
    current: _Rate = field(default_factory=_Rate)

    def take(self, tokens: int, seconds: float) -> bool:
        """Take note of a step; returns whether the trial is over."""
        others = [rate for threads, rate in self.rates.items() if threads != self.queue[0]]
        best = max(others, default=0.0)
        if not self.warm:
            self.warm = True
            self.rates[self.queue[0]] = tokens / seconds
            done = tokens / seconds * GIVE_UP**3 < best
        else:
            self.current.add(tokens, seconds)
            rate = self.rates[self.queue[0]] = self.current.per_second
            enough = self.current.steps >= MIN_STEPS and self.current.seconds >= TRIAL
            done = enough or rate * GIVE_UP < best
        if done:
            self.queue.pop(0)
            self.warm, self.current = False, _Rate()
        return not self.queue


class ThreadChooser:
    """Chooses the number of threads for the next step from how long the steps so far have taken.

    Args:
        most: maximum number of threads.
        threads: number of threads to begin with.
        idle: returns the seconds for which processors have been idle, summed over them; None: unknown.
    """

    def __init__(self, most: int, threads: int, idle: Callable[[], float | None] = lambda: None) -> None:
        self.most, self._idle = most, idle
        self._observed: tuple[float, float | None] = (0.0, idle())  # when, since the last change, and idle seconds
        self._settled = threads
        self._expected = 0.0  # the highest number of tokens per second with this number of threads
        self._recent: deque[tuple[int, float]] = deque()  # tokens and seconds of the last steps
        self._window = _Rate()  # of these
        self._trial: _Trial | None = None
        self._wait, self._waited = WAIT, 0.0  # seconds until more threads are tried, and since the last change

    @property
    def threads(self) -> int:
        """Number of threads for the next step."""
        return self._trial.queue[0] if self._trial else self._settled

    @property
    def trying(self) -> bool:
        """Whether the next step belongs to a trial."""
        return self._trial is not None

    def observe(self, tokens: int, seconds: float) -> None:
        """Take note of a step: how many tokens it read, and how many seconds it took."""
        seconds = max(seconds, 1e-9)
        if self._trial:
            if self._trial.take(tokens, seconds):
                self._decide(self._trial)
            return
        self._waited += seconds
        self._recent.append((tokens, seconds))
        self._window.add(tokens, seconds)
        while len(self._recent) > MIN_STEPS and self._window.seconds - self._recent[0][1] >= WINDOW:
            self._window.add(*self._recent.popleft(), sign=-1)
        rate = self._window.per_second
        if seconds >= WINDOW and tokens / seconds * STALLED < self._expected:
            self._begin(tokens / seconds, fewer_threads(self._settled))
        elif len(self._recent) < MIN_STEPS or self._window.seconds < WINDOW:
            return
        elif rate * SLOWER < self._expected:
            fewer = fewer_threads(self._settled)
            self._begin(rate, [*fewer, self._settled] if fewer else [])  # the delay may be over by then
        else:
            self._expected = max(self._expected, rate)
            if self._settled < self.most and self._may_try_more():
                self._begin(rate, self._more())

    def _may_try_more(self) -> bool:
        """Whether to try more threads: while another process is busy, a single step of theirs can take seconds."""
        then, before = self._observed
        if self._waited < max(self._wait, then + OBSERVED):
            return False
        idle = self._idle()
        self._observed = self._waited, idle
        if idle is None or before is None:
            return self._waited >= max(self._wait, BLIND_WAIT)
        return idle - before >= IDLE * (self._waited - then)

    def _more(self) -> list[int]:
        candidates = [n for n in (self.most, *fewer_threads(self.most)) if n > self._settled]
        return list(dict.fromkeys((candidates[0], candidates[-1])))

    def _begin(self, rate: float, queue: list[int]) -> None:
        """Try other numbers of threads, if there are any."""
        if queue:
            self._trial = _Trial(self._settled, {self._settled: rate}, queue)
        else:
            self._settle(self._settled, rate)

    def _decide(self, trial: _Trial) -> None:
        best = max(trial.rates, key=trial.rates.__getitem__)
        if trial.rates[best] > FASTER * trial.rates[trial.settled]:
            self._wait = WAIT
            self._settle(best, trial.rates[best])
        else:
            self._wait = min(LONGEST_WAIT, 2 * self._wait)
            self._settle(trial.settled, trial.rates[trial.settled])

    def _settle(self, threads: int, rate: float) -> None:
        self._trial = None
        self._settled, self._expected = threads, rate
        self._waited = 0.0
        self._observed = 0.0, self._idle()
        self._recent.clear()
        self._window = _Rate()
