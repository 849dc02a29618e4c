"""Names that other programs use for commands, options and values, and the closest match to a misspelled name.

Used when a name does not exist, to suggest the one that was meant. Names are compared without hyphens, underscores and
case, so each is listed once.
"""

from __future__ import annotations

from collections.abc import Iterable

from rnngen.options.other_option_names import EVERYWHERE, OPTIONS, TEXT_FIRST

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

VALUES: dict[str, dict[str, str]] = {
    "tokenizer": {"char": "character letter letters char-level", "byte": "utf8 utf-8 raw",
                  "word": "word-level words token", "words-closed": "closed closed-vocabulary whitespace split eos",
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
    return listed(COMMANDS.get(group, {}), word) or closest(word, known)


def other_option(command: str, name: str) -> str | None:
    """The option of a command that another program calls ``name``, or a sentence; None: unknown.

    Args:
        command: the words after ``rnngen``.
        name: the option, with or without its hyphens.
    """
    found = listed(OPTIONS.get(command, {}), name) or listed(EVERYWHERE, name)
    return found and found.replace("{command}", command)


def other_key(name: str) -> str | None:
    """The training option that another program calls ``name``, as ``name`` or ``name=value``; None: unknown."""
    found = other_option("train", name)
    if found is None or found == "--help":
        return None
    option, _, value = found.removeprefix("--").partition(" ")
    if found == TEXT_FIRST:
        return "corpus"
    if not found.startswith("--"):
        return None
    name = option.replace("-", "_")
    return f"{name}={value}" if value else name


def value_meant(option: str, value: str, choices: Iterable[str]) -> str | None:
    """The value of an option that was meant by an invalid one; None: unknown. A number has no choices."""
    choices = list(choices)
    found = listed(VALUES.get(option, {}), value)
    return found if found in choices or not choices else closest(value, choices)


def closest(word: str, known: Iterable[str]) -> str | None:
    """The name that a misspelled or abbreviated one most likely stands for; None: unknown."""
    from difflib import get_close_matches

    names = {squeezed(name): name for name in known}
    word = squeezed(word)[:100]
    begun = [name for name in names if len(word) > 2 and name.startswith(word)]
    found = [word] if word in names else begun if len(begun) == 1 else get_close_matches(word, names, 1, 0.7)
    return names[found[0]] if found else None


def listed(table: dict[str, str], word: str) -> str | None:
    """The entry of a table that has a word among its other names; None: none has."""
    word = squeezed(word)
    return next((ours for ours, others in table.items() if word in map(squeezed, others.split())), None)


def squeezed(name: str) -> str:
    """A name without hyphens, underscores and case, as names are compared."""
    return name.replace("-", "").replace("_", "").lower()
