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
    from rnngen.inspection.deviation import Deviation
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
    What the carried state is worth shows in the nats per token with the state carried on, and some tokens after a reset
    of the state.
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
        "nats_per_token_by_frequency": measured.frequency_nats,
        "noise": noise,
        "windows": [
            {
                "bptt": each.bptt,
                **{
                    name: {"angle": d.angle, "length": d.ratio, "bias": d.bias, "largest_bias": d.largest_bias}
                    for name, d in (("all", each.everything), ("recurrent", each.recurrent))
                },
                "nats_per_token_after_reset": each.reset_nats,
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
        f"{'':>5}{'all weights':>20}{'Wₕ alone':>19}{'bias by':>10}{'k tokens after reset':>23}",
        f"{'k':>5}{'angle':>10}{'length':>10}{'angle':>9}{'length':>10}{'noise':>10}{'nats':>12}{'worse by':>11}",
    ]
    for each in measured.lengths:
        d, r = each.everything, each.recurrent
        bias = _bias(d, noise) if noise else "-"
        lines.append(
            f"{each.bptt:>5}{f'{d.angle:.1f}°':>10}{d.ratio:>10.3f}{f'{r.angle:.1f}°':>9}{r.ratio:>10.3f}{bias:>10}"
            f"{each.reset_nats:>12.4f}{each.worth:>11.4f}"
        )
    without = measured.frequency_nats
    lines.append(f"{'state carried on':>54}{measured.nats:>12.4f}")
    lines.append(f"{'frequencies of tokens alone':>54}{without:>12.4f}{without - measured.nats:>11.4f}")
    angles = {
        "all weights": [(math.log2(each.bptt), each.everything.angle) for each in measured.lengths],
        "Wₕ alone": [(math.log2(each.bptt), each.recurrent.angle) for each in measured.lengths],
    }
    reset = [(math.log2(each.bptt), each.reset_nats) for each in measured.lengths]
    nats = {"k tokens after a reset": reset, "state carried on": [(x, measured.nats) for x, _ in reset]}
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
        said.append(_on_bias(at.everything, noise, trained))
    return [*said, _on_state(at, measured), *_on_context(measured)]


def _bias(found: Deviation, noise: float) -> str:
    """As a fraction of the noise of a batch, or what it is below."""
    return f"< {found.largest_bias / noise:.2f}" if found.is_noise else f"{found.bias / noise:.2f}"


def _on_bias(found: Deviation, noise: float, trained: Trained) -> str:
    fraction = (found.largest_bias if found.is_noise else found.bias) / noise
    figure = f"below {fraction:.2f}" if found.is_noise else f"{fraction:.2f}"
    what = f"Its bias, which every step repeats, is {figure} of the noise of {trained.batch}"
    if fraction < SMALL:
        return f"{what}: a single step does not show it."
    if found.is_noise:
        return f"{what}: these passages are too few to tell more."
    return f"{what}." if fraction < LARGE else f"{what}: a longer bptt would change every step."


def _on_state(at: Windows, measured: Truncation) -> str:
    """What lies before a window is worth, at most."""
    against = f"{measured.nats:.4f} nats per token instead of {at.reset_nats:.4f} {_after(at.bptt)}"
    if at.worth > 2 * at.error:
        return (
            f"What lies more than {_tokens(at.bptt)} back is worth at most {at.worth:.4f} ± {at.error:.4f}: {against}."
        )
    if at.worth < -2 * at.error:
        return (
            f"What lies more than {_tokens(at.bptt)} back does harm, {-at.worth:.4f} ± {at.error:.4f}: {against}. A "
            "state that it begins from is better than the one that it carries on."
        )
    return f"What lies more than {_tokens(at.bptt)} back is worth nothing that shows: {against}."


def _on_context(measured: Truncation) -> list[str]:
    """How much context is enough, and what of the figures is no memory."""
    adds = measured.frequency_nats - measured.nats
    if adds <= 0:
        return ["It predicts no better than the frequencies of the tokens do: context adds nothing."]
    lengths = measured.lengths
    last = next((i for i in reversed(range(len(lengths))) if lengths[i].worth > adds / 10), -1)
    if last == len(lengths) - 1:
        said = (
            f"{_after(lengths[-1].bptt).capitalize()} it still lacks more than a tenth of what context adds to the "
            "frequencies of the tokens"
        )
    else:
        enough = lengths[last + 1]
        further = next((i for i in reversed(range(len(lengths))) if lengths[i].worth > 2 * lengths[i].error), -1)
        beyond = (
            "still helps a little"
            if further == len(lengths) - 1
            else "adds nothing that shows"
            if further <= last
            else f"helps up to {_tokens(lengths[further + 1].bptt)}"
        )
        said = (
            f"{_tokens(enough.bptt).capitalize()} of context are enough for nine tenths of what context adds to the "
            f"frequencies of the tokens; what lies further back {beyond}"
        ).replace("1 token of context are", "1 token of context is")
    return [f"{said}.", _on_reset(measured)]


def _on_reset(measured: Truncation) -> str:
    """What a reset itself costs, as far as it shows."""
    worst = max(measured.lengths, key=lambda each: each.reset_nats)
    costs = worst.reset_nats - measured.frequency_nats
    if costs > 2 * worst.error:
        return (
            f"{_after(worst.bptt).capitalize()} it predicts worse than the frequencies do: {costs:.4f} nats or more of "
            "that are no memory, but the price of going on from a state that training seldom has in mid-text. "
            "Further on the figures cannot tell this price from memory: the memory may be shorter than they say."
        )
    return (
        "A reset in mid-text may lead to a state that training seldom has there. What this costs cannot be told "
        "from memory: the memory may be shorter than these figures say."
    )


def _after(tokens: int) -> str:
    return f"{_tokens(tokens)} after a reset"


def _tokens(number: int) -> str:
    return "1 token" if number == 1 else f"{number} tokens"
