"""What documents are worth: whole, distinct and new ones, and nats per document, beside the same text as one stream.

    python benchmarks/documents.py

Three texts are made by a script: 3,000 names of towns, one per line; 400 poems with a line ``%`` between them; a CSV of
3,000 short messages. On each, two runs of the same size and number of steps are trained on the same training documents:
one that knows them as documents, and one that reads them as one stream, with the separator in the text. Of each run:

- of 200 samples, the shares that are whole (ended by the model; of the stream, begun after a separator and ended by
  one), distinct, and new (of no part of the text);
- nats per test document and its end. The stream is scored on the same documents, each after the separator that ends
  the one before it: in their order, as one text.
"""

from __future__ import annotations

import argparse
import csv
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from machine import describe, print_table, write_results

import rnngen

SAMPLES, LENGTH = 200, 1000
Parts = dict[str, list[str]]


class Collection(NamedTuple):
    """A text of documents.

    Attributes:
        documents: its documents, no two alike.
        separator: what stands after each in the stream.
        rule: the option ``documents`` of the file; None: rows of a CSV.
    """

    documents: list[str]
    separator: str
    rule: str | None


FIRST = """Ash Bark Bex Bland Brad Brom Bur Chal Chip Cold Cran Dar Dun East Elm Fern Glen Hal Hart Hazel Kings Lang
Little Long Mar Mel Mid New North Oak Old Pen Rad Red Rom Sand Shep South Stan Stoke Thorn Up Wal West Whit"""
LAST = "ton ham bury field ford wick worth bridge port mouth by thorpe stead combe dale hurst well gate don"
AFTER = ["", "", "", "", " Green", " Magna", " Parva", " St Mary", " on Sea", " under Edge"]


def towns(number: int, rng: random.Random) -> list[str]:
    """Names like those of English towns."""
    parts = (FIRST.split(), ["", "", "", "er", "ing", "le", "en", "ham", "ley"], LAST.split(), AFTER)
    return distinct(number, lambda: "".join(map(rng.choice, parts)))


WORDS = {
    "N": "sea wind rose moon river night garden stone bird shadow lantern winter road silver bell",
    "A": "quiet golden bitter hollow tender broken silent early distant burning",
    "V": "sings sleeps wanders falls waits burns listens fades returns remembers",
    "P": "under over beside beyond against within",
}
PATTERNS = [
    "The A N V P the N,",
    "And every N V like a N,",
    "O A N, you A N,",
    "No N V P the A N,",
    "There is a N that V.",
]


def poems(number: int, rng: random.Random) -> list[str]:
    """Poems of two to four stanzas of lines in a few patterns."""

    def filled(word: str) -> str:
        return rng.choice(WORDS[word[0]].split()) + word[1:] if word.strip(",.") in WORDS else word

    def poem() -> str:
        lines = [" ".join(map(filled, rng.choice(PATTERNS).split())) for _ in range(4 * rng.randint(2, 4))]
        return "\n\n".join("\n".join(lines[at : at + 4]) for at in range(0, len(lines), 4))

    return distinct(number, poem)


WHO = "mum|dad|Anna|Ben|Chloe|Dev|Eve|the team|everyone|grandma"
OPENINGS = "Hi {}!|Hey {},|Dear {},|{}?|Morning {}."
BODIES = """Are you free on {}?|See you at {}.|The bus is late, I'll be there by {}.|Can we meet {} instead?
Don't forget the keys on {}.|Dinner at {}, bring "the good" plates.|Running late, start without me at {}."""
WHEN = "noon|six|half past four|Monday|Friday night|the weekend|10:30|tomorrow|quarter to nine"
CLOSINGS = ["", "", " Thanks!", " xx", "\nLove, me", " :)"]


def messages(number: int, rng: random.Random) -> list[str]:
    """Short messages, some of two lines."""

    def message() -> str:
        opening, body = rng.choice(OPENINGS.split("|")), rng.choice(BODIES.replace("\n", "|").split("|"))
        who, when = rng.choice(WHO.split("|")), rng.choice(WHEN.split("|"))
        return f"{opening.format(who)} {body.format(when)}{rng.choice(CLOSINGS)}"

    return distinct(number, message)


def distinct(number: int, make: Any) -> list[str]:
    """So many different texts."""
    found: dict[str, None] = {}
    while len(found) < number:
        found[make()] = None
    return list(found)


def split(documents: Sequence[str], rng: random.Random) -> Parts:
    """Nine tenths for training, a twentieth each for validation and test."""
    shuffled = rng.sample(documents, len(documents))
    held = max(1, len(documents) // 20)
    return {"valid": shuffled[:held], "test": shuffled[held : 2 * held], "train": shuffled[2 * held :]}


def write(folder: Path, name: str, parts: Parts, collection: Collection) -> dict[str, dict[str, str]]:
    """Files of each part, as documents and as a stream."""
    files: dict[str, dict[str, str]] = {"documents": {}, "stream": {}}
    for part, documents in parts.items():
        stream = folder / f"{name}-{part}-stream.txt"
        stream.write_text("".join(each + collection.separator for each in documents), encoding="utf-8", newline="\n")
        files["stream"][part] = files["documents"][part] = str(stream)
        if collection.rule is None:
            rows = folder / f"{name}-{part}.csv"
            with rows.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([["text"], *([each] for each in documents)])
            files["documents"][part] = str(rows)
    return files


def compare(name: str, collection: Collection, folder: Path, **options: Any) -> list[dict[str, Any]]:
    """A run on the documents and one on the stream, sampled and scored."""
    parts = split(collection.documents, random.Random(1))
    files = write(folder, name, parts, collection)
    known, rows = set(collection.documents), []
    for kind, rule in (("documents", collection.rule or "files"), ("stream", "none")):
        paths = files[kind]
        run = rnngen.train(
            paths["train"],
            out=folder / f"{name}-{kind}",
            valid=[paths["valid"]],
            test=[paths["test"]],
            documents=rule,
            sample_every=0,
            **options,
        )
        samples = sampled(run, collection, as_documents=kind == "documents")
        whole = [text for text in samples if text is not None]
        score = rnngen.evaluate(run, part="test")
        rows.append(
            {
                "text": name,
                "read as": kind,
                "whole": len(whole) / len(samples),
                "distinct": len(set(whole)) / len(samples),
                "new": len({text for text in whole if text not in known}) / len(samples),
                "nats per document": round(score.nats / len(parts["test"]), 3),
                "test documents": len(parts["test"]),
                "training documents": len(parts["train"]),
            }
        )
    return rows


def sampled(run: rnngen.Run, collection: Collection, *, as_documents: bool) -> list[str | None]:
    """Samples; None: not ended within the length."""
    generator, separator = rnngen.load(run), collection.separator
    found: list[str | None] = []
    how = {"seed": 0, "length": LENGTH, **({} if as_documents else {"stop": [separator]})}
    for sample in generator.samples(["" if as_documents else separator] * SAMPLES, **how):
        ended = sample.finish_reason == ("document" if as_documents else "stop") and sample.text.strip()
        found.append(sample.text.strip("\n") if ended else None)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1000, help="of each run (default 1000)")
    parser.add_argument("--smoke", action="store_true", help="tiny runs on a part of the texts, to see that it runs")
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    arguments = parser.parse_args()
    steps, size, number, few = arguments.steps, 128, 3000, 400
    if arguments.smoke:
        steps, size, number, few = 3, 16, 400, 40
    rng = random.Random(0)
    collections = {
        "towns": Collection(towns(number, rng), "\n", "lines"),
        "poems": Collection(poems(few, rng), "\n%\n", "\n%\n"),
        "messages": Collection(messages(number, rng), "\n%\n", None),
    }
    options = {
        "steps": steps,
        "hidden_size": size,
        "batch_size": 32,
        "bptt": 64,
        "precision": "float32",
        "device": "cpu",
        "threads": 1,
    }
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, collection in collections.items():
            rows += compare(name, collection, Path(folder), **options)
    print_table(rows)
    write_results("documents", {"machine": describe(), **options, "samples": SAMPLES, "rows": rows}, arguments.out)


if __name__ == "__main__":
    main()
