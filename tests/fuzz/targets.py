"""What is fuzzed: one target per format that a stranger may hand over.

A target gets any bytes, makes an input of them, and reads it as the commands do, with checksums that are right. It may
raise ``RnngenError``; anything else, and a wrong answer, is a failure.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import hashlib
import io
import json
import lzma
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load as library_load

import rnngen
from rnngen.corpus.cache import load as load_cached
from rnngen.corpus.sources import TextSource
from rnngen.corpus.tokenizer import StreamDecoder, Tokenizer, load_tokenizer, train_tokenizer
from rnngen.corpus.tokens import fingerprint_of, prepare
from rnngen.errors import CheckpointError, RnngenError
from rnngen.infilling.gapped_text import GappedText, parse_gaps
from rnngen.ngram.file import parse_mixture
from rnngen.options.config import RunConfig
from rnngen.options.config_file import read_options
from rnngen.options.given import Given
from rnngen.options.training import DataConfig
from rnngen.plaintext.card import card_rows
from rnngen.runs.card import make_card
from rnngen.runs.finding import open_run
from rnngen.runs.layout import MANIFEST, MODEL, NGRAM, RESUME, STATE_JSON, STATE_TENSORS
from rnngen.runs.listing import list_runs
from rnngen.runs.manifest import manifest_bytes, read_manifest
from rnngen.runs.own_text import is_own_text
from rnngen.runs.plan_record import parse_record, recorded_plan
from rnngen.training.checkpoint import load_state
from rnngen.training.learner import Learner
from rnngen.training.progress import Progress
from rnngen.training.schedule import Schedule
from rnngen.training.state_checks import check_file_sizes, check_weights
from tests.conftest import make_text
from tests.fuzz.mutations import Mutation, in_json, in_lines, in_tensors, mutate

MAX_MESSAGE = 4000  # characters
TEXT = make_text(3000)
OPTIONS = {
    "hidden_size": 4,
    "embedding_size": 3,
    "batch_size": 2,
    "bptt": 8,
    "precision": "float32",
    "device": "cpu",
    "sample_every": 0,
    "steps": 4,
    "valid_every": 2,
    "save_every": 2,
}


class Place:
    """A folder with a text and runs trained on it; ``restore`` undoes what a target changed.

    Args:
        folder: an empty one; it becomes the current folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        os.chdir(folder)
        os.environ["RNNGEN_CACHE"] = str(folder / "cache")
        self.text = folder / "text.txt"
        self.text.write_text(TEXT, encoding="utf-8")
        self.run = folder / "checkpoints" / "tiny"
        rnngen.train(self.text, out=self.run, ngram=2, **OPTIONS)
        self.state = self.run / RESUME / "000000004"
        shutil.rmtree(self.run / RESUME / "000000002")  # or it would be used instead
        config = RunConfig.saved(
            {name: open_run(self.run).config[name] for name in ("model", "data", "optimizer", "train")}, "config"
        )
        self.vocab_size = open_run(self.run).tokenizer().vocab_size
        self.config, self.learner = config, Learner(config, self.vocab_size)
        (self.cached,) = (folder / "cache" / "corpora").iterdir()
        self.tokenizers: dict[str, Tokenizer] = {
            level: train_tokenizer(level, [TEXT], 300 if level in ("word", "bpe") else None)
            for level in ("char", "byte", "word", "words-closed", "bpe")
        }

    def enter(self, patch: Any) -> None:
        """Make this the current folder, with its own cache, for a test."""
        patch.chdir(self.folder)
        patch.setenv("RNNGEN_CACHE", str(self.folder / "cache"))

    @cache  # noqa: B019 (there is one place)
    def original(self, path: Path) -> bytes:
        """A file as it was first."""
        return path.read_bytes()

    def replaced(self, path: Path, content: bytes) -> None:
        """Put an input in the place of a file, and its hash into the manifest next to it."""
        self.original(path)
        path.write_bytes(content)
        manifest = path.parent / MANIFEST
        if path != manifest and manifest.exists():
            names = json.loads(self.original(manifest))["files"]
            manifest.write_bytes(manifest_bytes({name: (path.parent / name).read_bytes() for name in names}))

    def restore(self, path: Path) -> None:
        """Undo ``replaced``."""
        for file in (path, path.parent / MANIFEST):
            if file.exists():
                file.write_bytes(self.original(file))


Check = Callable[[Place, bytes], None]


@dataclass(frozen=True)
class Target:
    """A format.

    Attributes:
        seeds: sound files of it.
        check: reads an input.
        inside: changes a sound file in keeping with the format.
    """

    seeds: Callable[[Place], Sequence[bytes]]
    check: Check
    inside: Mutation | None = None

    def input(self, place: Place, data: bytes) -> bytes:
        """The input that these bytes stand for."""
        return mutate(data, self.seeds(place), self.inside)

    def run(self, place: Place, content: bytes) -> bool:
        """Read an input; whether it was accepted.

        Raises:
            Exception: a failure.
        """
        try:
            self.check(place, content)
        except RnngenError as error:
            assert len(str(error)) < MAX_MESSAGE, f"a message of {len(str(error))} characters"
            return False
        return True


def weights(place: Place, content: bytes) -> None:
    """model.safetensors: what is accepted is what the library reads, and writes text."""
    path = place.run / MODEL
    place.replaced(path, content)
    try:
        found = open_run(place.run).weights()
        expected = library_load(content)
        assert found.keys() == expected.keys()
        assert all(np.array_equal(found[name], expected[name], equal_nan=True) for name in found)
        if all(np.abs(w).max() < 100 for w in found.values()):
            rnngen.generate("The", run=place.run, length=3, seed=0)
    finally:
        place.restore(path)


def state_tensors(place: Place, content: bytes) -> None:
    """state.safetensors: restored into a learner that has its sizes."""
    path = place.state / STATE_TENSORS
    place.replaced(path, content)
    try:
        check_file_sizes(place.run, place.config.model, place.config.train.batch_size, place.vocab_size)
        _restore(place)
    finally:
        place.restore(path)


def state_values(place: Place, content: bytes) -> None:
    """state.json."""
    path = place.state / STATE_JSON
    place.replaced(path, content)
    try:
        state = _restore(place)
        Progress.from_values(state.values)
        if "stretches" in state.values:
            Schedule.resumed(state.values["stretches"], recorded_plan(place.run), state.values["step"])
    finally:
        place.restore(path)


def _restore(place: Place) -> Any:
    state = load_state(place.run)
    check_weights(state.tensors, place.config.model, place.config.train.batch_size, place.vocab_size, "state")
    place.learner.restore(state.tensors, "state", stepped=True)
    return state


def ngrams(place: Place, content: bytes) -> None:
    """ngram.safetensors: what is accepted gives probabilities."""
    mixture = parse_mixture(content, place.vocab_size, Path(NGRAM))
    tokens = np.arange(40) % place.vocab_size
    p, _ = mixture.ngram.probabilities(tokens)
    assert ((p >= 0) & (p <= 1 + 1e-9)).all()


def tokenizer(place: Place, content: bytes) -> None:
    """tokenizer.json: what is accepted encodes and decodes without loss, with ids below V."""
    loaded = load_tokenizer(Path("tokenizer.json"), content)
    text = "The cat's 12 mats. é😀\r\n  <unk>"
    ids = loaded.encode(text)
    assert len(loaded.token_bytes()) == loaded.vocab_size > ids.max()
    decoder = StreamDecoder(loaded)
    streamed = "".join(map(decoder.push, ids.tolist())) + decoder.finish()
    assert streamed == loaded.decode(ids.tolist())
    if loaded.unknown_id is None:
        assert streamed == text
    first, held = loaded.hold_back(text)
    assert [*first.tolist(), *loaded.encode(held).tolist()] == ids.tolist()
    assert load_tokenizer(Path("again"), loaded.to_json().encode()).token_bytes() == loaded.token_bytes()


def config(place: Place, content: bytes) -> None:
    """config.json: opened, listed, and read with the weights."""
    path = place.run / "config.json"
    place.replaced(path, content)
    try:
        list_runs()
        run = open_run(place.run)
        _shown(run)
        is_own_text(run, [str(place.text)])
        sections = {name: run.config.get(name, {}) for name in ("model", "data", "optimizer", "train")}
        RunConfig.saved(sections, path)
        run.weights()
    finally:
        place.restore(path)


def _shown(run: Any) -> None:
    card = make_card(run)
    assert len(str(card_rows(card))) < 10 * MAX_MESSAGE


def manifest(place: Place, content: bytes) -> None:
    """manifest.json."""
    path = place.run / MANIFEST
    place.replaced(path, content)
    try:
        for name in read_manifest(place.run):
            assert Path(name).name == name
        run = open_run(place.run)
        _shown(run)
        run.weights()
    finally:
        place.restore(path)


def metrics(place: Place, content: bytes) -> None:
    """metrics.jsonl."""
    path = place.run / "metrics.jsonl"
    place.replaced(path, content)
    try:
        _shown(open_run(place.run))
    finally:
        place.restore(path)


def cache_entry(place: Place, content: bytes) -> None:
    """meta.json of an encoded corpus, with its own checksum."""
    path = place.cached / "meta.json"
    try:
        meta = json.loads(content)
        if isinstance(meta, dict):
            meta.pop("sha256", None)
            meta["sha256"] = hashlib.sha256(json.dumps(meta, sort_keys=True).encode()).hexdigest()
            content = json.dumps(meta).encode()
    except (ValueError, RecursionError):
        pass
    place.replaced(path, content)
    try:
        loaded = load_cached(place.cached, "")
        for part in loaded.parts.values() if loaded else ():
            assert min(part.counts.bytes, part.counts.characters, part.counts.words, part.unknown) >= 0
        if loaded is None:  # it counts as missing, and is made again
            made = prepare(DataConfig(corpus=[str(place.text)]))
            assert sum(part.counts.characters for part in made.parts.values()) == len(TEXT)
    finally:
        place.restore(path)


def plan(place: Place, content: bytes) -> None:
    """plan.jsonl: what is accepted is a schedule."""
    stretches = parse_record(content)
    assert [stretch.step for stretch in stretches] == sorted({stretch.step for stretch in stretches})
    if stretches and stretches[0].step == 0:
        try:
            schedule = Schedule(stretches)
        except ValueError as error:  # which resuming turns into this
            raise CheckpointError("they are not in order") from error
        assert 0 <= schedule.learning_rate_factor(stretches[-1].step, place.config.optimizer) <= 1000


def options_file(place: Place, content: bytes) -> None:
    """A file of options."""
    path = place.folder / "options.toml"
    path.write_bytes(content)
    Given.of(read_options(path))


def gapped_text(place: Place, content: bytes) -> None:
    """A text with gaps: known parts and gaps make up the text."""
    text = content.decode("utf-8", errors="surrogateescape")
    parts = parse_gaps(text)
    assert len(parts) % 2 == 1
    for each in place.tokenizers.values():
        gapped = GappedText.read(text, each)
        assert len(gapped.gaps) == len(parts) // 2
        assert all(0 < min(gap.lengths) <= max(gap.lengths) for gap in gapped.gaps)


def corpus(place: Place, content: bytes) -> None:
    """A text: what is accepted is what Python decodes."""
    path = place.folder / "input.txt"
    path.write_bytes(content)
    for errors in ("strict", "replace"):
        found = "".join(TextSource([str(path)], errors))
        expected = content.removeprefix(b"\xef\xbb\xbf").decode(errors=errors).replace("\r\n", "\n").replace("\r", "\n")
        assert found == (expected if errors == "strict" else expected.replace("\0", "\ufffd"))
    if found:
        assert len(fingerprint_of(DataConfig(corpus=[str(path)]))) == 64


def rows(place: Place, content: bytes) -> None:
    """JSON Lines: what is accepted is what Python's own module reads, and nothing of it is left out."""
    path = place.folder / "input.jsonl"
    path.write_bytes(content)
    kept = "".join(TextSource([str(path)], "skip"))
    found = "".join(TextSource([str(path)]))
    lines = [line for line in content.decode("utf-8-sig").split("\n") if line.strip(" \t\r\n")]
    texts = [json.loads(line, parse_int=float)["text"] for line in lines]
    assert found == kept == "\n".join(text for text in texts if text).replace("\r\n", "\n").replace("\r", "\n")


def separated(place: Place, content: bytes) -> None:
    """CSV: what is accepted is what Python's own module reads, and nothing of it is left out."""
    path = place.folder / "input.csv"
    path.write_bytes(content)
    kept = "".join(TextSource([str(path)], "skip"))
    found = "".join(TextSource([str(path)]))
    read = [row for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")) if row]
    column = read[0].index("text") if read and "text" in read[0] else 0
    texts = [row[column] for row in read[1:]]
    assert found == kept == "\n".join(text for text in texts if text).replace("\r\n", "\n").replace("\r", "\n")


def packed(place: Place, content: bytes) -> None:
    """A compressed text or a table: what is accepted has no more than what was put into it."""
    path = place.folder / "input"
    path.write_bytes(content)
    assert len("".join(TextSource([str(path)], "skip"))) < 1 << 20


def _packed(place: Place) -> list[bytes]:
    import pyarrow as pa
    import pyarrow.ipc
    import pyarrow.parquet
    import zstandard

    table, written = pa.table({"text": TEXT.splitlines()[:20]}), []
    for write in (pa.ipc.new_file, pa.ipc.new_stream):
        sink = io.BytesIO()
        with write(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=8)
        written.append(sink.getvalue())
    sink = io.BytesIO()
    pa.parquet.write_table(table, sink)
    data = TEXT[:500].encode()
    packs = [gzip.compress(data), bz2.compress(data), lzma.compress(data), zstandard.ZstdCompressor().compress(data)]
    return [*packs, *written, sink.getvalue()]


JSON_ROWS = [{"text": "one\r\ntwo", "n": 1}, {"text": "é😀"}, {"text": ""}, {"id": [{}], "text": "x"}]
CSV_ROWS = b'id,text\r\n1,"a, ""b""\r\nc"\r\n\r\n2,d\r\n3,\r\n'
TOML = b"""minutes = 3
size = "small"
[model]
cell = "lstm"
dropout = 0.1
tied = true
[data]
corpus = ["a.txt", "b.txt"]
split = [0.9, 0.05, 0.05]
"""
TEXTS = [
    "To be, or ___ to be\n",
    "naïve\r\n日本 😀",
    "caf\u00e9".encode("latin-1"),
    "wide".encode("utf-16"),
    b"PK\x03\x04",
]
PLAN_ROWS = [
    {"step": 0, "steps": 40, "threads": 2, "precision": "float32", "trial": False, "cycle": None},
    {"step": 9, "steps": 30, "threads": 1, "precision": "bf16", "trial": True, "cycle": None},
    {
        "step": 30,
        "steps": 90,
        "threads": 1,
        "precision": "float32",
        "trial": False,
        "cycle": {"peak": 0.5, "valid_every": 5, "sample_every": 0},
    },
]


def _file(name: str) -> Callable[[Place], Sequence[bytes]]:
    return lambda place: [place.original(place.run / name)]


TARGETS = {
    "weights": Target(_file(MODEL), weights, in_tensors),
    "state": Target(lambda place: [place.original(place.state / STATE_TENSORS)], state_tensors, in_tensors),
    "state-values": Target(lambda place: [place.original(place.state / STATE_JSON)], state_values, in_json),
    "ngram": Target(_file(NGRAM), ngrams, in_tensors),
    "tokenizer": Target(
        lambda place: [each.to_json().encode() for each in place.tokenizers.values()], tokenizer, in_json
    ),
    "config": Target(_file("config.json"), config, in_json),
    "manifest": Target(_file(MANIFEST), manifest, in_json),
    "metrics": Target(_file("metrics.jsonl"), metrics, in_lines),
    "cache": Target(lambda place: [place.original(place.cached / "meta.json")], cache_entry, in_json),
    "plan": Target(lambda place: ["".join(json.dumps(row) + "\n" for row in PLAN_ROWS).encode()], plan, in_lines),
    "options": Target(lambda place: [TOML, place.original(place.run / "config.json")], options_file),
    "gaps": Target(lambda place: [b"To be, or ___ to be", rb"a [5] b \[5] c\____ [2]."], gapped_text),
    "rows": Target(lambda place: ["".join(json.dumps(row) + "\n" for row in JSON_ROWS).encode()], rows, in_lines),
    "separated": Target(lambda place: [CSV_ROWS, b"text\na\n"], separated),
    "packed": Target(_packed, packed),
    "corpus": Target(lambda place: [each.encode() if isinstance(each, str) else each for each in TEXTS], corpus),
}
