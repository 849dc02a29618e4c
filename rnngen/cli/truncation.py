"""``rnngen inspect truncation``: what a gradient that stops at the window's beginning leaves out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from rnngen.cli.declared import takes_options
from rnngen.cli.inspected import inspected
from rnngen.cli.parameters import AsJson, Fresh, RunFolder, TextFile
from rnngen.cli.pictures import Picture, check_picture
from rnngen.cli.plots import write_plot
from rnngen.errors import UsageError
from rnngen.options.declare import Options, option

if TYPE_CHECKING:
    from rnngen.cli.console import Console
    from rnngen.inspection.truncation import Truncation, Windows
    from rnngen.runs.run import Run

SMALL, LARGE = 0.3, 1.0  # bias as a fraction of the noise of a batch: lost in it, and larger than it


class Span(Options):
    """How far back the gradient that is not truncated reaches."""

    span: int | None = option(
        None,
        "Tokens that the untruncated gradient reaches back: a power of 2.",
        panel="",
        minimum=4,
        maximum=4096,
        default_text="256, less in a short text",
    )

    def check(self) -> None:
        """Refuse a number that windows of 1, 2, 4, … tokens do not fill.

        Raises:
            UsageError: it is no power of 2.
        """
        if self.span is not None and self.span & (self.span - 1):
            raise UsageError("`span` is not a power of 2", expected="4, 8, 16, … or 4096", found=self.span)


class Trained(NamedTuple):
    """How a run was trained: tokens per window, and windows per batch."""

    bptt: int
    batch_size: int

    @property
    def batch(self) -> str:
        """A batch in words."""
        return f"a training batch of {self.batch_size} × {self.bptt} tokens"

    @property
    def tokens(self) -> int:
        """Per batch."""
        return self.batch_size * self.bptt


@takes_options()
def truncation_command(
    context: typer.Context,
    run: RunFolder = None,
    text: TextFile = None,
    *,
    reach: Span,
    fresh: Fresh = False,
    picture: Picture = None,
    as_json: AsJson = False,
) -> None:
    """Show what truncated back-propagation leaves out.

    The same weights read passages of a real text in windows of 1, 2, 4, … tokens. The gradient of the loss, which stops
    where a window begins, is compared with the untruncated one: the angle between them and the ratio of their lengths.
    What the carried state is worth shows in the nats per token with the state carried across windows and with the state
    reset.
    """
    console: Console = context.obj
    check_picture(picture)
    with inspected(console, "truncation", run, text, fresh=fresh) as found:
        from rnngen.inspection.truncation import measure_truncation

        measured = measure_truncation(found.network, found.tokens, reach.span)
    trained = _trained(found.run)
    if picture is not None:
        from rnngen.rendering.pictures import write_picture
        from rnngen.rendering.truncation_chart import truncation_chart

        title = "What truncated back-propagation leaves out, and what the carried state is worth"
        write_picture(truncation_chart(measured), title, picture, f"{found.title}, {_passages(measured[0])}")
    if as_json:
        start = {"run": str(found.run.path), "fresh": fresh, "bptt": trained.bptt, "batch_tokens": trained.tokens}
        console.write_json({**start, "directions": [_as_json(each, trained) for each in measured]})
        return
    console.write(f"{found.title}: windows of k tokens, {_passages(measured[0])}\n")
    for each in measured:
        console.write("\n")
        _show(console, each, trained)


def _trained(run: Run) -> Trained:
    from rnngen.options.config import RunConfig
    from rnngen.runs.layout import CONFIG

    train = RunConfig.saved({"train": run.config.get("train", {})}, run.path / CONFIG).train
    return Trained(train.bptt, train.batch_size)


def _passages(measured: Truncation) -> str:
    return f"on {measured.passages} passages of {measured.span} tokens"


def _as_json(measured: Truncation, trained: Trained) -> dict[str, Any]:
    noise = {name: measured.noise_of(trained.tokens, recurrent=name == "recurrent") for name in ("all", "recurrent")}
    return {
        "direction": measured.direction or None,
        "span": measured.span,
        "passages": measured.passages,
        "nats_per_token": measured.nats,
        "noise": noise,
        "windows": [
            {
                "bptt": each.bptt,
                **{
                    name: {"cosine": d.cosine, "angle": d.angle, "length": d.ratio, "bias": d.bias}
                    for name, d in (("all", each.everything), ("recurrent", each.recurrent))
                },
                "nats_per_token_reset": each.reset_nats,
                "worth": each.worth,
                "worth_error": each.error,
            }
            for each in measured.lengths
        ],
    }


def _show(console: Console, measured: Truncation, trained: Trained) -> None:
    """Write a table, sentences and curves."""
    noise = measured.noise_of(trained.tokens)
    lines = [measured.direction] if measured.direction else []
    lines += [
        f"{'':>5}{'all weights':>20}{'Wₕ alone':>19}{'bias by':>10}{'state reset every k':>23}",
        f"{'k':>5}{'angle':>10}{'length':>10}{'angle':>9}{'length':>10}{'noise':>10}{'nats':>12}{'worse by':>11}",
    ]
    for each in measured.lengths:
        d, r = each.everything, each.recurrent
        bias = f"{d.bias / noise:.2f}" if noise else "-"
        lines.append(
            f"{each.bptt:>5}{f'{d.angle:.1f}°':>10}{d.ratio:>10.3f}{f'{r.angle:.1f}°':>9}{r.ratio:>10.3f}{bias:>10}"
            f"{each.reset_nats:>12.4f}{each.worth:>11.4f}"
        )
    lines.append(f"{'state carried on':>54}{measured.nats:>12.4f}")
    angles = {
        "all weights": [(math.log2(each.bptt), each.everything.angle) for each in measured.lengths],
        "Wₕ alone": [(math.log2(each.bptt), each.recurrent.angle) for each in measured.lengths],
    }
    reset = [(math.log2(each.bptt), each.reset_nats) for each in measured.lengths]
    nats = {"state reset every k tokens": reset, "state carried on": [(x, measured.nats) for x, _ in reset]}
    console.write("\n".join(lines) + "\n\n")
    console.write("".join(map(console.filled, sentences(measured, trained))))
    for curves, up in ((angles, "degrees between the gradients"), (nats, "nats per token")):
        console.write("\n")
        write_plot(console, curves, "log2 of k", up)


def sentences(measured: Truncation, trained: Trained) -> list[str]:
    """What the figures say, each in one sentence."""
    longest = measured.lengths[-1]
    if trained.bptt > measured.span:
        at = longest
        said = [f"The run's windows of {trained.bptt} tokens are longer than what was measured: `span` is that."]
    else:
        at = max((each for each in measured.lengths if each.bptt <= trained.bptt), key=lambda each: each.bptt)
        d, r = at.everything, at.recurrent
        near = (
            "which this run was trained with"
            if at.bptt == trained.bptt
            else f"the nearest to this run's {trained.bptt}"
        )
        said = [
            f"At k = {at.bptt}, {near}, the gradient points {d.angle:.1f}° away from the untruncated one and has "
            f"{d.ratio:.3f} of its length; that of Wₕ alone {r.angle:.1f}° and {r.ratio:.3f}."
        ]
    noise = measured.noise_of(trained.tokens)
    if noise and at is not longest:
        said.append(_on_bias(at.everything.bias / noise, trained))
    return [*said, _on_state(at, measured), _on_context(measured)]


def _on_bias(fraction: float, trained: Trained) -> str:
    what = f"Its bias, which every step repeats, is {fraction:.2f} of the noise of {trained.batch}"
    if fraction < SMALL:
        return f"{what}: a single step does not show it."
    return f"{what}." if fraction < LARGE else f"{what}: a longer bptt would change every step."


def _on_state(at: Windows, measured: Truncation) -> str:
    against = f"{measured.nats:.4f} nats per token instead of {at.reset_nats:.4f} with a reset every {at.bptt} tokens"
    if at.worth > 2 * at.error:
        return f"The state carried across windows is worth {at.worth:.4f} ± {at.error:.4f}: {against}."
    if at.worth < -2 * at.error:
        return f"The state carried across windows does harm, {-at.worth:.4f} ± {at.error:.4f}: {against}."
    return f"The state carried across windows is worth nothing that shows: {against}."


def _on_context(measured: Truncation) -> str:
    first = measured.lengths[0]
    if first.worth <= 2 * first.error:
        return "More context than one token does not improve its predictions."
    most = next((each for each in measured.lengths if each.worth <= first.worth / 10), None)
    enough = next((each for each in measured.lengths if each.worth <= 2 * each.error), None)
    if most is None:
        return f"More than a tenth of what context adds to the last token comes from further back than {measured.span}."
    further = (
        "still helps" if enough is None else f"helps up to {enough.bptt} tokens" if enough is not most else "does not"
    )
    return (
        f"Nine tenths of what context adds to the last token alone come from the last {most.bptt} tokens; what lies "
        f"further back {further}."
    )
