"""Writing together: whatever was done and undone, the model has read exactly the text that is there."""

from __future__ import annotations

import math
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

import rnngen
from rnngen.errors import UsageError
from rnngen.model.load import load_language_model
from rnngen.runs.finding import open_run
from rnngen.sampling.options import Sampling
from rnngen.sampling.session import LENGTH, Session
from rnngen.sampling.word_ends import first_word
from tests.conftest import FAST
from tests.rounding import rounding_bound
from tests.sampling.test_generator import score


@pytest.fixture
def session(trained: Path) -> Session:
    return Session(rnngen.load(trained), "The ", Sampling(length=40), 3)


def assert_has_read(session: Session, text: str, run: Path) -> None:
    ids, held = session.generator.reader.hold_back(text)
    assert session._held == held
    tokens = torch.tensor(ids)[:, None]
    bound = rounding_bound(lambda m: m(tokens, m.start_state(1))[0], load_language_model(open_run(run)))
    context = session.generator.context(ids)
    np.testing.assert_allclose(session._context.network, context.network, rtol=0, atol=bound)


def test_after_every_step_the_model_has_read_the_text(session: Session, trained: Path) -> None:
    def steps():
        yield session.add("cat ")
        yield "".join(session.write())
        yield session.add("Ω dog")
        yield list(islice(session.write(), 7))  # left early
        yield "".join(session.retry())
        yield session.undo()
        yield session.change(until="line", length=None)
        yield "".join(session.write())
        yield session.change(until=None, length=100, stop=("a", "he"))
        yield "".join(session.write())
        yield session.add(session.words()[0][0])
        while session.undo() is not None:
            yield None

    for _ in steps():
        assert_has_read(session, session.text, trained)
    assert session.text == "The "


@pytest.mark.parametrize(
    ("tokenizer", "stop"),
    [
        ("bpe", "at"),
        *(pytest.param(*each, marks=pytest.mark.slow) for each in (("bpe", "he "), ("byte", "t"), ("byte", "never"))),
    ],
)
def test_the_model_has_read_the_text_also_where_a_stop_cuts_a_token(
    corpus: Path, tmp_path: Path, tokenizer: str, stop: str
) -> None:
    size = {"vocab_size": 300} if tokenizer == "bpe" else {}
    rnngen.train(corpus, out=tmp_path / "run", steps=20, tokenizer=tokenizer, **size, **FAST)
    generator = rnngen.load(tmp_path / "run")
    for seed in range(40):
        session = Session(generator, "The ", Sampling(length=8, stop=(stop,)), seed)
        "".join(session.write())
        assert_has_read(session, session.text, tmp_path / "run")


def test_without_a_length_so_much_is_written_at_a_time(session: Session) -> None:
    session.change(length=None)
    assert len("".join(session.write())) == LENGTH
    session.change(until="line")
    assert "".join(session.write()).endswith("\n")


def test_what_is_written_is_what_the_same_seed_writes(session: Session) -> None:
    alone = "".join(session.generator.generate("The ", length=40, seed=3))
    assert "".join(session.write()) == alone
    assert session.text == "The " + alone


def test_a_retry_is_another_text_and_an_undo_takes_one_step_back(session: Session) -> None:
    texts = ["".join(session.write())]
    for _ in range(3):
        texts.append("".join(session.retry()))
        assert session.text == "The " + texts[-1]
    assert len(set(texts)) == 4
    session.add("more")
    assert session.undo() == "more"
    assert session.undo() == texts[-1]
    assert session.undo() is None


def test_until_a_line_writes_the_line_end_so_that_the_next_line_can_follow(session: Session) -> None:
    session.change(until="line", length=500)
    lines = ["".join(session.write()) for _ in range(3)]
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)


def test_a_wrong_option_changes_nothing(session: Session) -> None:
    for bad in ({"temperature": -1.0}, {"ban": ("zzz",)}, {"until": "chapter"}):
        with pytest.raises(UsageError):
            session.change(**bad)
    assert session.sampling == Sampling(length=40)


def test_likely_words_have_the_probability_of_being_written(session: Session) -> None:
    """Against drawing: the shares of the first words of many samples."""
    words = dict(session.words(6))
    n = 4000
    samples = session.generator.generate_batch(["The "] * n, length=12, seed=1)
    first = [first_word(sample.text) for sample in samples]
    for word, p in words.items():
        share = first.count(word) / n
        assert abs(share - p) < 4 * math.sqrt(p * (1 - p) / n) + 0.002, (word, share, p)
    assert list(words.values()) == sorted(words.values(), reverse=True)


def test_a_likely_words_probability_is_that_of_its_text_and_an_end(session: Session) -> None:
    (word, p), *_ = session.words(1)
    ends = [
        c for c in " .\n," if c in session.generator.tokenizer.decode(range(1, session.generator.tokenizer.vocab_size))
    ]
    expected = sum(math.exp(-score(session.generator, session.text, word + end)) for end in ends)
    assert p == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("cat ", "cat"),
        (" cat.", " cat"),
        ("\n\nThe ", "\n\nThe"),
        ("cat", None),
        (" ", None),
        ("...", None),
        ("don't ", "don't"),
        ("don'", None),
        ("dogs' ", "dogs"),
        (', "No"', ', "No'),
        ("l’eau,", "l’eau"),
        ("漢 ", "漢"),
        ("漢字", "漢"),  # each character is a word
        ("漢", None),  # a mark may follow
        ("ab漢", "ab"),
        (" שָׁלוֹם ", " שָׁלוֹם"),
        ("שָׁלוֹ", None),
        ("हिन्दी ", "हिन्दी"),
        ("می\u200cخواهم ", "می\u200cخواهم"),
    ],
)
def test_where_a_word_ends(text: str, word: str | None) -> None:
    assert first_word(text) == word
