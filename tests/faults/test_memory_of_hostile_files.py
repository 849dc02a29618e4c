"""The worst that a hostile file can cost in memory, measured in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rnngen.options.training import MAX_VOCAB_SIZE
from rnngen.runs.layout import MODEL
from tests.runs.test_run import rewrite
from tests.runs.test_tensors import safetensors

pytestmark = [pytest.mark.fault(13), pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's peak of memory")]

MAX_BYTES = 200 << 20
SCRIPT = """
import sys
from pathlib import Path
import numpy, tokenizers, safetensors.numpy
import rnngen.runs.card, rnngen.corpus.tokenizer.subword, rnngen.ngram.file, rnngen.runs.tensors
from rnngen.errors import RnngenError
from rnngen.runs.finding import open_run

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

before, outcome = peak(), "accepted"
try:
    run = open_run(Path(sys.argv[1]))
    rnngen.runs.card.make_card(run)
    run.weights()
except RnngenError as error:
    outcome = str(error)
print(peak() - before)
print(outcome)
"""

ROW = json.dumps({"step": 1, "train_nll": 1.5, "grad_norm": 0.5}) + "\n"
MERGES = MAX_VOCAB_SIZE - 256


def _vocabulary() -> bytes:
    """As many merges as a file may hold."""
    from rnngen.corpus.tokenizer import train_tokenizer
    from rnngen.corpus.tokenizer.byte import byte_alphabet

    tree = json.loads(train_tokenizer("bpe", ["a"]).to_json())
    alphabet, vocab, merges = byte_alphabet(), dict(tree["model"]["vocab"]), []
    for left in (a + b for a in alphabet for b in alphabet):
        vocab.setdefault(left, len(vocab))
        merges.append([left[0], left[1]])
    for left in list(vocab)[256:]:
        for right in alphabet[:3]:
            if len(merges) < MERGES:
                vocab[left + right] = len(vocab)
                merges.append([left, right])
    tree["model"].update(vocab=vocab, merges=merges)
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":")).encode()


WORST = {
    "header of 100 MB": lambda: {MODEL: safetensors(b"{" + b" " * (100 << 20) + b"}")},
    "header of many tensors": lambda: {
        MODEL: safetensors(
            json.dumps({f"{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(16_000)}).encode()
        )
    },
    "configuration of empty lists": lambda: {"config.json": b"[" + b"[]," * 5_500_000 + b"[]]"},
    "configuration of as many values as are allowed": lambda: {"config.json": b"[" + b"{}," * 1_040_000 + b"{}]"},
    "configuration of one wide text": lambda: {"config.json": '["{}"]'.format("😀" * 4_000_000).encode()},
    "vocabulary of one wide text": lambda: {"tokenizer.json": '["é{}"]'.format("x" * (33_000_000)).encode()},
    "vocabulary that is too large": lambda: {"tokenizer.json": b"[" + b"1," * 60_000_000 + b"1]"},
    "as many merges as are allowed": lambda: {"tokenizer.json": _vocabulary()},
    "metrics of a long run": lambda: {"metrics.jsonl": ROW.encode() * 300_000},
}
QUICK = ("header of 100 MB",)


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in WORST]
)
def test_a_hostile_file_costs_little_memory(trained: Path, name: str) -> None:
    rewrite(trained, WORST[name]())
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", SCRIPT, str(trained)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    grown, outcome = done.stdout.splitlines()
    assert int(grown) < MAX_BYTES, outcome
