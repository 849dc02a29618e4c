"""``rnngen.next_tokens``: what a model expects after a prompt."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from rnngen.errors import UsageError
from rnngen.options.checked import checked
from rnngen.python.html import Html, table
from rnngen.python.opening import load
from rnngen.python.spelling import speaks_python
from rnngen.rendering.palette import EITHER
from rnngen.runs.run import Run
from rnngen.sampling.generator import Generator
from rnngen.sampling.next_tokens import NextToken, as_dict, next_token, next_token_probabilities

_LONGEST = 16  # em of a bar


class NextTokens(list[NextToken]):
    """Tokens that may come next, the most likely first; in a notebook, with bars.

    Attributes:
        run: the name of the model.
        prompt: the text before.
    """

    def __init__(self, run: str, prompt: str, found: Mapping[bytes, tuple[float, ...]], k: int) -> None:
        self.run, self.prompt, self._found = run, prompt, found
        super().__init__(next_token(content, p) for content, (p,) in list(found.items())[:k])

    def as_dict(self) -> dict[str, Any]:
        """What ``rnngen inspect next --temperatures 1 --json`` prints."""
        return as_dict(self.run, self.prompt, (1.0,), self._found, len(self))

    def _repr_html_(self) -> str:
        bar = f'<div style="background:{EITHER[0]};height:0.8em;width:'
        return table(
            (
                Html(f"<code>{escape('the end' if each.ends else repr(each.text))}</code>"),
                f"{each.probability:.3f}",
                Html(f'{bar}{_LONGEST * each.probability:.3f}em"></div>'),
            )
            for each in self
        )


@speaks_python
@checked
def next_tokens(
    prompt: str = "", k: int = 10, *, run: str | Path | Run | Generator | None = None, label: str | None = None
) -> NextTokens:
    """The k most likely next tokens after a prompt, each with its text and probability, the most likely first.

    The probabilities are those from which the next token is drawn: the softmax, at temperature 1, without filters and
    without the symbol for unknown characters. A word or subword model may have begun its next token within the prompt;
    then the text is what this token adds. With an empty prompt, a run that learned one stream begins a paragraph, as
    when it writes: it reads ``\\n\\n`` first (``\\n`` on a closed vocabulary), where ``score`` begins in the start
    state.

    Args:
        prompt: the text before.
        k: how many.
        run: the run or its folder, the newest by default; or what ``rnngen.load`` returned, which is faster for many
            prompts, and may have an n-gram model mixed in.
        label: of the text, for a run that has learned labels.

    Raises:
        RnngenError: there is no such run or label, it is bidirectional, or ``k`` is below 1.

    Warns:
        RnngenWarning: the prompt has characters that the model has never seen, which are left out.
    """
    if k < 1:
        raise UsageError("invalid value for `k`", expected="an integer ≥ 1", found=k)
    generator = run if isinstance(run, Generator) else load(run)
    generator.on_prompts([prompt])
    return NextTokens(generator.name, prompt, next_token_probabilities(generator, prompt, (1.0,), label), k)
