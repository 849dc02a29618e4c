"""``rnngen.next_tokens``: what a model expects after a prompt."""

from __future__ import annotations

from html import escape
from pathlib import Path

from rnngen.errors import UsageError
from rnngen.options.checked import checked
from rnngen.python.opening import load
from rnngen.python.spelling import speaks_python
from rnngen.runs.run import Run
from rnngen.sampling.generator import Generator
from rnngen.sampling.next_tokens import NextToken, likely_next_tokens


class NextTokens(list[NextToken]):
    """Tokens that may come next, the most likely first; in a notebook, with bars."""

    def _repr_html_(self) -> str:
        cell = "padding:1px 12px 1px 0;text-align:left"
        rows = "".join(
            f'<tr><td style="{cell}"><code>{escape("the end" if each.ends else repr(each.text))}</code></td>'
            f'<td style="{cell}">{each.probability:.3f}</td><td style="{cell};width:16em">'
            f'<div style="background:#3f7fd9;height:0.8em;width:{each.probability:.1%}"></div></td></tr>'
            for each in self
        )
        return f'<table style="background:none;color:inherit">{rows}</table>'


@speaks_python
@checked
def next_tokens(
    run: str | Path | Run | Generator | None = None, prompt: str = "", k: int = 10, *, label: str | None = None
) -> NextTokens:
    """The k most likely next tokens after a prompt, each with its text and probability, the most likely first.

    The probabilities are those of the softmax: temperature 1, no filters. A word or subword model may have begun its
    next token within the prompt; then the text is what this token adds.

    Args:
        run: the run or its folder, the newest by default; or what ``rnngen.load`` returned, which is faster for many
            prompts, and may have an n-gram model mixed in.
        prompt: the text before.
        k: how many.
        label: of the text, for a run that has learned labels.

    Raises:
        RnngenError: there is no such run or label, it is bidirectional, or ``k`` is below 1.
    """
    if k < 1:
        raise UsageError("invalid value for `k`", expected="an integer ≥ 1", found=k)
    generator = run if isinstance(run, Generator) else load(run)
    return NextTokens(likely_next_tokens(generator, prompt, k, label))
