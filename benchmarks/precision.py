"""Which precision injects best on this machine: the same facts into the same base, in one run.

    python -m benchmarks.precision --json

In: pocket (or --base) and 40 invented facts of the exam banks. Out: for each precision seconds, tokens a second, recall on phrasings
never trained on, and claims about things never said.
"""

import argparse
import json
import time
from dataclasses import replace
from random import Random
from typing import Any

from memory.store import Fact
from pocket.banks import load_relations
from pocket.items import make_item
from tuning.adapters import attach, detach
from tuning.bases import load_base, resolve_base
from tuning.examples import Example, split_plain, split_questions
from tuning.lists import read_list
from tuning.search import default_plan, score_answers
from tuning.train import encode_examples, train


def invented_examples(count: int, seed: int) -> list[Example]:
    """Recall examples of `count` invented facts and half as many never-said questions, in splits."""
    rng = Random(seed)
    examples: list[Example] = []
    for number, relation in enumerate(rng.sample(load_relations("exam"), count)):
        item = make_item(relation, rng)
        fact = Fact(number, item.fact, None, "study", "active", None, None, "")
        examples += split_questions(fact, list(dict.fromkeys([*item.ask, *item.rev])), rng)
    return examples + split_plain(rng.sample(read_list("never_said.txt"), count), rng)


def measure(base_id: str, precision: str, examples: list[Example], epochs: int, seed: int, **changes: Any) -> dict[str, Any]:
    """One injection in one precision, with the default plan or `changes` to it."""
    started = time.monotonic()
    loaded = load_base(resolve_base(base_id), precision)
    load_seconds = time.monotonic() - started
    plan = replace(default_plan(loaded, epochs), **changes)
    model = attach(loaded, plan, seed)
    training = encode_examples(loaded, [example for example in examples if example.split == "train"])
    try:
        result = train(loaded, model, plan, training, [], [], seed)
        started = time.monotonic()
        scores = score_answers(loaded, [example for example in examples if example.split != "train"])
    finally:
        detach(model)
    return {
        "load_seconds": round(load_seconds, 2),
        "train_seconds": round(result.seconds, 2),
        "answer_seconds": round(time.monotonic() - started, 2),
        **scores,
        "loss": [round(epoch.loss, 3) for epoch in result.epochs],
    }


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that every comparison of injections takes."""
    parser.add_argument("--base", default="pocket")
    parser.add_argument("--facts", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")


def main() -> None:
    """Measure each precision and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.precision", description="Compare precisions of the frozen base.")
    add_options(parser)
    options = parser.parse_args()
    examples = invented_examples(options.facts, options.seed)
    results = {name: measure(options.base, name, examples, options.epochs, options.seed) for name in ("fp32", "bf16", "nf4")}
    if options.json:
        print(json.dumps(results, indent=1))
        return
    for name, row in results.items():
        print(
            f"{name:5} train {row['train_seconds']:6.1f} s  answer {row['answer_seconds']:5.1f} s  recall {row['recall']:.0%}  invents {row['false_claims']:.0%}"
        )


if __name__ == "__main__":
    main()
