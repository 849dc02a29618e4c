"""``rnngen inspect``: what happens inside a network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnngen.cli import console
from rnngen.cli.commands import DefaultGroup, plain_app, register_command
from rnngen.cli.gates import gates_command
from rnngen.cli.mistakes import refuse_text
from rnngen.errors import UsageError
from rnngen.platforms import quote_argument

if TYPE_CHECKING:
    from rnngen.errors import RnngenError
    from rnngen.inspection.gradients import Flow
    from rnngen.runs.card import Card


class CardByDefault(DefaultGroup):
    """``rnngen inspect`` without the name of a view shows the card."""

    default = "card"


inspect_app = plain_app(
    help="See inside a model. rnngen inspect [RUN] shows its card, rnngen inspect --compare A B … several cards.",
    cls=CardByDefault,
)


@inspect_app.callback()
def _inspect() -> None:
    pass


def card_command(
    run: Annotated[
        Path | None, typer.Argument(help="The run's folder. [default: the newest under checkpoints/]")
    ] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Show several runs side by side.")] = False,
    others: Annotated[list[Path] | None, typer.Argument(help="The other runs, with --compare.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per run on standard output.")] = False,
) -> None:
    """Show a run's card: what it is, how long it learned, how good it became."""
    from rnngen.runs.card import make_card
    from rnngen.runs.finding import open_run

    if others and not compare:
        raise _several([folder for folder in (run, *others) if folder is not None])
    for each in (run, *(others or ())):
        refuse_text(each, "rnngen runs")
    cards = [make_card(open_run(folder)) for folder in (run, *(others or ()))]
    if as_json:
        for card in cards:
            console.write_json(
                {**vars(card), "path": str(card.path), "text": list(card.text), "curve": [list(p) for p in card.curve]}
            )
        return
    columns = [_rows(card) for card in cards]
    names = dict.fromkeys(name for column in columns for name in column)
    console.write(console.table([[name, *(column.get(name, "-") for column in columns)] for name in names]))
    for bidirectional, what in ((False, "nats"), (True, "pseudo-nats")):  # never on the same axes
        curves = {str(c.path): c.curve for c in cards if len(c.curve) > 1 and c.bidirectional == bidirectional}
        if curves:
            console.write("\n" + _plot(curves, "seconds", f"{what} per token on the validation part"))


def _rows(card: Card) -> dict[str, str]:
    """What the card shows, by the name at its left."""

    def shown(value: float | None, form: str, unit: str = "") -> str:
        return "?" if value is None else format(value, form) + unit

    clipped = "" if card.clipped is None else f", {card.clipped:.1%} of the steps clipped"
    beside = ", plus an n-gram model" if card.ngram else ""
    speed = "?" if card.tokens_per_second is None else console.count(card.tokens_per_second)
    return {
        "run": str(card.path),
        "saved": _when(card.saved),
        "model": card.model,
        "parameters": f"{card.parameters:,}, {card.bytes / 2**20:.1f} MiB{beside}",
        "text": ", ".join(Path(name).name for name in card.text) or "?",
        "fingerprint": card.fingerprint[:12] or "?",
        "tokens": f"{shown(card.tokens, ',')} for training, {shown(card.valid_tokens, ',')} for validation, "
        f"{shown(card.test_tokens, ',')} for test",
        "tokenizer": card.tokenizer,
        "steps": f"{_steps(card)}, {shown(card.epochs, '.1f')} epochs",
        "time": "?" if card.seconds is None else console.duration(card.seconds),
        "speed": f"{speed} tokens per second in {card.precision}",
        "gradient": f"norm {shown(card.gradient_norm, '.3g')} (median){clipped}",
        **_best(card),
    }


def _steps(card: Card) -> str:
    """Steps taken and planned, with a word where the first are fewer and training is over all the same."""
    taken, planned = ("?" if n is None else f"{n:,}" for n in (card.steps, card.planned_steps))
    early = card.finished and card.steps is not None and card.steps < (card.planned_steps or 0)
    return f"{taken} of {planned}{' (finished early)' if early else ''}"


def _when(saved: float) -> str:
    return f"{datetime.fromtimestamp(saved):%Y-%m-%d %H:%M}"


def _several(runs: Sequence[Path]) -> UsageError:
    """The error for several runs without --compare, or for a view that is named after the run."""
    views = [command.name for command in inspect_app.registered_commands]
    view = next((str(each) for each in runs if str(each) in views), None)
    first, *_ = others = [quote_argument(str(each)) for each in runs if str(each) != view]
    if view is not None:
        return UsageError("the view comes first", hint=f"Type: rnngen inspect {view} {first}")
    return UsageError("several runs need --compare", hint=f"Type: rnngen inspect --compare {' '.join(others)}")


def _best(card: Card) -> dict[str, str]:
    """The best score, under a name that keeps pseudo-nats away from nats."""
    if card.best_nats is None or card.best_step is None:
        return {"validation": "?"}
    name = "pseudo" if card.bidirectional else "validation"
    return {name: f"{card.best_nats:.4f} {_unit(card)} per token, at step {card.best_step:,}"}


def _unit(card: Card) -> str:
    return "pseudo-nats" if card.bidirectional else "nats"


def runs_command(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per run on standard output.")] = False,
) -> None:
    """List the runs under checkpoints/.

    The newest first, each with its best score on the validation part and when it was last saved.
    """
    from rnngen.errors import RnngenError
    from rnngen.runs.card import list_runs

    rows: list[tuple[str, ...]] = []
    notes: list[str] = []
    for folder, card in list_runs():
        if isinstance(card, RnngenError):
            notes.append(_unreadable(folder, card))
            value: dict[str, Any] = {"path": str(folder), "error": str(card)}
        else:
            best = "?" if card.best_nats is None else f"{card.best_nats:.4f} {_unit(card)} per token"
            text = ", ".join(Path(name).name for name in card.text) or "?"
            model = card.model.partition(", embedding")[0]
            rows.append((str(folder), model, text, _steps(card), best, _when(card.saved)))
            value = {
                "path": str(folder),
                "model": card.model,
                "steps": card.steps,
                "planned_steps": card.planned_steps,
                "finished": card.finished,
                "saved": card.saved,
                "bidirectional": card.bidirectional,
                "best_pseudo_nats" if card.bidirectional else "best_nats": card.best_nats,
            }
        if as_json:
            console.write_json(value)
    if as_json:
        return
    if rows:
        console.write(console.table([("run", "model", "text", "steps", "best validation", "last saved"), *rows]))
    console.write("\n" * bool(rows and notes) + "".join(f"{note}\n" for note in notes))


def _unreadable(folder: Path, error: RnngenError) -> str:
    """A line about a folder that is no run to use."""
    from rnngen.runs.finding import never_saved

    if not never_saved(folder):
        return str(error)
    return f"{folder}: never saved. Unless it is being trained, its folder can be removed. {error.hint or ''}".rstrip()


def gradients_command(
    run: Annotated[
        Path | None, typer.Argument(help="The run's folder. [default: the newest under checkpoints/]")
    ] = None,
    text: Annotated[
        Path | None, typer.Option(help="Read this file. [default: the test part of the run's corpus]")
    ] = None,
    lags: Annotated[int, typer.Option(help="How many tokens to look back.")] = 100,
    fresh: Annotated[bool, typer.Option("--fresh", help="Look at the network as it was before training.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Show how far gradients reach back through time.

    The norm of the derivative of the loss at one token with respect to a layer's state some tokens before, at many
    places of a real text; whether it vanishes or explodes, and how fast.
    """
    from rnngen.options.declare import check_count
    from rnngen.runs.finding import open_run

    check_count("lags", lags, least=2)
    refuse_text(run, "rnngen inspect gradients --text {text}")
    opened = open_run(run)  # before torch: a wrong path is told at once
    from rnngen.inspection.gradients import gradient_flow, recurrent_eigenvalues
    from rnngen.model.cloze import readers_by_name
    from rnngen.model.load import fresh_network, load_network
    from rnngen.runs.own_text import encoded_text, own_part

    model = fresh_network(opened) if fresh else load_network(opened)
    if text is None:
        flows = gradient_flow(model, own_part(opened, "test", instead="--text FILE").tokens, lags)
    else:
        with encoded_text(opened, [text]) as encoded:
            flows = gradient_flow(model, encoded.tokens, lags)
    radii = {
        f"{direction}, layer {number}".removeprefix(", "): {gate: float(abs(v[0])) for gate, v in layer.items()}
        for direction, one in readers_by_name(model).items()
        for number, layer in enumerate(recurrent_eigenvalues(one), start=1)
    }
    if as_json:
        console.write_json(
            {
                "run": str(opened.path),
                "fresh": fresh,
                "lags": lags,
                "flows": [_object(f) for f in flows],
                "spectral_radius": radii,
            }
        )
        return
    console.write(
        f"{opened.path}{' before training' if fresh else ''}: ‖∂J^i/∂s^j‖ by lag i - j, mean (10 % to 90 %)\n\n"
    )
    console.write(_table(flows, lags, radii))
    console.write("\n" + "".join(f"{f.name}: {f.verdict.words}\n" for f in flows))
    curves = {f.name: _logarithms(f.mean) for f in flows}
    console.write("\n" + _plot(curves, "lag", "log10 of the norm"))
    if any(len(curve) <= lags for curve in curves.values()):
        console.write("a curve ends where it falls below 10⁻¹² of its largest\n")


def _object(flow: Flow) -> dict[str, Any]:
    return {
        "direction": flow.direction or None,
        "layer": flow.layer,
        "state": flow.state,
        "verdict": flow.verdict.kind,
        "factor": flow.verdict.factor,
        "words": flow.verdict.words,
        "mean": flow.mean.tolist(),
        "p10": flow.low.tolist(),
        "p90": flow.high.tolist(),
        "bound": flow.bound.tolist(),
    }


def _table(flows: list[Flow], lags: int, radii: Mapping[str, Mapping[str, float]]) -> str:
    shown = [*(lag for lag in (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if lag < lags), lags]
    blocks = []
    for layer, states in groupby(flows, key=lambda f: f.layer_name):
        each = list(states)
        lines = [layer, "  lag" + "".join(f"{f.state:>28}" for f in each) + f"{'product of σ_max':>18}"]
        for lag in shown:
            cells = "".join(f"{f'{f.mean[lag]:.2e} ({f.low[lag]:.0e} to {f.high[lag]:.0e})':>28}" for f in each)
            lines.append(f"{lag:>5}{cells}{each[0].bound[lag]:>18.2e}")
        gates = ", ".join(f"{gate} {radius:.3g}" for gate, radius in radii[layer].items())
        blocks.append("\n".join([*lines, f"spectral radius of W_h: {gates}"]) + "\n")
    return "\n".join(blocks)


def _plot(curves: Mapping[str, Iterable[tuple[float, float]]], across: str, up: str) -> str:
    """Curves by name, each with a letter of its own, drawn in characters."""
    import string

    import plotext

    plotext.clear_figure()
    plotext.plot_size(76, 18)
    plotext.theme("clear")
    legend = ""  # below: plotext's own lies over the curves
    for (name, points), mark in zip(curves.items(), string.ascii_lowercase, strict=False):
        xs, ys = zip(*points, strict=True)
        plotext.plot(xs, ys, marker=mark)
        legend += f"{mark} {name}\n"
    plotext.xlabel(across)
    plotext.ylabel(up)
    return str(plotext.uncolorize(plotext.build())).rstrip("\n") + "\n" + legend


def _logarithms(curve: Iterable[float]) -> list[tuple[float, float]]:
    """(lag, log10 of the norm), as far as it is above a millionth of a millionth of lag 0."""
    values = list(curve)
    return [(lag, math.log10(v)) for lag, v in enumerate(values) if values[0] * 1e-12 < v < math.inf]


register_command(inspect_app, "card", card_command)
register_command(inspect_app, "gradients", gradients_command)
register_command(inspect_app, "gates", gates_command)
