"""The tables of ``rnngen eval --explain``, each with a sentence that says what it shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnngen.evaluation.explanation.calibration import Calibration
from rnngen.evaluation.explanation.context import ContextCurve
from rnngen.evaluation.explanation.explanation import Explanation
from rnngen.evaluation.explanation.groups import TOP, Group
from rnngen.evaluation.explanation.kinds import PART
from rnngen.evaluation.explanation.positions import Bin
from rnngen.formats import is_or_are, number_of, visible
from rnngen.plaintext.widths import PIPED, cut, filled

_LABEL = 20
_FEW = 100  # tokens of a group of which nothing is concluded
_WELL = 0.02  # expected calibration error up to which a model is called well calibrated


def explanation_tables(explained: Explanation, *, is_short: bool = False) -> str:
    """All tables, beginning with an empty line.

    Args:
        explained: the text.
        is_short: whether it is too short for a confidence interval: nothing is concluded from it then.
    """
    parts = [
        _by_kind(explained, is_short),
        _by_frequency(explained, is_short),
        *_by_position(explained, is_short),
        _calibration(explained, is_short),
        _lines(explained),
        _context(explained, is_short),
    ]
    return "".join(f"\n{part}" for part in parts if part)


def _part(title: str, says: str, head: str, rows: Sequence[str]) -> str:
    """A table below what it shows."""
    said = [filled(says, PIPED - 2, "  ", "  ")] if says else []
    return "\n".join([title, *said, "", f"  {head}", *(f"  {row}" for row in rows), ""])


def _groups(first: str, explained: Explanation, groups: Sequence[Group], says: str, title: str) -> str:
    head = f"{first:<{_LABEL}} {'tokens':>11} {'of tokens':>9} {'of nats':>8} {'nats each':>10}"
    head += f" {'top 1':>7} {f'top {TOP}':>7}"
    rows = []
    for group in groups:
        rows.append(_group(group, group.name, explained))
        rows += [_group(part, f"  {part.name}", explained) for part in group.parts]
    return _part(title, says, head, rows)


def _group(group: Group, name: str, explained: Explanation) -> str:
    return (
        f"{name:<{_LABEL}} {group.tokens:>11,} {group.tokens / explained.all.tokens:>9.1%} "
        f"{explained.share_of_nats(group):>8.1%} {group.nats_per_token:>10.3f} {group.first / group.tokens:>7.1%} "
        f"{group.within / group.tokens:>7.1%}"
    )


def _by_kind(explained: Explanation, is_short: bool) -> str:
    said = [] if is_short else [_on_kinds(explained)]
    if any(each.name == PART for each in explained.kinds):
        said.append(f"A {PART!r} is a byte, or bytes, that are no whole character.")
    return _groups("kind", explained, explained.kinds, " ".join(said), f"By kind of token, in {explained.unit}")


def _on_kinds(explained: Explanation) -> str:
    most = max(explained.kinds, key=lambda each: each.nats)
    says = (
        f"Most of the nats, {explained.share_of_nats(most):.0%}, go to the kind {most.name!r}, which is where a better "
        "model gains most"
    )
    enough = [each for each in explained.kinds if each.tokens >= _FEW]
    if len(enough) < 2:
        return f"{says}."
    dearest = max(enough, key=lambda each: each.nats_per_token)
    return (
        f"{says}; a token of the kind {dearest.name!r} is the hardest to predict, at {dearest.nats_per_token:.2f} "
        f"{explained.prefix}nats."
    )


def _by_frequency(explained: Explanation, is_short: bool) -> str:
    groups = explained.frequencies
    if groups is None:
        return ""
    says = "" if is_short else _on_frequencies(explained, groups)
    return _groups("seen in training", explained, groups, says, "By how often a token was seen in training")


def _on_frequencies(explained: Explanation, groups: Sequence[Group]) -> str:
    rare = [each for each in groups if each.name in ("0", "1", "2–9")]
    tokens, nats = sum(each.tokens for each in rare), sum(each.nats for each in rare)
    if not tokens:
        return "Every token was seen ten times or more in training: rare tokens explain nothing of the loss here."
    of_nats = nats / explained.all.nats if explained.all.nats else 0.0
    shares = f"{_percent(tokens / explained.all.tokens)} of the text and {_percent(of_nats)} of the nats"
    hint = (
        "more text, or tokens that are parts of words, would help most there"
        if of_nats > 0.1
        else "the loss is that of tokens which the model knows well"
    )
    return f"Tokens seen less than ten times in training are {shares}: {hint}."


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.0005 else "less than 0.1%"


def _by_position(explained: Explanation, is_short: bool) -> Iterator[str]:
    for name, bins in explained.since.items():
        whole = name == "document" and not explained.has_documents
        if len(bins) < 2 or (name != "document" and bins == explained.since["document"]):
            continue  # the text has no lines, or each document is one
        if name == "paragraph" and bins == explained.since["line"]:
            continue
        what = "text" if whole else name
        head = f"{'position':<{_LABEL}} {'tokens':>11} {'nats each':>10}"
        rows = [f"{each.name:<{_LABEL}} {each.tokens:>11,} {each.nats_per_token:>10.3f}" for each in bins]
        says = "" if is_short else on_position(bins, what, explained.unit)
        yield _part(f"By position since the {what} began", says, head, rows)


def on_position(bins: Sequence[Bin], what: str, unit: str) -> str:
    """How the loss differs by position, if at two or more there are enough tokens; else empty."""
    some = [each for each in bins if each.tokens >= _FEW]
    if len(some) < 2:
        return ""
    first, last = some[0], some[-1]
    lowest, highest = (choose(some, key=lambda each: each.nats_per_token) for choose in (min, max))
    of = f", of positions with {_FEW} tokens or more" if len(some) < len(bins) else ""
    says = (
        f"From {first.nats_per_token:.2f} {unit} at position {first.name} to {last.nats_per_token:.2f} at "
        f"{last.name}, lowest at {lowest.name}{of}: "
    )
    if what == "text":
        return f"{says}where the column falls, longer context helps; where it rises, the text changes."
    if first.nats_per_token > 1.1 * last.nats_per_token:
        return f"{says}how a {what} begins is harder to predict than how it goes on."
    if last.nats_per_token > 1.1 * first.nats_per_token:
        return f"{says}how a {what} begins is easier to predict than how it goes on."
    if highest.nats_per_token > 1.1 * lowest.nats_per_token:
        return f"{says}a {what} is hardest to predict at {highest.name}."
    return f"{says}where in a {what} a token stands matters little."


def _calibration(explained: Explanation, is_short: bool) -> str:
    found, all_ = explained.calibration, explained.all
    says = (
        f"The most likely token came {all_.first / all_.tokens:.1%} of the time, one of the {TOP} most likely ones "
        f"{all_.within / all_.tokens:.1%}. The expected calibration error is {found.error:.4f} (of the most likely "
        f"token, 15 bins of equal width){'' if is_short else f': {_on_calibration(found)}'}."
    )
    head = f"{'confidence':<{_LABEL}} {'tokens':>11} {'mean':>8} {'right':>8} {'difference':>11}"
    rows = [
        f"{f'{each.low:.2f} to {each.high:.2f}':<{_LABEL}} {each.tokens:>11,} {each.confidence:>8.1%} "
        f"{each.accuracy:>8.1%} {each.accuracy - each.confidence:>+11.1%}"
        for each in found.bins()
    ]
    return _part("Accuracy and calibration", says, head, rows)


def _on_calibration(found: Calibration) -> str:
    over = found.confidence - found.accuracy
    if found.error <= _WELL:
        return "the model is right about as often as it says"
    if abs(over) > found.error / 2:
        word, hint = ("more", "above") if over > 0 else ("less", "below")
        return f"the model is {word} confident than right, so a temperature {hint} 1 would fit the text better"
    return "the model is too sure in some places and not sure enough in others"


def _lines(explained: Explanation) -> str:
    if not explained.lines:
        return ""
    says = (
        "Lines with the highest mean: look for what the training text lacks, such as names, another language, markup "
        "or errors. Lines are counted from the beginning of what was scored; --per-line has all of them."
    )
    rows = [
        f"{line.line:>9,} {line.nats_per_token:>10.3f}  {cut(_on_one_line(text), PIPED - 24)}"
        for line, text in explained.lines
    ]
    return _part("The most surprising lines", says, f"{'line':>9} {'nats each':>10}  text", rows)


def _on_one_line(text: str) -> str:
    return visible(text.strip().replace("\n", "↵").replace("\t", " "))


def _context(explained: Explanation, is_short: bool) -> str:
    curve = explained.context
    if curve is None:
        return ""
    ngrams = any(each.ngram is not None for each in curve.lengths)
    head = f"{'tokens of context':<{_LABEL}} {'nats each':>10} {'more than whole':>20}"
    head += f" {'n-gram':>10}" if ngrams else ""
    rows = []
    for each in curve.lengths:
        row = f"{each.tokens:<{_LABEL}} {each.nats_per_token:>10.3f} {f'{each.more:+.3f} ± {each.error:.3f}':>20}"
        rows.append(row + ("" if each.ngram is None else f" {each.ngram:>10.3f}"))
    rows.append(f"{'whole':<{_LABEL}} {curve.whole:>10.3f}")
    return _part("By how much context the model may see", _on_context(curve, is_short), head, rows)


def _on_context(curve: ContextCurve, is_short: bool) -> str:
    how = (
        f"At {number_of(curve.positions, 'position')}, after a reset of the state; ±: standard error. A reset in "
        "mid-text has a price of its own, so the network may use less of its state than this says: see rnngen inspect "
        "truncation."
    )
    if is_short:
        return how
    says = on_enough(curve)
    ngrams = [each for each in curve.lengths if each.ngram is not None]
    if ngrams:
        best = min(ngrams, key=lambda each: each.ngram or 0.0)
        says += f"; an n-gram model of order {best.tokens + 1} has {best.ngram:.3f} nats per token, which the network "
        reached = curve.as_good_as_ngram
        says += "reaches at no length" if reached is None else f"reaches with {number_of(reached, 'token')}"
    return f"{says}. {how}"


def on_enough(curve: ContextCurve) -> str:
    """How much context is used, or what is better than all of it."""
    sides, better, enough = " on each side" if curve.both_sides else "", curve.better, curve.enough
    if better is not None:
        length = f"{number_of(better.tokens, 'token')} of context{sides}"
        return f"Less context is better here: with {length}, the loss is {-better.more / curve.whole:.0%} lower"
    if enough is None:
        longest = curve.lengths[-1].tokens
        return f"More than {number_of(longest, 'token')} of context{sides} {is_or_are(longest)} used"
    come = "comes" if enough == 1 else "come"
    return f"{number_of(enough, 'token')} of context{sides} {come} within 1% of the loss with all of it"
