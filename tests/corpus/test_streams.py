"""Windows of parallel streams, against the definition at the top of ``rnngen/corpus/streams.py``, index by index."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rnngen.corpus.streams import Streams
from rnngen.corpus.window_lengths import BLOCK, BLOCKS, WindowLengths
from rnngen.errors import CorpusError

shapes = st.tuples(st.integers(2, 200), st.integers(1, 12), st.integers(1, 20))
quick = settings(deadline=None, max_examples=60)


@quick
@given(shapes, st.integers(0, 100))
def test_windows_equal_the_definition(shape: tuple[int, int, int], step: int) -> None:
    N, B, T = shape
    assume(N > T)
    tokens = np.random.default_rng(N).integers(0, 60_000, N).astype(np.uint16)
    inputs, targets = Streams(tokens, B, T).window(step)
    assert inputs.shape == targets.shape == (T, B)
    assert inputs.dtype == targets.dtype == np.int64
    for b in range(B):
        for t in range(T):
            position = b * N // B + step * T + t
            assert inputs[t, b] == tokens[position % N]
            assert targets[t, b] == tokens[(position + 1) % N]


@quick
@given(shapes)
def test_every_token_is_read_and_predicted_in_an_epoch(shape: tuple[int, int, int]) -> None:
    N, B, T = shape
    assume(N > T)
    streams = Streams(np.arange(N), B, T)
    windows = [streams.window(step) for step in range(math.ceil(streams.steps_per_epoch))]
    assert {int(i) for inputs, _ in windows for i in inputs.flat} == set(range(N))
    assert {int(i) for _, targets in windows for i in targets.flat} == set(range(N))


def test_an_epoch_that_fits_reads_every_token_exactly_once() -> None:
    streams = Streams(np.arange(120), 4, 5)
    assert streams.steps_per_epoch == 6
    read = np.concatenate([streams.window(step)[0].ravel() for step in range(6)])
    assert sorted(read.tolist()) == list(range(120))


def test_a_reader_goes_on_in_the_next_window_where_it_stopped() -> None:
    streams = Streams(np.arange(1000), 3, 7)
    for step in range(200):
        assert (streams.window(step)[1][-1] == streams.window(step + 1)[0][0]).all()


def test_windows_of_varying_length_go_on_where_the_one_before_stopped() -> None:
    streams = Streams(np.arange(5000), 3, 20, jitter=4.0, seed=7)
    reads = [streams.window(step) for step in range(2500)]
    for (_, targets), (inputs, _) in pairwise(reads):
        assert (targets[-1] == inputs[0]).all()
    assert len({len(inputs) for inputs, _ in reads}) > 10


def test_a_window_is_a_function_of_seed_and_step_alone() -> None:
    def lengths(seed: int) -> WindowLengths:
        return WindowLengths(70, 5.0, seed)

    walked = lengths(1)
    windows = [walked.window(step) for step in range(3 * BLOCK)]
    assert windows[0][0] == 0
    for step in (0, 5, BLOCK - 1, BLOCK, 2 * BLOCK + 3):
        assert lengths(1).window(step) == walked.window(step) == windows[step]  # jumped to, and gone back to
    assert [lengths(2).window(step) for step in range(20)] != windows[:20]


@pytest.mark.parametrize("jitter", [0.0, 4.0])
def test_windows_of_any_step_are_found_at_once_and_go_on_where_the_one_before_stopped(jitter: float) -> None:
    streams = Streams(np.arange(5000), 3, 20, jitter=jitter, seed=7)
    for last in (BLOCK, BLOCK * BLOCKS, 7 * BLOCK * BLOCKS, 10**12, 2**62):
        (_, targets), (inputs, following) = streams.window(last - 1), streams.window(last)
        assert (targets[-1] == inputs[0]).all()
        assert streams.position(last, 2, 1) == following[2, 1]  # every token is its own position


def pieces_read(streams: Streams, steps: int) -> dict[tuple[int, int], list[int]]:
    """The positions that each reader reads in its nth piece, by (n, reader); the text is its own positions."""
    pieces: dict[tuple[int, int], list[int]] = {}
    counts = [-1] * streams.batch_size
    for step in range(steps):
        moves, (inputs, targets) = streams.moves(step), streams.window(step)
        for b in range(streams.batch_size):
            if moves[b] or step == 0:
                counts[b] += 1
            pieces.setdefault((counts[b], b), []).extend(inputs[:, b].tolist())
            assert all(streams.position(step, t, b) == targets[t, b] for t in range(len(targets)))
    return pieces


@quick
@given(shapes, st.integers(1, 6), st.sampled_from([0.0, 2.0]))
def test_pieces_are_contiguous_and_those_of_an_epoch_cover_the_text(
    shape: tuple[int, int, int], contiguous: int, jitter: float
) -> None:
    N, B, T = shape
    assume(N > T)
    streams = Streams(np.arange(N), B, T, jitter, seed=3, contiguous=contiguous)
    steps = 3 * math.ceil(streams.steps_per_epoch + contiguous)
    read = pieces_read(streams, steps)
    for positions in read.values():
        assert all((after - before) % N == 1 % N for before, after in pairwise(positions))
    if not jitter:
        epoch = math.ceil(N / (T * contiguous))  # in pieces
        numbered = {n * B + b: positions for (n, b), positions in read.items()}
        second = [numbered[i] for i in range(epoch, 2 * epoch) if i >= B]  # the first of a reader may be short
        if second and epoch >= B:
            assert {p for positions in second for p in positions} == set(range(N))


def test_pieces_are_in_another_order_and_have_other_borders_in_every_epoch() -> None:
    streams = Streams(np.arange(64 * 100), 4, 16, seed=1, contiguous=4)
    begins = [positions[0] for _, positions in sorted(pieces_read(streams, 300).items())]
    first, second = begins[4:100], begins[104:200]
    assert len(set(first)) == len(set(second)) == 96
    assert {place % 64 for place in first} != {place % 64 for place in second}
    steps = [np.diff(begins).tolist() for begins in (first, second)]
    assert all(np.mean(np.abs(np.array(each)) > 200) > 0.5 for each in steps)  # most pieces follow a distant one
    assert steps[0] != steps[1]


def test_a_share_of_the_readers_moves_at_each_step() -> None:
    streams = Streams(np.arange(10_000), 32, 16, contiguous=4)
    assert all(streams.moves(step).sum() == 8 for step in range(50))
    assert not Streams(np.arange(10_000), 32, 16).moves(0).any()


def test_the_order_of_pieces_follows_from_the_seed_and_a_window_from_the_step_alone() -> None:
    def streams(seed: int) -> Streams:
        return Streams(np.arange(5000), 4, 10, seed=seed, contiguous=3)

    walked = streams(1)
    windows = [walked.window(step)[0].tolist() for step in range(500)]
    for step in (499, 0, 130, 125):
        assert streams(1).window(step)[0].tolist() == walked.window(step)[0].tolist() == windows[step]
    assert streams(2).window(7)[0].tolist() != windows[7]


@pytest.mark.parametrize(("bptt", "jitter"), [(70, 5.0), (12, 5.0), (3, 2.0), (64, 0.0)])
def test_lengths_have_the_papers_distribution_and_the_mean_that_epochs_are_counted_by(bptt: int, jitter: float) -> None:
    lengths = WindowLengths(bptt, jitter, 0)
    drawn = np.array([lengths.window(step)[1] for step in range(30 * BLOCK)])
    assert drawn.min() >= min(5, bptt)
    assert lengths.mean == pytest.approx(drawn.mean(), rel=0.01)
    if bptt == 70:
        short = drawn < 52  # 35 is as far away as 70
        assert short.mean() == pytest.approx(0.05, abs=0.01)
        assert (drawn[short] + 0.5).mean() == pytest.approx(35, abs=1)
        assert (drawn[~short] + 0.5).mean() == pytest.approx(70, abs=0.2)
        assert drawn[~short].std() == pytest.approx(5, abs=0.2)


@pytest.mark.parametrize(
    ("N", "T", "fits"), [(0, 1, False), (1, 1, False), (2, 1, True), (64, 64, False), (65, 64, True)]
)
def test_text_shorter_than_one_window_is_refused_with_the_number_that_is_needed(N: int, T: int, fits: bool) -> None:
    if fits:
        assert Streams(np.zeros(N, np.uint16), 32, T).window(0)[0].shape == (T, 32)
        return
    with pytest.raises(CorpusError, match=rf"expected at least {T + 1} tokens \(`bptt={T}` and .*found {N}\."):
        Streams(np.zeros(N, np.uint16), 32, T)
