"""The end of an injection in numbers: the sides answer the same held-out questions once, and what to use follows from it.

In: the stored adapter and the validation examples, whose phrasings were never trained on. Out: right answers and inventions of adapter, retrieval
and both, and for each fact whether the adapter knows it.
"""

from collections.abc import Sequence
from typing import Any

from tuning.examples import Example
from tuning.prompts import is_abstention
from tuning.scores import holds_answer, wilson_interval
from tuning.sides import Speaker

COMPARED = ("adapter", "rag", "hybrid")
MOST_KNOWN, MOST_UNKNOWN = 72, 40


def compare_sides(speaker: Speaker, examples: Sequence[Example]) -> dict[str, Any]:
    """`known`, `unknown` (questions asked), `hits` and `invents` by side, `use` (a side), `sure`, and `checks` (fact -> 1 or 0)."""
    held_out = [example for example in examples if example.split == "validation"]
    known = [example for example in held_out if example.kind == "recall"][:MOST_KNOWN]
    unknown = [example for example in held_out if example.kind == "unknown"][:MOST_UNKNOWN]
    hits, invents, checks = {}, {}, {}
    for side in COMPARED if known else ():
        replies = [answer.text for answer in speaker.answer(side, [example.question for example in [*known, *unknown]], 48)]
        right = [holds_answer(reply, example.answer, example.question) for example, reply in zip(known, replies)]
        hits[side] = sum(right)
        invents[side] = sum(not is_abstention(reply) for reply in replies[len(known) :])
        if side == "adapter":
            checks = {str(example.fact_id): int(good) for example, good in zip(known, right) if example.fact_id is not None}
    card = {"known": len(known), "unknown": len(unknown), "hits": hits, "invents": invents}
    return {**card, **choose_side(card), "checks": checks}


def choose_side(card: dict[str, Any]) -> dict[str, Any]:
    """The side with the best share of right answers less the share of inventions; `sure` if its interval of right answers stands clear of the others'."""
    if not card["known"]:
        return {"use": None, "sure": False}

    def score(side: str) -> float:
        return float(card["hits"][side] / card["known"] - card["invents"][side] / max(1, card["unknown"]))

    use = max(card["hits"], key=score)
    intervals = {side: wilson_interval(hits, card["known"]) for side, hits in card["hits"].items()}
    return {"use": use, "sure": all(intervals[use][0] > high for side, (_, high) in intervals.items() if side != use)}
