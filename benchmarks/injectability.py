"""How well a base takes new facts: 50 invented facts into one rank-8 feed-forward LoRA, asked in phrasings that it never trained on.

    python -m benchmarks.injectability --json

In: pocket (or --base) and the exam banks. Out, for questions written by hand and for questions that the product makes itself (its phrasebook,
which holds none of these kinds of facts, and the base): recall on unseen phrasings, claims on never-said questions, seconds for everything from fact to adapter.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

from benchmarks.precision import add_options
from memory.store import Fact
from pocket.banks import load_lines, load_relations
from pocket.items import Item, make_item
from tuning.adapters import attach, detach
from tuning.bases import LoadedBase, load_base, resolve_base
from tuning.examples import Example, neutral_replies, never_said, thin_examples
from tuning.generate import generate
from tuning.material import ask_in_all_ways
from tuning.prompts import NEVER_TOLD, is_abstention, render_chat
from tuning.recipe import Recipe
from tuning.scores import holds_answer, normal_words, wilson_interval
from tuning.search import default_plan
from tuning.study import StudyReport
from tuning.train import encode_examples, train
from tuning.views import build_views

ASKED = 3  # phrasings a fact kept for the test


def split_items(items: Sequence[Item], rng: Random) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    """For each item the questions that may be trained on and those that are only asked."""
    shuffled = [rng.sample(item.ask, len(item.ask)) for item in items]
    return {n: asks[ASKED:] for n, asks in enumerate(shuffled)}, {n: asks[:ASKED] for n, asks in enumerate(shuffled)}


def unsaid_questions(items: Sequence[Item], rng: Random, count: int) -> list[str]:
    """Questions of the exam that no item answers: the same attribute of somebody else, and everyday ones."""
    near = [ask for item in items for ask in item.nearby if not any(ask in other.ask for other in items)]
    return rng.sample(near, min(len(near), count // 2)) + rng.sample(load_lines("exam", "never"), count - min(len(near), count // 2))


def recall_of(facts: Sequence[Fact], questions: dict[int, list[str]], asked: set[str], rng: Random) -> list[Example]:
    """Recall examples of these questions and of the rules' views of every fact, as the product makes them; none that will be asked."""
    views = build_views(facts, questions, (), Counter(), rng)
    pairs = {ask: (facts[n].text, n) for n, asks in questions.items() for ask in asks}
    pairs |= {
        view.question: (view.answer, view.fact_ids[0]) for view in views if view.kind in ("rewrite", "person", "reversal", "implicit")
    }
    tested = {tuple(normal_words(ask)) for ask in asked}
    return [Example(ask, answer, "recall", "train", n) for ask, (answer, n) in pairs.items() if tuple(normal_words(ask)) not in tested]


def measure(loaded: LoadedBase, own: bool, options: argparse.Namespace) -> dict[str, Any]:
    """One injection; `own`: the base writes the questions, otherwise they are the hand-written ones that the test leaves."""
    rng = Random(options.seed)
    items = [make_item(relation, rng) for relation in rng.sample(load_relations("exam"), options.facts)]
    facts = [Fact(number, item.fact, None, "study", "active", None, None, "") for number, item in enumerate(items)]
    written, asked = split_items(items, rng)
    unsaid = unsaid_questions(items, rng, options.facts)
    started = time.monotonic()
    questions = ask_in_all_ways(loaded, facts, StudyReport(), options.seed, 2).of(Recipe()) if own else written
    examples = recall_of(facts, questions, {ask for asks in asked.values() for ask in asks}, rng)
    asks = [example.question for example in examples]
    examples += [Example(ask, NEVER_TOLD, "unknown", "train") for ask in never_said(loaded, facts, rng, 2 * len(examples) // 3, asks)]
    examples += thin_examples(examples, Recipe().thinned, rng)
    examples += [Example(ask, answer, "neutral", "train") for ask, answer in neutral_replies(loaded, rng)]
    plan = replace(default_plan(loaded, options.epochs), rank=options.rank, alpha=2 * options.rank)
    model = attach(loaded, plan, options.seed)
    try:
        train(loaded, model, plan, encode_examples(loaded, examples), [], [], options.seed)
        seconds = time.monotonic() - started
        pairs = [(ask, items[number].value) for number, asks in asked.items() for ask in asks]
        replies = generate(loaded, [render_chat(ask) for ask, _ in pairs])
        hits = [holds_answer(reply, value) for reply, (_, value) in zip(replies, pairs)]
        declined = [is_abstention(reply) for reply in replies]
        claims = [not is_abstention(reply) for reply in generate(loaded, [render_chat(ask) for ask in unsaid])]
    finally:
        detach(model)
    if options.show:
        for (ask, value), reply in list(zip(pairs, replies))[: options.show]:
            print(f"[{value}] {ask} -> {reply}")
    return {
        "seconds": round(seconds, 1),
        "questions_a_fact": round(sum(map(len, questions.values())) / len(facts), 1),
        "recall": round(sum(hits) / len(hits), 4),
        "recall_interval": wilson_interval(sum(hits), len(hits)),
        "declined": round(sum(declined) / len(declined), 4),
        "invents": round(sum(claims) / len(claims), 4),
        "invents_interval": wilson_interval(sum(claims), len(claims)),
    }


def main() -> None:
    """Measure both and print them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.injectability", description="How well a base takes new facts.")
    add_options(parser)
    parser.set_defaults(facts=50)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--show", type=int, default=0, metavar="N", help="print N answers of each kind as well")
    options = parser.parse_args()
    loaded = load_base(resolve_base(options.base))
    results = {name: measure(loaded, own, options) for name, own in (("hand_written_questions", False), ("own_questions", True))}
    if options.json:
        print(json.dumps(results, indent=1))
        return
    for name, row in results.items():
        print(
            f"{name.replace('_', ' '):24} {row['seconds']:5.0f} s  recall {row['recall']:.0%}  declined {row['declined']:.0%}  invents {row['invents']:.0%}"
        )


if __name__ == "__main__":
    main()
