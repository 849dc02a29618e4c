"""The options of a training run, except those of its network: text, optimizer, training loop, and length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rnngen.errors import UsageError
from rnngen.options.declare import Options, declared, invalid, option
from rnngen.options.document_rules import check_documents
from rnngen.options.encodings import LIKELY as LIKELY_ENCODINGS
from rnngen.options.encodings import is_encoding
from rnngen.options.option import COMMON

TEXT, LEARNING, RUN = "Text", "Learning", "Run"
"""Headings of the command's help."""

MAX_VOCAB_SIZE = 200_000
"""Of every tokenizer: a ``tokenizer.json`` of this size is read within 200 MB. Unicode has 160,000 characters."""
MAX_WINDOW = 1 << 16
"""The maximum of the streams, and of the steps, of a window of text."""
MAX_FACTOR = 1e30
"""What multiplies weights and gradients in float32 has to be representable there."""

Precision = Literal["auto", "float32", "bf16"]


class CorpusConfig(Options):
    """The text to train on."""

    corpus: Sequence[str] = option((), "Files, folders, globs, or - for standard input.", panel="Arguments")


class SplitConfig(Options):
    """How a text is divided into parts and into tokens."""

    valid: Sequence[str] = option(
        (), "Validate on this file instead of a share of the corpus.", panel=COMMON, metavar="FILE"
    )
    test: Sequence[str] = option(
        (), "Keep this file for eval instead of a share of the corpus.", panel=TEXT, metavar="FILE"
    )
    split: Sequence[float] = option(
        (0.9, 0.05, 0.05),
        "Fractions for training, validation and test: in the order of the text, or of documents chosen at random.",
        panel=TEXT,
        metavar="F,F[,F]",
        default_text="0.9,0.05,0.05",
    )
    split_seed: int = option(0, "Seed of the choice of documents for each part.", panel=TEXT, minimum=0)
    documents: str | None = option(
        None,
        "What is a text by itself: none, files, lines, paragraphs, or what stands between two of a SEPARATOR.",
        panel=COMMON,
        metavar="none|files|lines|paragraphs|SEPARATOR",
        default_text="lines of a list, rows of a table, else none",
    )
    encoding: str = option(
        "utf-8",
        "Encoding of the files, as in cp1252, gb18030 or utf-16; auto: chosen for each file.",
        panel=TEXT,
        likely=LIKELY_ENCODINGS,
    )
    errors: Literal["strict", "replace", "skip"] = option(
        "strict",
        "What to do with invalid bytes and broken rows: stop; replace (put U+FFFD); skip (leave out the line or row).",
        panel=TEXT,
    )
    text_field: str | None = option(
        None,
        "Field with the text in JSON Lines, CSV and tables; dots reach into objects.",
        panel=TEXT,
        minimum=1,
        metavar="NAME",
        default_text="text, or the only one",
    )
    label_field: str | None = option(
        None,
        "Field with the label of a row, such as its genre, which the network reads before the text.",
        panel=TEXT,
        minimum=1,
        metavar="NAME",
    )
    tokenizer: Literal["char", "byte", "word", "words-closed", "bpe"] = option("char", "What a token is.", panel=COMMON)
    vocab_size: int | None = option(
        None,
        "Maximum vocabulary size.",
        panel=TEXT,
        minimum=2,
        maximum=MAX_VOCAB_SIZE,
        default_text="char, words-closed: all, word: 10000, bpe: 2000",
    )
    min_count: int = option(
        1,
        "How often a character (char), a word (word, words-closed) or a pair to be merged (bpe) has to occur in the "
        "training part to become a token.",
        panel=TEXT,
        minimum=1,
        default_text="1; word, bpe: 2",
    )
    normalize: Literal["none", "nfc", "nfkc", "lower"] = option(
        "none",
        "Unicode form of the text: nfc (composed), nfkc (composed, without variants of characters), or lower (nfc in "
        "lower case).",
        panel=TEXT,
    )

    def check(self) -> None:
        """Refuse an unknown encoding, a vocabulary that is limited for bytes, and fractions that do not sum to 1.

        Raises:
            UsageError: one of these was given.
        """
        check_encoding(self.encoding)
        if self.tokenizer == "byte" and self.vocab_size is not None:
            raise UsageError("`vocab_size` has no effect with `tokenizer=byte`: there are 256 bytes")
        check_documents(self.documents, self.label_field)
        if self.tokenizer == "byte" and self.min_count > 1:
            raise UsageError("`min_count` has no effect with `tokenizer=byte`: there are 256 bytes")
        ok = 2 <= len(self.split) <= 3 and all(0 <= f <= 1 for f in self.split)
        if not ok or self.split[0] == 0 or abs(sum(self.split) - 1) > 1e-6:
            raise UsageError(
                "invalid value for `split`",
                expected="two or three fractions that sum to 1 (train,valid[,test])",
                found=",".join(map(str, self.split)),
            )


def check_encoding(encoding: str) -> None:
    """Refuse a name that is no text encoding of files.

    Raises:
        UsageError: with the name that may be meant.
    """
    if not is_encoding(encoding):
        expected = "auto or an encoding of text files, such as utf-8, cp1252 or gb18030"
        raise invalid(declared(SplitConfig)["encoding"], encoding, expected)


class DataConfig(SplitConfig, CorpusConfig):
    """The text, and how it is divided."""


class OptimizerConfig(Options):
    """How a gradient becomes a step."""

    optimizer: Literal["muon", "asgd"] = option(
        "muon",
        "muon (Muon and AdamW, with an exponential average of the weights) or asgd (SGD, averaged once "
        "validation stops improving: NT-ASGD).",
        panel=LEARNING,
    )
    learning_rate: float = option(
        1e-2,
        "Peak learning rate of AdamW (embedding, softmax, biases), or of asgd.",
        panel=LEARNING,
        above=0,
        maximum=MAX_FACTOR,
        default_text="0.01, more for few steps",
    )
    muon_learning_rate: float = option(
        0.02,
        "Peak learning rate of Muon (recurrent matrices).",
        panel=LEARNING,
        above=0,
        maximum=MAX_FACTOR,
        default_text="0.02, more for few steps",
    )
    weight_decay: float = option(
        0.02,
        "Weight decay of the matrices.",
        panel=LEARNING,
        minimum=0,
        maximum=MAX_FACTOR,
        default_text="0.02, more with more epochs",
    )
    history_decay: float = option(
        0.4,
        "Weight decay of the embeddings of n-grams, with muon.",
        panel=LEARNING,
        minimum=0,
        maximum=MAX_FACTOR,
        default_text="follows from the steps per epoch",
    )
    clip: float = option(1.0, "Maximum norm of the gradient; 0: none.", panel=LEARNING, minimum=0, maximum=MAX_FACTOR)
    warmup: float = option(
        0.02, "Warm-up: fraction of the steps in which the learning rate rises.", panel=LEARNING, minimum=0, below=1
    )
    decay: Literal["linear", "cosine", "none"] = option(
        "linear", "Learning-rate schedule after warm-up.", panel=LEARNING
    )
    ema: float = option(
        0.98,
        "Decay of the weight average that is validated and kept, with muon; 0: none.",
        panel=LEARNING,
        minimum=0,
        below=1,
        default_text="0.98, more for many steps",
    )
    nonmono: int = option(
        5, "With asgd: validations without improvement before averaging begins.", panel=LEARNING, minimum=1
    )
    activation_regularization: float = option(
        0.0,
        "Weight in the loss of the last layer's squared output (AR).",
        panel=LEARNING,
        minimum=0,
        maximum=MAX_FACTOR,
    )
    temporal_activation_regularization: float = option(
        0.0,
        "Weight in the loss of the squared change of that output from step to step (TAR).",
        panel=LEARNING,
        minimum=0,
        maximum=MAX_FACTOR,
    )


class TrainConfig(Options):
    """The training loop: batch size, length, how far gradients reach, how often to validate and save."""

    batch_size: int = option(
        32,
        "Batch size: parallel streams of text.",
        panel=LEARNING,
        minimum=1,
        maximum=MAX_WINDOW,
        default_text="32, fewer for short texts, more for long runs",
    )
    bptt: int = option(
        64, "Steps that a gradient reaches back (truncated BPTT).", panel=LEARNING, minimum=1, maximum=MAX_WINDOW
    )
    bptt_jitter: float = option(
        0.0,
        "Standard deviation of the window length around `bptt`; 0: all alike.",
        panel=LEARNING,
        minimum=0,
        maximum=1000,
    )
    contiguous: int = option(
        0,
        "Windows that a stream reads in a row before it goes on elsewhere, with a new state; 0: the text in order.",
        panel=LEARNING,
        minimum=0,
        maximum=MAX_WINDOW,
        default_text="4; with documents: 0",
    )
    steps: int = option(
        1000, "Number of optimizer steps.", panel=COMMON, minimum=1, default_text="follows from `minutes`"
    )
    valid_every: int = option(100, "Steps between validations.", panel=RUN, minimum=1, default_text="by measurement")
    valid_tokens: int | None = option(
        None,
        "Tokens of the validation part that each validation reads.",
        panel=RUN,
        minimum=1,
        default_text="all, fewer of a long one",
    )
    save_every: int = option(
        200, "Steps between saves.", panel=RUN, minimum=1, default_text="about a minute, less for short runs"
    )
    sample_every: int = option(200, "Steps between samples; 0: none.", panel=RUN, minimum=0, default_text="8 per run")
    patience: int = option(10, "Stop after this many validations without improvement; 0: never.", panel=RUN, minimum=0)
    on_spike: Literal["rollback", "skip", "ignore"] = option(
        "rollback",
        "When the loss jumps: rollback (if the weights have gone astray, go back to the last good ones), skip (also "
        "learn nothing from a batch that is to blame itself), or ignore.",
        panel=RUN,
    )
    max_spikes: int = option(
        3, "Stop if the weights go astray more often than this within a few steps.", panel=RUN, minimum=0
    )
    seed: int = option(0, "Seed of initial weights, dropout and reading order.", panel=LEARNING, minimum=0, common=True)
    ngram: int = option(
        0,
        "After training, count n-grams up to this order, for sample --ngram and eval --ngram; 0: none.",
        panel=LEARNING,
        minimum=0,
        maximum=16,
    )
    device: str = option(
        "auto",
        "auto, cpu, mps, cuda or cuda:N.",
        panel=RUN,
        pattern=r"auto|cpu|mps|cuda(:[0-9]{1,4})?",
        expected="auto, cpu, mps, cuda or cuda:N",
        likely=("auto", "cpu", "mps", "cuda", "cuda:0"),
    )
    precision: Precision = option("auto", "Arithmetic; auto times a few steps of each.", panel=RUN)
    threads: int | None = option(
        None,
        "CPU threads.",
        panel=RUN,
        minimum=1,
        maximum=4096,
        default_text="all, fewer while other programs are busy",
    )
