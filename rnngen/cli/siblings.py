"""``rnngen train --seeds``: sibling runs, one after the other, and what their scores come to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from rnngen.cli.console import Console
from rnngen.errors import UsageError
from rnngen.evaluation.scores import kind_of_score
from rnngen.options.given import Given
from rnngen.options.invocation import Invocation
from rnngen.platforms import quote_argument
from rnngen.runs.siblings import Spread, free_base, sibling_folder

if TYPE_CHECKING:
    from rnngen.cli.preparation import Preparation
    from rnngen.training.events import Finished
    from rnngen.training.launched import Launched
    from rnngen.training.siblings import Sibling

Train = Callable[[Callable[["Preparation"], "Launched"]], "Finished"]


def train_siblings(
    console: Console, options: Mapping[str, Any], invocation: Invocation, started: float, train: Train
) -> None:
    """Train a run for each seed, or go on where the same command was stopped; then show how their scores differ.

    Args:
        console: of the command.
        options: of training.
        invocation: with the seeds.
        started: ``time.perf_counter()`` from which ``minutes`` counts, for the first.
        train: trains what a function prepares to its end, and shows that.

    Raises:
        UsageError: ``seed`` is given too, or the siblings were begun with other options.
    """
    given = Given.of(options)
    if "seed" in given:
        raise UsageError("`seed` and `seeds` cannot both be given", expected="one of them")
    base = invocation.out or _free_base(given)
    scores: dict[int, dict[str, Any]] = {}
    try:
        for seed, finished in _trained(console, given, invocation, started, train, base):
            scores[seed] = finished
    except (KeyboardInterrupt, SystemExit, typer.Exit):
        named = "" if invocation.out else f" with --out {quote_argument(str(base))}"
        number = f"{len(scores)} of {len(invocation.sibling_seeds)} siblings"
        console.note(f"{number} are finished. Resume with the same command{named}.")
        raise
    bidirectional = given.config.model.bidirectional
    prefix = kind_of_score(bidirectional=bidirectional).prefix
    found = Spread.of(each["best"] for each in scores.values())
    if not invocation.quiet:
        for line in _summary(scores, found, prefix):
            console.note(line)
    if invocation.json:
        console.write_json(_as_json(scores, found, f"valid_{prefix}nats_per_token".replace("-", "_")))


def _free_base(given: Given) -> Path:
    from rnngen.runs.layout import checkpoints_folder
    from rnngen.training.launch import stem_of_source

    return free_base(checkpoints_folder(), stem_of_source(given["corpus"][0]))


def _trained(
    console: Console, given: Given, invocation: Invocation, started: float, train: Train, base: Path
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each seed, and what its run came to, as soon as it is finished."""
    from rnngen.runs.card import make_card
    from rnngen.runs.finding import open_run
    from rnngen.runs.layout import MANIFEST
    from rnngen.training.siblings import Sibling, begun_siblings, config_of, group_for

    seeds = invocation.sibling_seeds
    begun = begun_siblings(base, seeds)
    group = group_for(given, invocation.init_from, list(begun.values()))
    configs = [config_of(run) for run in begun.values()]
    fingerprint = next((run.fingerprint for run in begun.values()), None)
    sibling = Sibling(group, seeds[0], configs[0] if configs else None, None, fingerprint)
    for number, seed in enumerate(seeds, start=1):
        folder = sibling_folder(base, seed)
        card = make_card(open_run(folder)) if seed in begun and (folder / MANIFEST).exists() else None
        if card is not None and card.finished:
            yield seed, {"run": str(folder), "best": card.best_nats, "step": card.best_step}
            continue
        if not invocation.quiet:
            console.note(f"Sibling {number} of {len(seeds)}: seed {seed}")
        launched: list[Launched] = []
        sibling = replace(sibling, seed=seed)
        prepare = partial(
            _prepared, launched, folder, None if seed in begun else sibling, given, invocation.init_from, started
        )
        finished = train(prepare)
        trainer = launched[0].trainer
        sibling = replace(sibling, config=sibling.config or trainer.config, corpus=trainer.corpus)
        yield seed, {"run": str(folder), "best": finished.best_nll, "step": finished.best_step}


def _prepared(
    launched: list[Launched],
    folder: Path,
    sibling: Sibling | None,
    given: Given,
    init_from: Path | None,
    started: float,
    preparation: Preparation,
) -> Launched:
    """A trainer of a new sibling or, if there is none, of the run in the folder; it is noted in ``launched`` too."""
    from rnngen.training import launch

    if sibling is None:
        launched.append(launch.resume(folder, on_progress=preparation))
    else:
        launched.append(
            launch.launch(
                given, out=folder, init_from=init_from, sibling=sibling, started=started, on_progress=preparation
            )
        )
    return launched[0]


def _summary(scores: Mapping[int, Mapping[str, Any]], found: Spread | None, prefix: str) -> list[str]:
    lines = [f"{len(scores)} siblings that differ in their seed; best validation, {prefix}nats per token:"]
    for seed, each in scores.items():
        best = "none" if each["best"] is None else f"{each['best']:.4f} at step {each['step']:,}"
        lines.append(f"  seed {seed:<6} {best:<24} {each['run']}")
    if found is not None:
        lines.append(f"  {found.in_words(f'{prefix}nats per token')}")
    runs = " ".join(quote_argument(each["run"]) for each in scores.values())
    return [*lines, *([f"  rnngen inspect --compare {runs}"] if len(scores) > 1 else [])]


def _as_json(scores: Mapping[int, Mapping[str, Any]], found: Spread | None, key: str) -> dict[str, Any]:
    runs = [
        {"run": each["run"], "seed": seed, key: each["best"], "best_step": each["step"]}
        for seed, each in scores.items()
    ]
    return {"siblings": runs, key: asdict(found) if found else None}
