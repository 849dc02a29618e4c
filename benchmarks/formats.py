"""How fast each format is read and encoded, beside the same text as a plain file in the same run.

    python benchmarks/formats.py

Short messages, written in every format that rnngen reads, are encoded character by character by ``prepare``, as
``rnngen train`` does: read once to identify them, and once to encode them. The formats take turns, so that each sees
the machine's ups and downs; rates are of the medians, in characters of text, and the ratio is to the plain file. The
last column has the rate of reading alone.
"""

from __future__ import annotations

import argparse
import bz2
import csv
import gzip
import json
import lzma
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import zstandard
from machine import describe, print_table, write_results

from rnngen.corpus.sources import TextSource
from rnngen.corpus.tokens import prepare
from rnngen.options.training import DataConfig

PLAIN = "messages.txt"


def messages(characters: int) -> list[str]:
    """Messages of a few dozen words, mostly ASCII; no two are alike."""
    rng = np.random.default_rng(0)
    letters = list("etaoinshrdlcumwfgypbvkéü漢,.")
    words = ["".join(rng.choice(letters, size)) for size in rng.integers(1, 10, 5_000)]
    made: list[str] = []
    while characters > 0:
        made.append(" ".join(words[i] for i in rng.integers(0, len(words), rng.integers(5, 40))))
        characters -= len(made[-1]) + 1
    return made


def write_formats(folder: Path, texts: list[str]) -> dict[str, dict[str, Any]]:
    """Write the texts in each format; the options that read it, by file name."""
    import pyarrow as pa
    import pyarrow.ipc
    import pyarrow.parquet

    text = "\n".join(texts)
    plain = text.encode()
    packs: dict[str, Callable[[bytes], bytes]] = {
        "gz": gzip.compress,
        "bz2": bz2.compress,
        "xz": lambda data: lzma.compress(data, preset=1),
        "zst": zstandard.ZstdCompressor(write_checksum=True).compress,
    }
    (folder / PLAIN).write_bytes(plain)
    (folder / "messages-utf-16.txt").write_bytes(text.encode("utf-16"))
    (folder / "messages-gb18030.txt").write_bytes(text.encode("gb18030"))
    with (folder / "messages.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"id": n, "user": "someone", "text": each}) + "\n" for n, each in enumerate(texts))
    with (folder / "messages.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("id", "user", "text"), *((n, "someone", each) for n, each in enumerate(texts))])
    table = pa.table({"id": range(len(texts)), "text": texts})
    pa.parquet.write_table(table, folder / "messages.parquet")
    with pa.ipc.new_file(str(folder / "messages.arrow"), table.schema) as writer:
        writer.write_table(table)
    for name, pack in packs.items():
        (folder / f"{PLAIN}.{name}").write_bytes(pack(plain))
    for name in ("messages.jsonl", "messages.csv"):
        (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
    encodings = {"messages-utf-16.txt": "utf-16", "messages-gb18030.txt": "gb18030"}
    names = [PLAIN, *sorted(file.name for file in folder.iterdir() if file.name != PLAIN)]
    return {name: {"encoding": encodings[name]} if name in encodings else {} for name in names}


def encode(file: Path, options: dict[str, Any], cache: Path) -> float:
    """Seconds to encode a file."""
    shutil.rmtree(cache, ignore_errors=True)
    began = time.perf_counter()
    prepare(DataConfig(corpus=(str(file),), **options), cache=cache)
    return time.perf_counter() - began


def read(file: Path, options: dict[str, Any]) -> float:
    """Seconds to read a file."""
    began = time.perf_counter()
    for _ in TextSource([str(file)], **options):
        pass
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="a small text, one turn, to see that it runs")
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    arguments = parser.parse_args()
    characters, turns = (200_000, 1) if arguments.smoke else (10_000_000, 3)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "texts"
        folder.mkdir()
        texts = messages(characters)
        size = sum(map(len, texts)) + len(texts) - 1
        formats = write_formats(folder, texts)
        expected = "\n".join(texts)
        for file, options in formats.items():
            assert "".join(TextSource([str(folder / file)], **options)) == expected, file
        encode(folder / PLAIN, {}, Path(name) / "cache")  # imports what it needs
        encoded: dict[str, list[float]] = {file: [] for file in formats}
        only_read: dict[str, list[float]] = {file: [] for file in formats}
        for _ in range(turns):
            for file, options in formats.items():
                encoded[file].append(encode(folder / file, options, Path(name) / "cache"))
                only_read[file].append(read(folder / file, options))
        rows = [
            {
                "file": file,
                "megabytes": round((folder / file).stat().st_size / 1e6, 2),
                "encoded_mchar_per_s": size / statistics.median(encoded[file]) / 1e6,
                "of_plain": statistics.median(encoded[PLAIN]) / statistics.median(encoded[file]),
                "read_mchar_per_s": size / statistics.median(only_read[file]) / 1e6,
            }
            for file in formats
        ]
    print_table(rows)
    result = {"machine": describe(), "characters": size, "messages": len(texts), "turns": turns, "rows": rows}
    write_results("formats", result, arguments.out)


if __name__ == "__main__":
    main()
