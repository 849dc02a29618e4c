"""The plan of a run in lines, as it is printed before the first step, and where it changes."""

from __future__ import annotations

from rnngen.cli.documents import documents
from rnngen.corpus.documents import NONE
from rnngen.corpus.encoded import EncodedCorpus
from rnngen.corpus.labels import listed_labels
from rnngen.formats import count, duration, number_of, share
from rnngen.training.launch import Launched
from rnngen.training.planning.plan import Plan


def plan_lines(plan: Plan, done: int = 0) -> list[str]:
    """The plan, as it is printed before the first step, or before the next one of a run that has ``done`` some."""
    model, train = plan.config.model, plan.config.train
    parts = ", ".join(
        f"{count(n)} {name}"
        for name, n in (("train", plan.train_tokens), ("valid", plan.valid_tokens), ("test", plan.test_tokens))
    )
    unknown = _lines_on_unknown(plan)
    pseudo = ["loss    pseudo-nats, each token given all others; not comparable with the nats of a left-to-right model"]
    pseudo = pseudo if model.bidirectional else []
    enough = ", enough for a text of this size" if plan.capped else ""
    unusable = [f"note    {name}: {why}" for name, why in plan.unusable.items() if name != train.precision]
    on = f"{train.device} ({number_of(train.threads or 0, 'thread')})" if train.device == "cpu" else train.device
    return [
        f"text    {parts} {plan.config.data.tokenizer} tokens, vocabulary {plan.vocab_size:,}",
        f"model   {model.describe()}, {count(plan.parameters)} parameters",
        f"dropout {model.dropout:g} of outputs, {model.weight_dropout:g} of recurrent weights, "
        f"{model.input_dropout:g} of inputs",
        f"steps   {train.steps:,} {'more ' if done else ''}of {number_of(train.batch_size, 'stream')} x "
        f"{number_of(train.bptt, 'token')} = "
        f"{plan.epochs:.1f} epochs{enough}",
        f"speed   {count(plan.tokens_per_second)} tokens per second on {on} in {train.precision}",
        f"about   {duration(plan.seconds)} from here, {plan.memory_bytes / 2**20:.0f} MiB plus torch's own memory",
        *pseudo,
        *unusable,
        *unknown,
        *(f"note    {note}" for note in plan.notes),
    ]


def _lines_on_unknown(plan: Plan) -> list[str]:
    if plan.config.data.tokenizer == "words-closed":
        shares = ", ".join(f"{share(*counts)} of the {part}" for part, counts in plan.unknown.items())
        return [f"note    {shares} tokens are <unk>, which is read, but never written"] if shares else []
    return [
        f"note    {share(*counts)} of the {part} characters are not in the vocabulary; all of them are read as one "
        "symbol, which is never written"
        for part, counts in plan.unknown.items()
    ]


def opening_lines(launched: Launched) -> list[str]:
    """The lines below the title, before the first step: the plan, or the progress of a resumed run."""
    trainer, plan = launched.trainer, launched.plan
    lines = [f"note    {note}" for note in launched.notes]
    if plan is None:
        left = trainer.schedule.steps - trainer.step
        return [f"steps   {trainer.step:,} of {trainer.schedule.steps:,} taken, {left:,} left", *lines]
    sources = trainer.corpus.sources
    is_told = sources is not None and sources.is_worth_telling and not trainer.step
    files = [f"files   {sources.line()}"] if sources and is_told else []
    return [
        *files,
        *_document_lines(trainer.corpus, plan.config.data.documents),
        *plan_lines(plan, trainer.step),
        *lines,
    ]


def _document_lines(corpus: EncodedCorpus, rule: str | None) -> list[str]:
    """How many documents there are, and what each is."""
    numbers = {name: part.counts.documents for name, part in corpus.parts.items()}
    total = sum(numbers.values())
    if not total:
        return []
    parts = ", ".join(f"{number:,} {name}" for name, number in numbers.items())
    names = corpus.tokenizer.labels
    labels = [f"labels  {len(names):,}: {listed_labels(names)}"] if names else []
    found = documents(total, corpus.documents or rule or NONE, corpus.sources, lists=bool(corpus.lists))
    return [f"docs    {found}: {parts}", *labels]
