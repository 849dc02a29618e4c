"""The page: a Jinja2 template, in which every text is escaped, with Vega's scripts in it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rnngen.errors import CheckpointError, UsageError
from rnngen.evaluation.surprisal import LEVELS
from rnngen.platforms import quote_argument
from rnngen.report import charts
from rnngen.report.collect import RunReport
from rnngen.runs.files import write_atomically
from rnngen.version import __version__

GENERATOR = "rnngen"
"""What the page says of itself within its first 2,000 bytes, by which it is recognised, as by reading a folder."""

SCORES = {
    "nats_per_token": "nats per token",
    "token_perplexity": "token perplexity",
    "word_perplexity": "word perplexity",
    "bits_per_character": "bits per character",
    "bits_per_byte": "bits per byte",
}
PSEUDO_SCORES = {
    "pseudo_nats_per_token": "pseudo-nats per token",
    "pseudo_perplexity": "pseudo-perplexity",
    "pseudo_bits_per_character": "pseudo-bits per character",
}


def render(reports: Sequence[RunReport]) -> str:
    """The page about some runs, as HTML that needs nothing else."""
    environment = Environment(
        loader=PackageLoader("rnngen.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    kinds = [
        ("Perplexity", SCORES, [r for r in reports if not r.card.bidirectional]),
        ("Pseudo-perplexity", PSEUDO_SCORES, [r for r in reports if r.card.bidirectional]),
    ]
    return environment.get_template("page.html.j2").render(
        generator=GENERATOR,
        version=__version__,
        reports=reports,
        levels=[label for _, label in LEVELS],
        curves=[(title, charts.learning_curves(group)) for title, _, group in kinds if group],
        tables=[(title, names, group) for title, names, group in kinds if group],
        flows=[charts.gradient_flow(report) for report in reports],
        traces=[report.traces for report in reports],
        vega=Markup(_vega()),
    )


def _vega() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script; nothing in it can end the element that it stands in."""
    import vl_convert
    from altair import SCHEMA_VERSION

    snippet: Any = None  # the stubs do not know that it may be left out
    script: str = vl_convert.javascript_bundle(snippet, vl_version=".".join(SCHEMA_VERSION.split(".")[:2]))
    return script.replace("</script", "<\\/script")


def write_report(reports: Sequence[RunReport], out: Path) -> None:
    """Write the page into a file; one that is not a report is not overwritten.

    Raises:
        UsageError: such a file, or a folder, is there.
        CheckpointError: it cannot be written.
    """
    check_out(out)
    write_atomically(out, render(reports).encode("utf-8", errors="replace"))


def check_out(out: Path) -> None:
    """Refuse to overwrite what is not a report.

    Raises:
        UsageError, CheckpointError: see ``write_report``.
    """
    if not out.parent.is_dir() or (out.exists() and not out.is_file()):
        hint = f"Type: `out={quote_argument(str(out / 'report.html'))}`" if out.is_dir() else None
        raise UsageError(
            "`out` cannot be written", found=out, expected="the name of a file in an existing folder", hint=hint
        )
    if not out.exists():
        return
    try:
        with out.open("rb") as file:
            begins = file.read(2000)
    except OSError as error:
        raise CheckpointError(f"cannot be read ({error.strerror})", where=out) from error
    marks = (
        f'<meta name="generator" content="{name}">'.encode() for name in (GENERATOR, "rnngen report")
    )  # and of old
    if not begins.startswith(b"<!doctype html") or not any(mark in begins for mark in marks):
        raise UsageError(
            "`out` names a file that is not a report",
            found=out,
            expected="a report, or a name that is free",
            hint=f"Type another name: `out={quote_argument(str(_free_name(out)))}`",
        )


def _free_name(out: Path) -> Path:
    names = (out.with_name(f"{out.stem}-{number}.html") for number in count(2))
    return next(name for name in names if not name.exists())
