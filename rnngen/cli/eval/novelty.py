"""``rnngen eval --novelty``: how much of what a model writes stands in its training text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rnngen.errors import UsageError, shortened
from rnngen.formats import number_of
from rnngen.plaintext.widths import PIPED, filled, width

if TYPE_CHECKING:
    from rnngen.cli.eval.options import NoveltyOptions
    from rnngen.cli.eval.output import Output
    from rnngen.evaluation.novelty import CopiedShare, Novelty, VerbatimRun
    from rnngen.evaluation.scores import TextScore
    from rnngen.runs.other_text import NamedText
    from rnngen.runs.run import Run

_SHOWN, _BEGINNING = 200, 40  # characters of a run, and of the document that has it, that are shown


class NoveltySection:
    """The share of the n-grams of fresh samples that stand in a run's training text, beside that of human text.

    Args:
        run: it writes the samples.
        options: how.
        device: of torch.

    Raises:
        UsageError: the run is bidirectional.
        CorpusError: its training text is gone.
    """

    analyses, is_summed = (), False

    def __init__(self, run: Run, options: NoveltyOptions, device: str) -> None:
        from rnngen.runs.own_text import own_corpus

        if run.model_config().bidirectional:
            raise UsageError(
                "`novelty` needs a run that writes",
                where=run.path,
                expected="a left-to-right model",
                found="a bidirectional one, which fills gaps",
            )
        self._corpus = own_corpus(run, "novelty")
        self._options, self._device = options, None if device == "cpu" else device
        self._found: Novelty | None = None
        self._human = ""

    def finish(self, output: Output, run: Run, text: NamedText, score: TextScore) -> None:
        """Write samples and look them up."""
        from rnngen.evaluation.novelty import novelty

        options, self._human = self._options, text.name
        with (
            output.job("writing samples", None, "tokens") as writing,
            output.job("looking them up", self._corpus.train.counts.characters, "characters") as looking,
        ):

            def on_read(characters: int) -> None:
                writing.stop()
                looking.advance_to(characters)

            self._found = novelty(
                run,
                self._corpus,
                text,
                unit=options.novelty_by,
                size=options.novelty_size,
                temperature=options.novelty_temperature,
                seed=options.novelty_seed,
                device=self._device,
                on_written=writing.advance_to,
                on_read=on_read,
            )

    def as_dict(self) -> dict[str, Any]:
        """Shares, longest runs and the verdict."""
        return {"novelty": self._found.as_dict()} if self._found else {}

    def table(self) -> str:
        """The shares side by side, the longest runs, and what to conclude."""
        found = self._found
        if found is None:
            return ""
        lines = ["\nis it copying? the share of n-grams that stand in the training text:\n"]
        lines += [f"  {found.unit:<12} {'samples':>12} {'human text':>12}"]
        lines += [
            f"  {f'n = {n}':<12} {_share(found.samples, n):>12} {_share(found.human, n):>12}"
            for n in sorted({*found.samples.shares, *found.human.shares})
        ]
        if found.samples.whole is not None:
            lines += [f"  {'whole texts':<12} {_whole(found.samples):>12} {_whole(found.human):>12}"]
        lines += [f"  {'longest run':<12} {_length(found.samples):>12} {_length(found.human):>12}\n"]
        for what, each in (("of the samples", found.samples), ("of the human text", found.human)):
            if each.longest:
                where = f"longest run {what}, in {_place_of(each.longest)}:"
                lines += [filled(where, PIPED), f"  {_quoted(each.longest.text)}"]
        lines += ["", filled(conclusion(found), PIPED), filled(f"({self._what_was_compared(found)})", PIPED)]
        return "\n".join(lines) + "\n"

    def _what_was_compared(self, found: Novelty) -> str:
        samples, human, unit = found.samples, found.human, found.unit.removesuffix("s")
        return (
            f"{number_of(samples.size, unit)} in {number_of(samples.texts, 'sample')}, temperature "
            f"{found.temperature:g}, seed {found.seed}; human text: {number_of(human.size, unit)} of {self._human}"
        )


def conclusion(found: Novelty) -> str:
    """What the shares say, in a sentence."""
    n = found.compared_by
    if n is None:
        return "The texts are too short to compare."
    one, other = found.samples.shares[n], found.human.shares[n]
    words = {
        "more": "The samples copy more than a human text from the same source does",
        "less": "The samples copy less than a human text from the same source does",
        "as much": "The samples copy no more than a human text from the same source does",
    }[found.verdict or "as much"]
    unit = found.unit.removesuffix("s")
    return f"{words}: {one:.1%} of their {n}-{unit} pieces stand in the training text, and {other:.1%} of its own."


def _share(found: CopiedShare, n: int) -> str:
    return f"{found.shares[n]:.1%}" if n in found.shares else "-"


def _whole(found: CopiedShare) -> str:
    return f"{(found.whole or 0) / found.texts:.1%}"


def _length(found: CopiedShare) -> str:
    return f"{found.longest.length if found.longest else 0:,}"


def _place_of(found: VerbatimRun) -> str:
    """Where a reader finds it, who has the files of the run's text."""
    if found.beginning is None:
        return f"{found.file or 'the training text'}, {found.place}"
    begins = shortened(found.beginning.split("\n", 1)[0], _BEGINNING)
    return f"{found.file or 'the text of the run'}, {found.place} (the document begins with “{begins}”)"


def _quoted(text: str) -> str:
    """A text in one line, its line ends visible, cut where it is too wide."""
    shown = text.replace("\n", "↵").replace("\t", " ")
    fits = min(_SHOWN, len(shown))
    while width(shown[:fits]) > 2 * PIPED:
        fits -= 1
    return f"“{shortened(shown, fits) if fits < len(shown) else shown}”"
