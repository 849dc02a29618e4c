"""Whether the same defaults win on text that nobody tuned anything on: rnngen beside a plain ``nn.LSTM``.

    python benchmarks/generality.py --seconds 40

Every text that ``corpora.py`` can make on this machine (or every ``.txt`` file in ``--texts FOLDER``), by characters;
those named by ``--levels`` by BPE and by words too, with the same token ids for both. rnngen gets the text, the level
of its tokens and the time; the baseline gets as long. Both are scored on the last tenth (on 500,000 characters around
its middle where it is longer), of which both chose their weights by the first half; ``half`` is the second half alone.
All in nats per character, whatever the tokens are, so that levels can be compared.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from contest import SMOKE_TEXT, encoded, run_rival, run_rnngen
from machine import describe, print_table, write_results
from rivals import PlainLSTM

from corpora import MAKERS, MissingTextError, make

MAX_SCORED = 500_000  # characters of a held-out tenth: scoring 5 MB twice would take longer than all training
MAX_WATCHED = 100_000  # tokens the baseline is watched by; its curve does not matter here
Row = dict[str, Any]


def measure(name: str, text: str, tokenizer: str, seconds: float, options: Row) -> tuple[Row, Row]:
    """A row for the table, and all that is known for the results."""
    level = {} if tokenizer == "char" else {"tokenizer": tokenizer}
    with encoded(text, tokenizer, MAX_SCORED) as corpus:
        ours = run_rnngen(corpus, seconds, {**level, **options})
        plain = run_rival(
            corpus,
            max(seconds, ours.seconds),
            lambda: PlainLSTM(corpus.train, corpus.vocab_size),
            most_watched=MAX_WATCHED,
        )
        about = corpus.describe()
    row = {
        "text": name,
        "characters": about["characters"],
        "symbols": about["symbols"],
        "tokens": f"{tokenizer} {about['vocab_size']}",
        "rnngen": ours.nats_per_character,
        "plain": plain.nats_per_character,
        "ahead": plain.nats_per_character - ours.nats_per_character,
        "rnngen_half": ours.second_half,
        "plain_half": plain.second_half,
        "seconds": ours.seconds,
        "chosen": f"{ours.chosen}, {ours.epochs:.3g} epochs",
    }
    return row, {"text": name, **about, "contenders": [vars(ours), vars(plain)]}


def read_texts(folder: Path, names: list[str]) -> dict[str, str]:
    """Texts by name; made in the folder where ``names`` are given."""
    for name in names:
        try:
            make(name, folder)
        except MissingTextError as error:
            print(f"left out, {error}")
    return {file.stem: file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.txt"))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, help="a folder of .txt files, instead of making them")
    parser.add_argument("--only", nargs="*", metavar="NAME", help="these texts alone")
    parser.add_argument("--levels", nargs="*", default=["source"], metavar="NAME", help="texts for BPE and words too")
    parser.add_argument("--seconds", type=float, default=40, help="training time of each (default 40)")
    parser.add_argument("--smoke", action="store_true", help="a few seconds on a made-up text, to see that it runs")
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    arguments = parser.parse_args()
    levels, seconds, options = arguments.levels, arguments.seconds, {}
    if arguments.smoke:
        texts, levels, seconds, options = {"smoke": SMOKE_TEXT}, ["smoke"], 1.0, {"size": "tiny"}
    elif arguments.texts:
        texts = read_texts(arguments.texts, [])
    else:
        names = arguments.only or list(MAKERS)
        if unknown := [name for name in names if name not in MAKERS]:
            parser.error(f"no text is called {unknown[0]}; there are {', '.join(MAKERS)}")
        with TemporaryDirectory() as folder:
            texts = read_texts(Path(folder), names)
    texts = {name: text for name, text in texts.items() if arguments.only is None or name in arguments.only}
    if not texts:
        parser.error("there are no such texts")
    machine = describe()
    rows, results = [], []
    for name, text in texts.items():
        for tokenizer in ("char", "bpe", "word") if name in levels else ("char",):
            print(f"{name} by {tokenizer}", flush=True)
            row, result = measure(name, text, tokenizer, seconds, options)
            rows.append(row)
            results.append(result)
    print_table(rows)
    print(f"rnngen is ahead in {sum(row['ahead'] > 0 for row in rows)} of {len(rows)}")
    write_results("generality", {"machine": machine, "seconds": seconds, "rows": rows, "runs": results}, arguments.out)


if __name__ == "__main__":
    main()
