"""``rnngen.load``, ``generate`` and ``load_filler``: runs that write text and fill gaps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rnngen.infilling import loading as filling
from rnngen.infilling.filler import Filler
from rnngen.infilling.gapped_text import unseen
from rnngen.options.checked import checked
from rnngen.options.keywords import takes
from rnngen.python.notes import note_on_failure, note_on_names, note_on_unseen
from rnngen.python.run import open_run
from rnngen.python.spelling import speaks_python
from rnngen.runs.run import Run
from rnngen.sampling import loading as writing
from rnngen.sampling.generator import Generator
from rnngen.sampling.options import SamplingByRun, WritingOfRun


@speaks_python
@checked
def load(
    run: str | Path | Run | None = None, *, ngram: bool = False, device: str | None = None, adapt_to: str = ""
) -> Generator:
    """Open a run for writing text: the newest complete one, unless it is given.

    Args:
        run: the run or its folder.
        ngram: write from the mixture of the network and the run's n-gram model.
        device: compute with torch on ``auto``, ``cpu``, ``cuda`` or ``mps``; by default with NumPy, which imports no
            torch and is faster on a CPU.
        adapt_to: a text that the weights learn from first, by dynamic evaluation; this imports torch.

    Raises:
        CheckpointError: there is no such run, it is damaged, or it lacks the n-gram model that was asked for.
        UsageError: an argument is invalid, or the run is bidirectional: it fills gaps (see ``rnngen.load_filler``) and
            cannot continue a text.

    Warns:
        RnngenWarning: its training failed; later, a prompt has characters that the model has never seen.
    """
    opened = open_run(run)
    weights = None
    if adapt_to:
        from rnngen.evaluation.adaptation.prompt import adapted_weights

        weights = adapted_weights(opened, adapt_to)
    generator = writing.generator_of(opened, weights, ngram=ngram, device=device)
    note_on_failure(opened)

    def note_on(prompts: Sequence[str]) -> None:
        note_on_unseen(generator.reader.unseen_in(prompts), generator.tokenizer)
        note_on_names("prompt", dict.fromkeys(prompts), "open({}).read()")

    generator.on_prompts = note_on
    return generator


@speaks_python
@takes(WritingOfRun)
@checked
def generate(
    prompt: str = "",
    *,
    run: str | Path | Run | None = None,
    ngram: bool = False,
    device: str | None = None,
    seed: int | None = None,
    **options: Any,
) -> str:
    """One continuation of a prompt by a run, as one string.

    See ``Generator.generate`` for how a prompt is read. ``rnngen.load`` opens a run once for many texts, and its
    ``generate_batch`` writes several side by side.

    Args:
        prompt: the text to continue; it is not part of the result.
        run: the run or its folder, the newest complete one by default.
        ngram: write from the mixture of the network and the run's n-gram model.
        device: compute with torch on ``auto``, ``cpu``, ``cuda`` or ``mps``; by default with NumPy, which imports no
            torch and is faster on a CPU.
        seed: of the draws; random by default. The same seed gives the same text.
        options: of sampling, as listed below.

    Raises:
        CheckpointError: there is no such run, it is damaged, or it lacks the n-gram model that was asked for.
        UsageError: an option is out of range, or the run is bidirectional.

    Warns:
        RnngenWarning: the prompt has characters that the model has never seen, which are left out.
    """
    SamplingByRun.of(options)  # before a model is read
    return "".join(load(run, ngram=ngram, device=device).generate(prompt, seed=seed, **options))


@speaks_python
@checked
def load_filler(run: str | Path | Run | None = None) -> Filler:
    """Open a run for filling gaps: the newest complete one, unless it is given.

    Args:
        run: the run or its folder.

    Raises:
        CheckpointError: there is no such run, or it is damaged.
        UsageError: it is no path.

    Warns:
        RnngenWarning: its training failed; later, a text has characters that the model has never seen.
    """
    opened = open_run(run)
    filler = filling.load_filler(opened)
    note_on_failure(opened)
    filler.on_text = lambda text: note_on_unseen(unseen(text, filler.tokenizer), filler.tokenizer)
    return filler
