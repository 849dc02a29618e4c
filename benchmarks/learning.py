"""How good a model gets in the time given: rnngen's default beside others, each for the same seconds, in one run.

    python benchmarks/learning.py --corpus TEXT --work 18

The unit of the budget is what the machine can do: ``--work`` counts TFLOP of ``torch.mm`` in float32 (the product of
two 2048 x 2048 matrices), measured first, so 18 of them are 150 s at 120 GFLOP/s and 65 s at 278. ``--minutes`` gives
the time itself.

rnngen gets the text and no option but the time (and the precision and tokenizer, if they are asked for). The others
(``rivals.py``) are a plain ``nn.LSTM`` of 256 units and a small transformer. The first nine tenths are learned from,
the last tenth is scored whole, in nats per character; its second half, by which nothing was chosen, on its own too.
Learning curves are on its first half. From them comes after which share of a rival's time rnngen is as good as the
rival is at its end: between two validations linearly, never before the first.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from contest import SMOKE_TEXT, Outcome, encoded, run_rival, run_rnngen, time_to_reach
from machine import describe, print_table, write_results
from rivals import PlainLSTM, Transformer

from rnngen.corpus.sources import TextSource


def compare(ours: Outcome, rival: Outcome) -> dict[str, Any]:
    """How far ahead rnngen is (nats per character), and when it is where the rival ends."""
    end = min(nats for _, nats in rival.curve)  # of the weights it ends with: it keeps its best
    reached = time_to_reach(ours.curve, end)
    return {
        "rival": rival.model,
        "ahead": rival.nats_per_character - ours.nats_per_character,
        "ahead_second_half": rival.second_half - ours.second_half,
        "rival_ends_at": end,
        "reached_after_s": reached,
        "share_of_time": None if reached is None else reached / rival.seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", help="a text file")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--work", type=float, default=18, help="TFLOP of torch.mm that each may take (default 18)")
    budget.add_argument("--minutes", type=float, help="time of each, instead")
    parser.add_argument("--precision", choices=["auto", "float32", "bf16"], default="auto", help="of rnngen")
    parser.add_argument("--tokenizer", choices=["char", "bpe", "word"], default="char", help="for all")
    parser.add_argument("--baseline-bf16", action="store_true", help="the plain LSTM in bf16 autocast too")
    parser.add_argument("--smoke", action="store_true", help="a few seconds on a made-up text, to see that it runs")
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    arguments = parser.parse_args()
    options: dict[str, Any] = {"tokenizer": arguments.tokenizer, "precision": arguments.precision}
    options = {name: value for name, value in options.items() if value != parser.get_default(name)}
    machine = describe()
    if arguments.smoke:
        name, text, seconds = "smoke", SMOKE_TEXT, 2.0
        options["size"] = "tiny"
    elif arguments.corpus:
        name, text = Path(arguments.corpus).stem, "".join(TextSource([arguments.corpus]))
        given = arguments.minutes
        seconds = 60 * given if given else 1000 * arguments.work / machine["mm_gflops_float32"]
    else:
        parser.error("--corpus is needed")
    print(f"{seconds:.1f} s each: torch.mm runs at {machine['mm_gflops_float32']} GFLOP/s in float32")

    with encoded(text, arguments.tokenizer) as corpus:
        ours = run_rnngen(corpus, seconds, options)
        time_of_each = max(seconds, ours.seconds)  # if rnngen took longer, so may the others
        makers = [
            lambda: PlainLSTM(corpus.train, corpus.vocab_size),
            lambda: Transformer(corpus.train, corpus.vocab_size),
        ]
        if arguments.baseline_bf16:
            makers.append(lambda: PlainLSTM(corpus.train, corpus.vocab_size, bf16=True))
        rivals = [run_rival(corpus, time_of_each, make) for make in makers]
        about = {"name": name, **corpus.describe()}

    print_table([outcome.row() for outcome in (ours, *rivals)])
    comparisons = [compare(ours, rival) for rival in rivals]
    for line in comparisons:
        share = line["share_of_time"]
        when = "not reached" if share is None else f"reached in {share:.0%} of its time"
        print(f"{line['rival']}: rnngen is {line['ahead']:+.4f} nats per character ahead; where it ends is {when}")
    result = {
        "machine": machine,
        "corpus": about,
        "seconds": seconds,
        "work_tflop": seconds * machine["mm_gflops_float32"] / 1000,
        "options": options,
        "contenders": [vars(outcome) for outcome in (ours, *rivals)],
        "comparisons": comparisons,
    }
    write_results("-".join(["learning", name, *map(str, options.values())]), result, arguments.out)


if __name__ == "__main__":
    main()
