"""``rnngen demo clipping``: the same network explodes without clipping, and learns with it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from rnngen.cli.declared import takes_options
from rnngen.cli.demo.parameters import OwnText, Scale
from rnngen.cli.demo.training import trained
from rnngen.cli.parameters import AsJson
from rnngen.cli.pictures import Picture, check_picture
from rnngen.cli.training import as_json_object, charts
from rnngen.platforms import quote_argument

if TYPE_CHECKING:
    from rnngen.cli.console import Console
    from rnngen.runs.run import Run
    from rnngen.runs.steps import Steps

FOLDER = "checkpoints/demo-clipping"
END = 20  # last steps, whose mean loss is that of the end


class Result(NamedTuple):
    """What became of a network.

    Attributes:
        name: of its folder.
        steps: all of them.
        validations: nats per token on the validation part, in order.
        guess: nats per token of a guess among all tokens.
    """

    name: str
    steps: Steps
    validations: list[float]
    guess: float

    @property
    def end(self) -> float:
        """Mean loss of the last steps, in nats per token."""
        return float(self.steps.losses[-END:].mean()) if len(self.steps.losses) else math.nan

    @property
    def highest(self) -> float:
        """The highest loss, in nats per token."""
        return float(self.steps.losses.max(initial=0))

    @property
    def largest_norm(self) -> float:
        """The largest ‖∇θ‖ before clipping."""
        return float(self.steps.norms.max(initial=0))

    @property
    def diverged(self) -> bool:
        """Whether it failed, or ended worse than a guess."""
        return self.steps.failure is not None or not self.end < self.guess


@takes_options()
def clipping_command(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option(help=f"Folder of the runs. [default: {FOLDER}]")] = None,
    text: OwnText = None,
    *,
    scale: Scale,
    picture: Picture = None,
    as_json: AsJson = False,
) -> None:
    """Train an RNN with and without clipping.

    Both begin with the same weights and read the same text by plain gradient descent with a high learning rate, which
    takes a minute the first time. Loss and gradient norm of every step are shown, and what became of each.
    """
    from rnngen.demos.clipping import NETWORKS
    from rnngen.demos.texts import pydoc

    console: Console = context.obj
    folder = out or Path(FOLDER)
    check_picture(picture)
    networks = {name: scale.over(options) for name, options in NETWORKS.items()}
    runs = trained(console, folder, text or pydoc(folder), networks, may_fail=True)
    results = [_result(name, run) for name, run in runs.items()]
    if picture is not None:
        from rnngen.rendering.pictures import write_picture
        from rnngen.rendering.training_chart import training_chart

        title = "The same network with and without clipping"
        write_picture(training_chart([(each.name, each.steps) for each in results]), title, picture)
    if as_json:
        console.write_json({"runs": [_as_json(each) for each in results]})
        return
    console.write(charts([(each.name, each.steps) for each in results]))
    console.write(console.table(_table(results)) + "\n")
    for sentence in sentences(*results):
        console.write(console.filled(sentence))
    names = " ".join(quote_argument(str(folder / each.name)) for each in results)
    console.write(f"\nMore of each: rnngen inspect training {names}\n")


def _result(name: str, run: Run) -> Result:
    from rnngen.runs.metrics import read_metrics
    from rnngen.runs.steps import read_steps

    validations = [each.nll for each in read_metrics(run).validations]
    return Result(name, read_steps(run), validations, math.log(run.tokenizer().vocab_size))


def _as_json(result: Result) -> dict[str, Any]:
    return {
        "name": result.name,
        "diverged": result.diverged,
        "loss_at_the_end": result.end if math.isfinite(result.end) else None,
        "loss_of_a_guess": result.guess,
        "validations": result.validations,
        **as_json_object(result.steps),
    }


def _table(results: list[Result]) -> list[list[str]]:
    def row(name: str, values: list[float]) -> list[str]:
        return [name, *(f"{value:.4g}" for value in values)]

    def first(values: Any) -> float:
        return float(values[0]) if len(values) else math.nan

    return [
        ["", *(result.name for result in results)],
        row("loss of the first step", [first(result.steps.losses) for result in results]),
        row("highest loss", [result.highest for result in results]),
        row(f"mean loss of the last {END}", [result.end for result in results]),
        row("validation at the end", [first(result.validations[-1:]) for result in results]),
        row("median gradient norm", [first(result.steps.norms) and _median(result) for result in results]),
        row("largest gradient norm", [result.largest_norm for result in results]),
        ["clipped steps", *(f"{result.steps.clipped:,} of {len(result.steps.numbers):,}" for result in results)],
    ]


def _median(result: Result) -> float:
    import statistics

    return float(statistics.median(result.steps.norms)) if len(result.steps.norms) else math.nan


def sentences(clipped: Result, unclipped: Result) -> list[str]:
    """What happened, as the figures say it."""
    said = [f"A guess among all tokens costs {clipped.guess:.2f} nats per token."]
    said.append(f"With the gradient clipped at {clipped.steps.clip:g}, {_fate(clipped)}.")
    peak = ""
    if len(unclipped.steps.norms):
        place = int(unclipped.steps.norms.argmax())
        peak = (
            f" the gradient's norm reached {unclipped.largest_norm:.3g} at step {int(unclipped.steps.numbers[place])},"
        )
    said.append(f"Without clipping{peak} and {_fate(unclipped)}.")
    if unclipped.diverged and not clipped.diverged:
        said.append("The same seed, text and learning rate: clipping alone has saved the run.")
    elif not unclipped.diverged:
        said.append("It did not diverge here, so that clipping had nothing to save.")
    else:
        said.append("Clipping was not enough here.")
    return said


def _fate(result: Result) -> str:
    if result.steps.failure:
        return f"training failed: {result.steps.failure}"
    how = "worse than a guess" if result.diverged else "better than a guess"
    return f"the loss was {result.highest:.3g} at its highest and {result.end:.3g} at the end, {how}"
