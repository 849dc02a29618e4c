"""Options of ``rnngen sample`` that only the command line has: the prompt, the engine, and what is shown."""

from __future__ import annotations

from typing import Literal

from rnngen.options.declare import Options, option

_PROMPT, _MODEL, _OUTPUT = "Prompt", "Model", "Output"


class Prompt(Options):
    """The text that is continued."""

    prompt: str | None = option(
        None, "Text to continue; - reads standard input.", panel=_PROMPT, flags=("--prompt", "-p"), common=True
    )
    prompt_file: str | None = option(  # as text: a text that was typed here by mistake may be no path
        None, "Continue this file's text.", panel=_PROMPT, metavar="FILE", common=True
    )
    prompts_file: str | None = option(
        None, "Continue each line of this file; `num_samples` texts each.", panel=_PROMPT, metavar="FILE"
    )


class Output(Options):
    """How the text is computed, and what is shown of it."""

    ngram: bool = option(
        False, "Draw from the network mixed with the run's n-gram model.", panel=_MODEL, flags=("--ngram",)
    )
    dynamic: bool = option(
        False, "Let the weights learn from the prompt before they continue it.", panel=_MODEL, flags=("--dynamic",)
    )
    device: str | None = option(
        None, "Compute with torch on auto, cpu, mps or cuda.", panel=_MODEL, default_text="with NumPy"
    )
    interactive: bool = option(
        False,
        "Write together: type, continue, retry, undo, choose among alternatives and words, save.",
        panel=_OUTPUT,
        flags=("--interactive", "-i"),
        common=True,
    )
    show_probs: bool = option(
        False, "Colour each token by its surprisal.", panel=_OUTPUT, flags=("--show-probs",), common=True
    )
    json: bool = option(
        False,
        "One JSON object per line and sample: text, seed, tokens, nats, finish reason.",
        panel=_OUTPUT,
        flags=("--json",),
        common=True,
    )
    format: Literal["lines", "jsonl", "csv"] | None = option(
        None,
        "Only the texts: lines (one per line; line ends in it become spaces), jsonl or csv, as train reads them.",
        panel=_OUTPUT,
        flags=("--format",),
    )
    quiet: bool = option(False, "No notes on standard error.", panel=_OUTPUT, flags=("--quiet", "-q"), common=True)
