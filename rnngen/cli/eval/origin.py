"""What produced a score, in ``--json``: see ``evaluation/provenance.py``."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rnngen.arguments import STDIN
from rnngen.evaluation.provenance import TextFingerprint, provenance_of

if TYPE_CHECKING:
    from rnngen.cli.eval.output import Output
    from rnngen.cli.eval.target import Target
    from rnngen.evaluation.scores import TextScore
    from rnngen.runs.other_text import NamedText
    from rnngen.runs.run import Run


class OriginSection:
    """Names weights, text, versions and machine, so that ``rnngen eval --check`` can compute the score again."""

    is_summed = True

    def __init__(self, run: Run, target: Target) -> None:
        self._text = TextFingerprint(run.tokenizer())
        self.analyses = (self._text,)
        self._run, self._target = run, target
        self._found: dict[str, Any] = {}

    def finish(self, output: Output, run: Run, text: NamedText, score: TextScore) -> None:
        """Note it down."""
        how = self._target.scoring
        options = asdict(how.reading)
        self._found = {
            **provenance_of(run, self._target.device),
            "text": {
                "sha256": self._text.sha256,
                "files": [each if each == STDIN else os.path.abspath(each) for each in self._target.files],  # noqa: PTH100 (a pattern stays one)
                "part": how.part or (None if self._target.files else "test"),
                **{name: value for name, value in options.items() if value not in (None, "strict")},
            },
        }

    def as_dict(self) -> dict[str, Any]:
        """All of it."""
        return {"provenance": self._found} if self._found else {}

    def table(self) -> str:
        """Nothing: it is for programs."""
        return ""
