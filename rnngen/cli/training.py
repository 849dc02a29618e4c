"""``rnngen inspect training``: loss and gradient norm of every step, before and after clipping."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from rnngen.cli.mistakes import refuse_text
from rnngen.cli.parameters import AsJson, RunFolders
from rnngen.cli.pictures import Picture, check_picture

if TYPE_CHECKING:
    from rnngen.cli.console import Console
    from rnngen.runs.steps import Bin, Range, Steps

MOST = 26  # runs in one chart, each with a small letter and its capital
LARGEST = 5  # norms that are listed
BINS = 200  # of the JSON object and of the picture
LOSS_LINES, NORM_LINES = 8, 13


def training_command(
    context: typer.Context, runs: RunFolders = None, picture: Picture = None, as_json: AsJson = False
) -> None:
    """Show the loss and the gradient's norm at every step.

    With the threshold of clipping, the steps that were clipped, and what is left of their gradients. Where there are
    more steps than columns, each column has the lowest, the median and the highest of its steps: no spike is hidden.
    Runs whose training failed can be shown, too.
    """
    from rnngen.runs.finding import open_runs
    from rnngen.runs.steps import read_steps

    console: Console = context.obj
    check_picture(picture)
    for folder in runs or ():
        refuse_text(folder, "rnngen runs")
    found = [read_steps(run) for run in open_runs(runs or ())]
    if picture is not None:
        from rnngen.rendering.pictures import write_picture
        from rnngen.rendering.training_chart import training_chart

        title = "Loss, and norm of the gradient before clipping, at every step"
        write_picture(training_chart([(str(each.run), each) for each in found]), title, picture)
    if as_json:
        console.write_json({"runs": [as_json_object(each) for each in found]})
        return
    console.write(shown(console, found))


def shown(console: Console, found: Sequence[Steps]) -> str:
    """Charts and summaries of some runs."""
    return charts([(str(each.run), each) for each in found]) + "\n".join(_summary(console, each) for each in found)


def charts(runs: Sequence[tuple[str, Steps]]) -> str:
    """The losses of runs by name, and the norms below them; nothing if no run has taken a step."""
    from rnngen.cli.step_chart import ALONE, COLUMNS, axis, clipped_line, draw, marks_of
    from rnngen.rendering.palette import letter

    found = [steps for _, steps in runs]
    if not any(len(each.numbers) for each in found):
        return ""
    last = max(each.last for each in found)
    bins = [each.bins(COLUMNS, last) for each in found]
    several = len(found) > 1
    marks = [marks_of(letter(number)) if several else ALONE for number in range(min(len(found), MOST))]
    drawn = list(zip(marks, bins, (each.clip for each in found), strict=False))
    losses = [(mark, columns, math.inf) for mark, columns, _ in drawn]
    width = max(map(len, bins))
    parts = ["loss, nats per token\n", draw(losses, lambda each: each.loss, LOSS_LINES, logarithmic=_spreads(bins))]
    parts += [axis(width, last), "\nnorm of the gradient before clipping\n"]
    parts += [draw(drawn, lambda each: each.norm, NORM_LINES, logarithmic=True), axis(width, last)]
    for mark, columns, clip in drawn:
        if math.isfinite(clip):
            parts.append(clipped_line(columns, f"{mark.median} clipped" if several else "clipped"))
    if several:
        clips = any(math.isfinite(each.clip) for each in found)
        parts.append(f"a letter per run{', capital above the threshold of clipping' if clips else ''}: ")
        parts.append(", ".join(f"{mark.median} {name}" for mark, (name, _) in zip(marks, runs, strict=False)) + "\n")
        not_drawn = ", ".join(name for name, _ in runs[MOST:])
        parts.append(f"not drawn, for lack of letters: {not_drawn}\n\n" if not_drawn else "\n")
    else:
        clips = math.isfinite(found[0].clip)
        parts.append(f"● median, │ lowest to highest of a column's steps{', ░ clipped away' if clips else ''}\n")
        parts.append("clipped: · no step of a column, 1 to 9 tenths, # all\n\n" if clips else "\n")
    return "".join(parts)


def _spreads(bins: Sequence[Sequence[Bin | None]]) -> bool:
    """Whether losses are so far apart that a linear axis would show the highest only."""
    losses = [each.loss for columns in bins for each in columns if each]
    return min(each.low for each in losses) > 0 and max(e.high for e in losses) > 10 * min(e.low for e in losses)


def _summary(console: Console, steps: Steps) -> str:
    """A run's norms in a few lines, with what stands out."""
    from rnngen.runs.steps import Range, largest

    lines = [f"{steps.run}: {len(steps.numbers):,} steps"]
    if len(steps.numbers):
        norm, loss = Range.of(steps.norms), Range.of(steps.losses)
        lines[0] += f", {_clipped(steps)}"
        lines.append(f"  norm {norm.median:.3g} (median), from {norm.low:.3g} to {norm.high:.3g}")
        lines.append(f"  loss {steps.losses[0]:.4g} at the first step, {steps.losses[-1]:.4g} at the last, ")
        lines[-1] += f"{loss.low:.4g} to {loss.high:.4g} between"
        after = steps.after
        for place in largest(steps, LARGEST):
            if steps.norms[place] > 2 * norm.median:
                cut = f", {after[place]:.3g} after clipping" if steps.norms[place] > steps.clip else ""
                at = f"  step {int(steps.numbers[place]):,}: norm {steps.norms[place]:.3g}{cut}"
                lines.append(f"{at}, loss {steps.losses[place]:.4g}")
    for jump in steps.jumps[:LARGEST]:
        remedy = "the batch was skipped" if jump.back_to is None else f"back to the weights of step {jump.back_to:,}"
        lines.append(f"  step {jump.step:,}: the loss jumped; {remedy}")
    if len(steps.jumps) > LARGEST:
        lines.append(f"  {len(steps.jumps) - LARGEST:,} more jumps of the loss")
    if steps.failure:
        lines.append(console.filled(f"training failed: {steps.failure}", "  ").rstrip())
        if not len(steps.numbers):
            from rnngen.platforms import quote_argument

            lines.append("  how its untrained network multiplies gradients from step to step:")
            lines.append(f"  rnngen inspect gradients {quote_argument(str(steps.run))}")
    return "\n".join(lines) + "\n"


def _clipped(steps: Steps) -> str:
    """How many steps were clipped."""
    if not math.isfinite(steps.clip):
        return "no clipping"
    share = f"{steps.clipped:,} ({steps.clipped / len(steps.numbers):.1%})" if steps.clipped else "none"
    return f"{share} of them clipped at {steps.clip:.3g}"


def as_json_object(steps: Steps) -> dict[str, Any]:
    """A run's steps for ``--json``."""
    failure = steps.failure
    return {
        "run": str(steps.run),
        "steps": len(steps.numbers),
        "clip": steps.clip if math.isfinite(steps.clip) else None,
        "clipped": steps.clipped,
        "bins": [_bin_as_json(each) for each in steps.bins(BINS) if each],
        "jumps": [jump._asdict() for jump in steps.jumps],
        "failed": None if failure is None else {"step": failure.step, "what": failure.what, "kept": failure.kept_step},
    }


def _bin_as_json(each: Bin) -> dict[str, Any]:
    def named(values: Range) -> dict[str, float]:
        return values._asdict()

    return {
        "first": each.first,
        "last": each.last,
        "loss": named(each.loss),
        "grad_norm": named(each.norm),
        "clipped_norm": named(each.after),
        "clipped": each.clipped,
    }
