"""Draw the learning curves of ``learning.py``: how good each contender is after how many seconds.

    python benchmarks/picture.py [RESULT.json] [--out learning.svg]

The picture has its own background, so that it reads the same on a light and on a dark page, and its words are text.
A name that ends in ``.png`` makes a bitmap.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import altair as alt
from machine import RESULTS

COLOURS = {
    "rnngen": "#0b57d0",
    "plain nn.LSTM": "#c2410c",
    "plain nn.LSTM, bf16": "#7c3aed",
    "small transformer": "#0f766e",
}
OTHER = "#57534e"
INK, PALE, GRID = "#1f2937", "#4b5563", "#e5e7eb"
ABOVE_END = 0.5  # nats above the highest end that are shown; what is worse than that is the first seconds
LABEL_GAP = 0.055  # of the height: labels closer than this would overlap


def spread(values: list[float], gap: float) -> list[float]:
    """The values, moved apart where two are closer than ``gap``; in the order given."""
    order = sorted(range(len(values)), key=values.__getitem__)
    placed = [values[i] for i in order]
    for _ in range(200):
        for k in range(1, len(placed)):
            lacking = gap - (placed[k] - placed[k - 1])
            if lacking > 1e-9:
                placed[k - 1] -= lacking / 2
                placed[k] += lacking / 2
    return [place for _, place in sorted(zip(order, placed, strict=True))]


def draw(result: dict[str, Any]) -> alt.LayerChart:
    contenders = result["contenders"][::-1]  # rnngen is drawn last, above the others
    ends = [c["curve"][-1] for c in contenders]
    last = max(seconds for seconds, _ in ends)
    lowest = min(nats for c in contenders for _, nats in c["curve"])
    top = min(max(nats for c in contenders for _, nats in c["curve"]), max(n for _, n in ends) + ABOVE_END)
    height = top - lowest
    low, high = lowest - 0.06 * height, top + 0.02 * height
    points = [
        {"model": c["model"], "seconds": seconds, "nats": nats} for c in contenders for seconds, nats in c["curve"]
    ]
    places = spread([nats for _, nats in ends], LABEL_GAP * (high - low))
    labels = [
        {"model": c["model"], "seconds": last, "nats": place, "label": c["model"]}
        for c, place in zip(contenders, places, strict=True)
    ]
    names = [c["model"] for c in contenders]
    colour = alt.Color(
        "model:N", legend=None, scale=alt.Scale(domain=names, range=[COLOURS.get(name, OTHER) for name in names])
    )
    x = alt.X(
        "seconds:Q",
        title="seconds of training",
        scale=alt.Scale(domain=[0, last * 1.01], nice=False),
        axis=alt.Axis(tickCount=8, labelFlush=False),
    )
    y = alt.Y(
        "nats:Q", title=None, axis=alt.Axis(tickCount=6), scale=alt.Scale(domain=[low, high], nice=False, zero=False)
    )
    lines = alt.Chart(alt.Data(values=points)).mark_line(strokeWidth=2.5, clip=True, point=alt.OverlayMarkDef(size=28))
    words = alt.Chart(alt.Data(values=labels)).mark_text(align="left", dx=9, fontSize=13, fontWeight="bold")
    corpus, machine = result["corpus"], result["machine"]
    return (
        alt.layer(lines.encode(x, y, colour), words.encode(x, y, colour, text="label:N"))
        .properties(
            width=560,
            height=320,
            background="#ffffff",
            padding={"left": 16, "top": 14, "right": 16, "bottom": 12},
            title=alt.TitleParams(
                "Nats per character on held-out text (lower is better), by time",
                subtitle=f"{corpus['name']}, {corpus['characters']:,} characters; "
                f"{machine['threads']} threads, torch.mm at {machine['mm_gflops_float32']:.0f} GFLOP/s in float32",
                anchor="start",
                frame="group",
                fontSize=15,
                subtitleFontSize=12,
                color=INK,
                subtitleColor=PALE,
                offset=12,
            ),
        )
        .configure(font="Helvetica, Arial, sans-serif")
        .configure_view(stroke=None)
        .configure_axis(
            gridColor=GRID,
            domainColor=PALE,
            tickColor=PALE,
            labelColor=INK,
            titleColor=INK,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            titlePadding=8,
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", nargs="?", type=Path, default=RESULTS / "learning-tinyshakespeare.json")
    parser.add_argument("--out", type=Path, default=RESULTS / "learning.svg", help="an .svg or .png file")
    arguments = parser.parse_args()
    result = json.loads(arguments.result.read_text(encoding="utf-8"))
    if "contenders" not in result:
        parser.error(f"{arguments.result} has no learning curves; make it anew with learning.py")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    draw(result).save(str(arguments.out), **({"scale_factor": 2} if arguments.out.suffix == ".png" else {}))
    print(f"written to {arguments.out}")


if __name__ == "__main__":
    main()
