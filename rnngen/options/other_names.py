"""Names that other programs use for commands, options and values, and the closest match to a misspelled name.

Used when a name does not exist, to suggest the one that was meant. The options are those of char-rnn, torch-rnn,
textgenrnn, nanoGPT, PyTorch's word_language_model, AWD-LSTM, Hugging Face and llama.cpp. Names are compared without
hyphens, underscores and case, so each is listed once.
"""

from __future__ import annotations

from collections.abc import Iterable

COMMANDS: dict[str, dict[str, str]] = {
    "rnngen": {
        "sample": "generate gen write complete continue predict run go text",
        "train": "learn fit start new init finetune pretrain",
        "train --resume": "resume restart",
        "eval": "test evaluate evaluation score perplexity ppl validate benchmark bench",
        "runs": "list ls models checkpoints history",
        "inspect": "show info describe summary card stats status",
        "inspect gates": "gates units",
        "inspect gradients": "gradients gradient",
        "demo": "experiment experiments example examples lecture",
        "fill": "infill mask gaps",
        "report": "plot graph page html",
        "verify": "check fsck integrity doctor",
        "rm": "remove delete del",
        "prune": "clean gc cleanup clear free",
        "corpus get": "download dataset data fetch",
        "sample --interactive": "chat interactive repl",
        "--version": "version",
    },
    "rnngen inspect": {
        "gradients": "gradient grads grad flow gradientflow vanishing",
        "gates": "gate unit units cells neurons saturation",
        "memory": "recall remember forget distance dependency dependencies",
        "card": "info show summary",
    },
    "rnngen corpus": {
        "build": "make create new",
        "get": "download fetch pull load",
        "list": "ls all available names",
        "info": "show stats describe facts inspect count",
        "build pydoc": "pydoc",
    },
    "rnngen cache": {"list": "ls show du", "prune": "clean clear remove rm purge delete empty"},
}
"""Group → what to type after it → other names for that."""

_RUN = "The run is the first argument: rnngen {command} RUN."
_RUN_NAMES = "model checkpoint run checkpoint-path model-path weights ckpt load model-name-or-path init-from model-dir"
_TEXT_LAST = "The text comes after the run: rnngen {command} RUN FILE."
_TEXT_NAMES = "input data file text corpus dataset input-file eval-file test-file text-file"
_TEXT_IS_FIRST = "The text is the first argument: rnngen {command} FILE."
_TEXT_FIRST = _TEXT_IS_FIRST.format(command="train")
_HELP = {"--help": "help-all usage man options"}
_NOTES = {"Notes are shown unless --quiet is given.": "verbose debug v log-level print-every log-interval", **_HELP}
_DEVICES = {"--device cuda": "gpu cuda use-gpu gpus gpu-id", "--device cpu": "cpu no-cuda no-gpu",
            "--device mps": "mps metal"}  # fmt: skip

OPTIONS: dict[str, dict[str, str]] = {
    "": {"--version": "v ver V", **_HELP},
    "train": {
        "--learning-rate": "lr eta base-lr initial-lr rate",
        "--muon-learning-rate": "muon-lr matrix-lr",
        "--epochs": "epoch max-epochs num-epochs n-epochs num-train-epochs nb-epoch ep",
        "--steps": "max-steps iterations max-iters num-steps iters max-iterations train-steps num-iterations n-iter it",
        "--minutes": "time max-time time-limit duration minute max-minutes timeout budget",
        "--size": "model-size preset-size",
        "--hidden-size": "hidden rnn-size hidden-dim units hidden-units nhid n-hidden lstm-size d-model dim num-units "
        "num-hidden state-size",
        "--embedding-size": "embedding emsize embed-size embedding-dim embed-dim wordvec-size n-embd dim-embeddings "
        "emb-size",
        "--num-layers": "layers num-layer n-layers n-layer rnn-layers depth num-hidden-layers",
        "--cell": "type arch model model-type rnn-type cell-type architecture rnn unit-type rnn-cell",
        "--cell lstm": "lstm",
        "--cell gru": "gru",
        "--nonlinearity": "activation act nonlin activation-function",
        "--bidirectional": "bidi rnn-bidirectional birnn bi",
        "--tied": "tie tie-weights weight-tying tie-embeddings",
        "--initialization": "initializer weight-init",
        "--gain": "spectral-radius init-gain recurrent-gain",
        "--hidden-dropout": "dropouth layer-dropout",
        "--input-dropout": "dropouti",
        "--embedding-dropout": "dropoute embed-dropout",
        "--weight-dropout": "wdrop recurrent-dropout",
        "--dropout": "drop dropout-rate p-drop",
        "--batch-size": "batch bs batchsize per-device-train-batch-size mini-batch-size streams",
        "--bptt": "seq-length seq-len block-size sequence-length context-length context-size window num-unroll "
        "unroll max-seq-length chunk-size ctx-size",
        "--clip": "grad-clip max-grad-norm gradient-clip clip-norm gradient-clipping clip-grad",
        "--optimizer": "optim opt optimiser algorithm",
        "--weight-decay": "wd wdecay l2 decay-rate",
        "--warmup": "warmup-ratio warmup-steps warmup-iters",
        "--decay": "scheduler lr-scheduler lr-scheduler-type schedule lr-decay decay-lr learning-rate-decay",
        "--ema": "ema-decay averaging",
        "--activation-regularization": "ar alpha",
        "--temporal-activation-regularization": "tar beta",
        "--patience": "early-stopping early-stopping-patience early-stop",
        "--tokenizer": "level tokens token-level tokenization vocab-type",
        "--tokenizer word": "word-level words word",
        "--tokenizer char": "char-level chars char",
        "--tokenizer byte": "byte-level bytes byte",
        "--tokenizer bpe": "bpe subword",
        "--min-count": "min-freq min-frequency min-occurrences cutoff rare",
        "--normalize": "normalization normalizer unicode-form nfc nfkc",
        "--normalize lower": "lowercase lower uncased do-lower-case",
        "--vocab-size": "vocab vocabulary vocabulary-size max-words num-tokens max-vocab",
        "--valid": "val validation val-file validation-file valid-file dev eval-file",
        "--test": "test-file",
        "--split": "val-frac train-frac validation-split val-split val-size test-size train-split fractions",
        "--encoding": "charset codec file-encoding",
        "--errors": "encoding-errors on-error",
        "--text-field": "text-column text-key field column",
        "--valid-every": "eval-every eval-interval eval-val-every eval-steps validate-every val-every",
        "--valid-tokens": "eval-iters eval-tokens",
        "--save-every": "checkpoint-every save-interval save-steps checkpoint-interval save-freq",
        "--sample-every": "gen-epochs sample-interval sample-freq",
        "--out": "output out-dir save output-dir checkpoint-dir savefile checkpoint-name save-dir model-dir o name dir "
        "model-name checkpoint save-path run-dir run",
        "--resume": "continue resume-from-checkpoint resume-from restart load",
        "--init-from": "finetune init pretrained base-model model-name-or-path start-from weights from",
        "--config": "config-file cfg settings options-file yaml toml",
        "--seed": "random-seed manual-seed rng",
        "--threads": "num-threads workers cores n-threads num-workers",
        "--precision": "dtype amp",
        "--precision bf16": "bf16 bfloat16 fp16 half mixed-precision",
        "--precision float32": "fp32 float32",
        "--ngram": "ngrams n-gram ngram-order",
        "--quiet": "silent s no-progress",
        "--json": "as-json json-output",
        _TEXT_FIRST: "input data file text corpus train dataset train-file "
        "data-dir input-file train-data input-txt data-path files i f",
        **_DEVICES, **_NOTES,
    },
    "sample": {
        "--length": "max-length max-tokens num-tokens max-new-tokens n-predict max-gen-length tokens num-chars "
        "chars characters len l size num-words n-words words max-len n-tokens",
        "--num-samples": "n count samples number num num-return-sequences n-samples best-of batch-size",
        "--prompt": "prime start seed-text primetext start-text prefix text input context primer starting-text "
        "start-string initial-text begin",
        "--prompt-file": "file f input-file",
        "--temperature": "temp sampling-temperature diversity",
        "--temperature 0": "greedy argmax no-sample",
        "--top-k": "k topk top-n",
        "--top-p": "nucleus p-nucleus",
        "--typical": "typical-p",
        "--repetition-penalty": "repeat-penalty penalty",
        "--repetition-window": "repeat-last-n repeat-window",
        "--beam": "num-beams beam-width beam-size beams beam-search",
        "--stop": "stop-sequence stop-text end eos stop-string stop-word",
        "--until": "until-line stop-at",
        "--ban": "bad-words exclude forbid without",
        "--force": "force-words",
        "--seed": "random-seed manual-seed rng",
        "--interactive": "chat repl shell",
        "--show-probs": "probs logprobs color colour colors show-probabilities probabilities surprisal",
        "--quiet": "silent s no-progress",
        _RUN: _RUN_NAMES, **_DEVICES, **_NOTES,
        "To keep the text, write: rnngen sample > FILE.": "out output o save out-file output-file",
    },
    "eval": {
        "--part": "split subset on",
        "--part valid": "valid val validation dev",
        "--part test": "test",
        "--part train": "train",
        "--spot": "surprising find-errors proofread unexpected",
        "--gaps": "mask masked words num-gaps cloze",
        "--against": "compare versus vs baseline other",
        "--ngram": "mix mixture ngrams n-gram",
        "--quiet": "silent s no-progress",
        _RUN: _RUN_NAMES, _TEXT_LAST: _TEXT_NAMES, **_DEVICES, **_NOTES,
    },
    "fill": {
        "--num-fills": "num-samples count samples number top-k k n-fills num",
        "--beam": "num-beams beam-width beam-size",
        "--longest": "max-length length max-tokens max-gap",
        "--temperature": "temp",
        "--seed": "random-seed manual-seed rng",
        "--quiet": "silent s no-progress",
        'The run comes before the text: rnngen fill RUN "a text with a ___ in it".': _RUN_NAMES,
        'The text comes last: rnngen fill RUN "a text with a ___ in it".': "text input prompt sentence",
        **_NOTES,
    },
    "inspect card": {"--compare": "vs versus with diff", "--against": "x axis x-axis by versus-time",
                     "--test": "eval score scores evaluate", "--text": "input data file corpus",
                     "--picture": "plot png svg chart image figure out",
                     _RUN.replace("{command}", "inspect"): _RUN_NAMES, **_HELP},
    "inspect gradients": {"--lags": "length steps max-lag lag back", "--text": "input data file corpus",
                          "--fresh": "untrained random init before", "--picture": "plot chart image save out",
                          _RUN: _RUN_NAMES, **_HELP},
    "inspect gates": {"--length": "tokens max-length num-tokens", "--shown": "show width display",
                      "--unit": "units neuron cell", "--text": "input data file corpus",
                      "--fresh": "untrained random init before", _RUN: _RUN_NAMES, **_HELP},
    "inspect memory": {"--examples": "lines samples count n", "--text": "input data file corpus",
                       "--fresh": "untrained random init before", "--picture": "plot chart image save out",
                       _RUN: _RUN_NAMES, **_HELP},
    "demo gradients": {"--out": "output o out-dir folder dir save", "--text": "input data file corpus",
                       "--steps": "iterations max-steps epochs", "--hidden-size": "units hidden size",
                       "--picture": "plot chart image", **_HELP},
    "report": {"--out": "output o out-file file html save", "--text": "input data corpus",
               "The runs are arguments: rnngen report RUN.": _RUN_NAMES + " runs", **_NOTES},
    "runs": {"A run is shown by: rnngen inspect RUN.": _RUN_NAMES, **_HELP},
    "verify": {_RUN: _RUN_NAMES, **_NOTES},
    "rm": {"--yes": "force f no-confirm assume-yes", _RUN: _RUN_NAMES, **_HELP},
    "prune": {"--yes": "force f no-confirm assume-yes", "--dry-run": "n preview simulate", _RUN: _RUN_NAMES, **_HELP},
    "corpus build": {"--out": "output o out-file file save", "--distance": "gap length delay lag",
                     "--size": "lines examples samples count n", "--kinds": "symbols letters brackets", **_HELP},
    "corpus get": {"--out": "output o out-dir folder dir save to", **_NOTES},
    "corpus list": _HELP,
    "corpus info": {_TEXT_IS_FIRST.format(command="corpus info"): _TEXT_NAMES, **_NOTES},
    "cache list": _HELP,
    "cache prune": {"--yes": "force f no-confirm assume-yes", "--dry-run": "n preview simulate", "--all": "everything",
                    **_HELP},
}  # fmt: skip
"""Command → its option, with or without a value, or a sentence that says what to type → other names for that."""

VALUES: dict[str, dict[str, str]] = {
    "tokenizer": {"char": "character letter letters char-level", "byte": "utf8 utf-8 raw", "word": "word-level token",
                  "words-closed": "closed closed-vocabulary words whitespace split eos",
                  "bpe": "subword sentencepiece wordpiece tokens unigram"},
    "size": {"tiny": "xs nano mini", "small": "s base default", "medium": "m med middle", "large": "l big huge xl xxl"},
    "cell": {"rnn": "vanilla elman simple simplernn tanh", "lstm": "long"},
    "part": {"valid": "val validation dev", "test": "testing", "train": "training"},
    "precision": {"float32": "fp32 32 float full single f32", "bf16": "bfloat16 half fp16 16 float16 mixed f16 amp"},
    "device": {"cuda": "gpu nvidia", "cuda:0": "gpu0 gpu:0 0", "mps": "metal apple", "cpu": "processor host none"},
    "optimizer": {"muon": "adam adamw", "asgd": "sgd ntasgd momentum"},
    "decay": {"none": "constant off no flat", "linear": "lin", "cosine": "cos"},
    "nonlinearity": {"sigmoid": "logistic", "identity": "linear none"},
    "initialization": {"uniform": "random", "orthogonal": "orth"},
    "errors": {"replace": "ignore skip"},
    "clip": {"0": "none off no never inf infinity false"},
    "until": {"line": "newline eol", "sentence": "period dot", "paragraph": "par empty-line block"},
    "preset": {"awd-lstm": "ptb penn-treebank", "awd-lstm-wt2": "wikitext wt2 wikitext-2"},
}  # fmt: skip
"""Option → its value → other names for that."""


def command_meant(group: str, word: str, known: Iterable[str]) -> str | None:
    """What to type after the words of ``group`` instead of an unknown command; None: unknown."""
    return _listed(COMMANDS.get(group, {}), word) or closest(word, known)


def other_option(command: str, name: str) -> str | None:
    """The option of a command that another program calls ``name``, or a sentence; None: unknown.

    Args:
        command: the words after ``rnngen``.
        name: the option, with or without its hyphens.
    """
    found = _listed(OPTIONS.get(command, {}), name)
    return found and found.replace("{command}", command)


def other_key(name: str) -> str | None:
    """The training option that another program calls ``name``, as ``name`` or ``name=value``; None: unknown."""
    found = other_option("train", name)
    if found is None or found == "--help":
        return None
    option, _, value = found.removeprefix("--").partition(" ")
    if found == _TEXT_FIRST:
        return "corpus"
    if not found.startswith("--"):
        return None
    name = option.replace("-", "_")
    return f"{name}={value}" if value else name


def value_meant(option: str, value: str, choices: Iterable[str]) -> str | None:
    """The value of an option that was meant by an invalid one; None: unknown. A number has no choices."""
    choices = list(choices)
    found = _listed(VALUES.get(option, {}), value)
    return found if found in choices or not choices else closest(value, choices)


def closest(word: str, known: Iterable[str]) -> str | None:
    """The name that a misspelled or abbreviated one most likely stands for; None: unknown."""
    from difflib import get_close_matches

    names = {squeezed(name): name for name in known}
    word = squeezed(word)[:100]
    begun = [name for name in names if len(word) > 2 and name.startswith(word)]
    found = [word] if word in names else begun if len(begun) == 1 else get_close_matches(word, names, 1, 0.7)
    return names[found[0]] if found else None


def _listed(table: dict[str, str], word: str) -> str | None:
    word = squeezed(word)
    return next((ours for ours, others in table.items() if word in map(squeezed, others.split())), None)


def squeezed(name: str) -> str:
    """A name without hyphens, underscores and case, as names are compared."""
    return name.replace("-", "").replace("_", "").lower()
