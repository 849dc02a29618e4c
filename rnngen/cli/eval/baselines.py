"""The comparison of a model with simple models and compressors, below its score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rnngen.errors import CorpusError
from rnngen.evaluation.baselines.compare import Comparing, LearnedTextError, Opening
from rnngen.evaluation.baselines.compressors import compressors
from rnngen.evaluation.baselines.token_models import ORDERS
from rnngen.evaluation.ranking import MODEL, Baseline, Baselines
from rnngen.formats import formatted
from rnngen.plaintext.widths import PIPED, filled

if TYPE_CHECKING:
    from collections.abc import Callable

    from rnngen.cli.eval.output import Output
    from rnngen.evaluation.baselines.token_models import CountedModels
    from rnngen.evaluation.scores import TextScore
    from rnngen.runs.other_text import NamedText
    from rnngen.runs.run import Run


class BaselineSection:
    """How well simple models and compressors predict the text, after the training part of a left-to-right run.

    Args:
        models: gives those of the training part, for a text; an exception of it says why there are none.
    """

    is_summed = False

    def __init__(self, models: Callable[[NamedText], CountedModels]) -> None:
        self._models = models
        self._opening = Opening()
        self.analyses = (self._opening,)
        self._result: Baselines | None = None

    def finish(self, output: Output, run: Run, text: NamedText, score: TextScore) -> None:
        """Count, compress and compare; after Ctrl-C, the rows that are known are kept."""
        comparing, interrupt = None, None
        with output.job("comparing", len(compressors()) + ORDERS + 1, "rows") as job:

            def work(what: str, done: int) -> None:
                job.describe(f"comparing: {what}")
                job.advance_to(done)

            try:
                comparing = Comparing(run, text, self._opening, self._models(text), work)
                self._result = comparing.compute()
            except LearnedTextError as error:
                output.note(f"the score is compared with nothing: {error}")
            except CorpusError as error:
                output.note(f"the score is compared with nothing, because the training part is not there: {error}")
            except KeyboardInterrupt as stopped:
                interrupt = stopped
                self._result = comparing.result if comparing else None
                missing = f" ({', '.join(comparing.missing)})" if comparing else ""
                output.note(f"the comparison lacks the rows that were not computed{missing}; --fast leaves it out")
        if self._result and len(self._result.rows) == 1:
            self._result = None
        if interrupt:
            raise interrupt

    def as_dict(self) -> dict[str, Any]:
        """The key ``baselines``."""
        return {"baselines": self._result.as_dict()} if self._result else {}

    def table(self) -> str:
        """The best first, with the model marked."""
        return baseline_table(self._result) if self._result else ""


def baseline_table(found: Baselines) -> str:
    """A row per model and compressor, the best first, with a sentence below."""
    lines = [f"\n  {'compared with':<22} {'bits per byte':>14} {'nats per token':>16} {'perplexity':>12}"]
    lines += [_line(row) for row in found.rows]
    said = filter(None, (found.verdict(), _what_was_read(found)))
    lines += ["", *(filled(each, PIPED) for each in said)]
    return "\n".join(lines) + "\n"


def _line(row: Baseline) -> str:
    mark = ">" if row.name == MODEL else " "
    values = row.as_dict()
    nats = f"{row.nats_per_token:.4f}" if row.nats_per_token is not None else "-"
    perplexity = formatted(values["token_perplexity"], "#.4g") if row.nats_per_token is not None else "-"
    return f"{mark} {row.name:<22} {row.bits_per_byte:>14.4f} {nats:>16} {perplexity:>12}"


def _what_was_read(found: Baselines) -> str:
    """What the baselines have read, and what of the text was compared."""
    if found.counted < found.available:
        read = f"n-grams are those of the last {found.counted:,} tokens of the training part"
        read += f"; compressors read its last {found.primed:,} bytes first" if found.primed else ""
    else:
        read = f"n-grams are those of the training part{', which compressors read first' if found.primed else ''}"
    if not found.fitted:
        read += "; discounts are not fitted, but follow from the counts"
    for fewest in sorted({*found.left_out.values()}):
        names = [name for name, least in found.left_out.items() if least == fewest]
        read += f"; {', '.join(names)}: only for texts of {fewest:,} bytes or more"
    of = "" if found.is_whole else f"; all rows are of the first {found.tokens:,} tokens of the text"
    return f"({read}{of})"
