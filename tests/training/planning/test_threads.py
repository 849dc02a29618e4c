"""The number of threads that is the fastest is found, whatever else the machine does, at the price of a few steps."""

from __future__ import annotations

from rnngen.training.planning.threads import LONGEST_WAIT, ThreadChooser, fewer_threads

TOKENS = 2048


class Machine:
    """A pretended machine: seconds per step follow from the number of threads and of other busy processes."""

    def __init__(self, cores: int, quiet: float = 0.05) -> None:
        self.cores, self.quiet, self.busy = cores, quiet, 0
        self.now = self.unused = 0.0
        self.history: list[tuple[float, int, float]] = []

    def seconds(self, threads: int) -> float:
        alone = self.quiet * self.cores / threads
        crowded = max(0, threads + self.busy - self.cores)  # threads that share a core with something else
        return alone if not crowded else alone * (2.5 + crowded)

    def idle(self) -> float:
        """Seconds in which processors have been idle: those that neither we nor others use."""
        return self.unused

    def run(self, chooser: ThreadChooser, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            took = self.seconds(chooser.threads)
            self.history.append((self.now, chooser.threads, took))
            self.now += took
            self.unused += took * max(0, self.cores - chooser.threads - self.busy)
            chooser.observe(TOKENS, took)


def test_a_quiet_machine_keeps_all_its_threads_without_a_trial() -> None:
    machine = Machine(2)
    chooser = ThreadChooser(2, 2, machine.idle)
    machine.run(chooser, 300)
    assert {threads for _, threads, _ in machine.history} == {2}


def test_while_another_process_is_busy_one_thread_fewer_is_used_and_all_again_when_it_ends() -> None:
    machine = Machine(2)
    chooser = ThreadChooser(2, 2, machine.idle)
    machine.run(chooser, 20)
    machine.busy = 1
    machine.run(chooser, 3)
    assert chooser.threads == 1
    machine.run(chooser, 200)
    assert {threads for when, threads, _ in machine.history if when > 23} == {1}  # a single step of two may take long
    machine.busy = 0
    machine.run(chooser, 5)
    assert chooser.threads == 2


def test_more_threads_are_rarely_tried_if_the_system_does_not_report_idle_processors() -> None:
    machine, chooser = Machine(2), ThreadChooser(2, 2)
    machine.run(chooser, 20)
    machine.busy = 1
    machine.run(chooser, 200)
    tried = sum(took for when, threads, took in machine.history if when > 23 and threads == 2)
    assert 0 < tried < 0.03 * 200
    machine.busy = 0
    machine.run(chooser, LONGEST_WAIT + 2)
    assert chooser.threads == 2


def test_a_run_that_begins_while_another_process_is_busy_finds_out_too() -> None:
    machine = Machine(2)
    chooser = ThreadChooser(2, 1, machine.idle)
    machine.busy = 1
    machine.run(chooser, 100)
    assert chooser.threads == 1
    machine.busy = 0
    machine.run(chooser, 5)
    assert chooser.threads == 2


def test_of_many_threads_as_many_are_used_as_there_are_free_cores() -> None:
    machine = Machine(16)
    chooser = ThreadChooser(16, 16, machine.idle)
    machine.run(chooser, 20)
    machine.busy = 1
    machine.run(chooser, 5)
    assert chooser.threads == 15
    machine.busy = 8
    machine.run(chooser, 20)
    assert chooser.threads <= 8


def test_no_more_threads_are_tried_while_even_these_are_disturbed() -> None:
    machine = Machine(2)
    chooser = ThreadChooser(2, 1, machine.idle)
    machine.busy = 8
    machine.run(chooser, 200)
    assert {threads for _, threads, _ in machine.history} == {1}


def test_a_single_stalled_step_is_enough_to_try_fewer() -> None:
    machine = Machine(2)
    chooser = ThreadChooser(2, 2, machine.idle)
    machine.run(chooser, 5)
    steps = len(machine.history)
    machine.seconds = lambda threads: 20.0 if threads == 2 else 0.2  # type: ignore[method-assign]
    machine.run(chooser, 22)
    assert [threads for _, threads, _ in machine.history[steps : steps + 3]] == [2, 1, 1]
    machine.run(chooser, 5)
    assert chooser.threads == 1


def test_a_machine_that_is_slower_for_another_reason_keeps_its_threads() -> None:
    machine = Machine(2)
    chooser = ThreadChooser(2, 2, machine.idle)
    machine.run(chooser, 20)
    machine.quiet = 0.1  # hot, or on battery
    machine.run(chooser, 300)
    tried = sum(took for _, threads, took in machine.history if threads == 1)
    assert chooser.threads == 2
    assert tried < 2.0


def test_a_short_disturbance_costs_no_threads() -> None:
    machine = Machine(2)
    chooser = ThreadChooser(2, 2, machine.idle)
    machine.run(chooser, 20)
    machine.busy = 1
    machine.run(chooser, 0.6)
    machine.busy = 0
    machine.run(chooser, 2)
    assert chooser.threads == 2


def test_one_less_and_halves_are_tried() -> None:
    assert fewer_threads(1) == []
    assert fewer_threads(2) == [1]
    assert fewer_threads(3) == [2, 1]
    assert fewer_threads(16) == [15, 8, 4, 2, 1]
