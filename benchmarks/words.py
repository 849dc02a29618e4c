"""A text of words: every tokenizer of rnngen beside the word model of PyTorch's examples, in nats per word.

    python benchmarks/words.py --seconds 180

The text is ``dictionary`` of ``corpora.py``: 1.2 MB of articles in which words stand apart as in WikiText, and words
that occur once or twice in all of it are ``<unk>``. The word model has a closed vocabulary of words and line ends;
rnngen has each of its tokenizers in turn. All train for the same time, and the word model is also scored after one
epoch. Its own validation after each epoch counts as its time, as rnngen's does. Scores are of the last twentieth, by
which nothing is chosen: its nats divided by the number of its words and line ends, whatever the tokens are.
``words-closed`` predicts what the word model does; the others predict where words end and how spaces stand too.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from contest import SMOKE_TEXT, Outcome, Text, encoded, run_rival, run_rnngen
from machine import describe, print_table, write_results
from rivals import WordLSTM

from corpora import MissingTextError, make

TOKENIZERS = ("words-closed", "word", "bpe", "char")


def read_dictionary() -> str:
    with TemporaryDirectory() as folder:
        return make("dictionary", Path(folder)).read_text(encoding="utf-8")


def row_of(outcome: Outcome, text: Text, tokens: str, words: int) -> dict[str, Any]:
    """A row for the table; ``words`` counts words and line ends of the part that is scored."""
    return {
        "model": outcome.model,
        "tokens": f"{tokens} {text.vocab_size}",
        "nats_per_word": outcome.second_half * text.second_half.characters / words,
        "nats_per_character": outcome.second_half,
        "epochs": outcome.epochs,
        "seconds": outcome.seconds,
        "chosen": outcome.chosen,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--smoke", action="store_true", help="a tiny text for a moment, to see that it runs")
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    arguments = parser.parse_args()
    try:
        content, seconds = (SMOKE_TEXT, 2.0) if arguments.smoke else (read_dictionary(), arguments.seconds)
    except MissingTextError as error:
        parser.error(str(error))
    rows, outcomes = [], []
    for tokenizer in TOKENIZERS:
        with encoded(content, tokenizer) as text:
            scored = text.second_half.file.read_text(encoding="utf-8")
            words = len(scored.split()) + scored.count("\n")
            contenders = [run_rnngen(text, seconds, {"tokenizer": tokenizer})]
            if tokenizer == "words-closed":
                contenders += run_word_models(text, max(seconds, contenders[0].seconds))
            rows += [row_of(outcome, text, tokenizer, words) for outcome in contenders]
            outcomes += [{"tokenizer": tokenizer, **text.describe(), **vars(outcome)} for outcome in contenders]
    print_table(rows)
    write_results("words", {"machine": describe(), "rows": rows, "outcomes": outcomes}, arguments.out)


def run_word_models(text: Text, seconds: float) -> list[Outcome]:
    """The word model of PyTorch's examples after one epoch, and after ``seconds``."""

    def make_one() -> WordLSTM:
        return WordLSTM(text.train, text.watched.ids, text.vocab_size)

    whole = run_rival(text, seconds, make_one)
    if whole.epochs <= 1:
        return [whole]
    return [run_rival(text, whole.seconds / whole.epochs, make_one), whole]


if __name__ == "__main__":
    main()
