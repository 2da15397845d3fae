"""Which side should this person use: adapter, retrieval or both? Answered from their own held-out questions, with the interval that supports it.

In: questions with what each side answered. Out: the advice as a row: side, sentence, shares, differences with bootstrap intervals.
The questions are the test split, which nothing was chosen on.
"""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

from memory.retrieval import nearness
from tuning.examples import PLAIN, Example
from tuning.lookup import look_up
from tuning.prompts import is_abstention
from tuning.scores import holds_answer, paired_interval
from tuning.sides import RetrievalPlan, Speaker

COMPARED = ("adapter", "rag", "hybrid")  # the cheapest to answer with comes first
NAMES = {"adapter": "the adapter alone", "rag": "retrieval alone", "hybrid": "both together"}
KNOWN_MOST, UNKNOWN_MOST = 60, 30
NEAR = 0.1  # of the questions: a cheaper side is advised only where it is no further behind the best one, with 95 % certainty
RETRIEVAL_PLANS = (  # in order of preference; messages hold what study missed, so that they are left out only where facts alone do clearly better
    RetrievalPlan(2, ("facts", "messages")),
    RetrievalPlan(1, ("facts", "messages")),
    RetrievalPlan(4, ("facts", "messages")),
    RetrievalPlan(8, ("facts", "messages")),
    RetrievalPlan(1, ("facts",)),
    RetrievalPlan(2, ("facts",)),
    RetrievalPlan(4, ("facts",)),
    RetrievalPlan(4, ("messages",)),
)
AS_GOOD = 0.1  # less than the best plan's worth, and a plan before it is taken: the questions that decide were made from the facts
FIRST_QUESTIONS, FAR_BEHIND = 20, 0.25  # behind the lead after so many questions or a third of them: hardly chance
PLAN_QUESTIONS, FLOOR_QUESTIONS = 60, 72
FLOORS = tuple(place / 20 for place in range(11))  # of the nearest line's cosine; questions and their lines lie mostly between 0.3 and 0.8


def ask_sides(speaker: Speaker, examples: Sequence[Example], seed: int = 0) -> dict[str, list[bool]]:
    """For each side whether its answer to each held-out test question is right (a never-said one is right when declined)."""
    asked = own_test(examples, seed)
    found = {}
    for side in COMPARED:
        replies = [answer.text for answer in speaker.answer(side, [example.question for example in asked], 40)]
        found[side] = [is_right(reply, example) for reply, example in zip(replies, asked)]
    return found


def own_test(examples: Sequence[Example], seed: int) -> list[Example]:
    """The questions that decide: of the test split, at most `KNOWN_MOST` with an answer and `UNKNOWN_MOST` without."""
    rng = Random(seed)
    known = [example for example in examples if example.split == "test" and example.kind == "recall"]
    unknown = [example for example in examples if example.split == "test" and example.kind == "unknown"]
    return [*rng.sample(known, min(len(known), KNOWN_MOST)), *rng.sample(unknown, min(len(unknown), UNKNOWN_MOST))]


def is_right(reply: str, example: Example) -> bool:
    """Whether a reply is what the question deserves: its answer, or that it was never said."""
    return is_abstention(reply) if example.kind == "unknown" else holds_answer(reply, example.answer, example.question)


def count_right(right: dict[str, list[bool]], asked: Sequence[Example]) -> dict[str, Any]:
    """The same answers as counts: `known` and `unknown` questions, `hits` and `invents` of each side, and which facts the adapter knows (`checks`)."""
    known = [place for place, example in enumerate(asked) if example.kind == "recall"]
    unknown = [place for place, example in enumerate(asked) if example.kind == "unknown"]
    checks: dict[str, int] = {}
    for place in known:
        if asked[place].fact_id is not None and "adapter" in right:
            fact = str(asked[place].fact_id)
            checks[fact] = max(checks.get(fact, 0), int(right["adapter"][place]))
    return {
        "known": len(known), "unknown": len(unknown), "checks": checks,
        "hits": {side: sum(answers[place] for place in known) for side, answers in right.items()},
        "invents": {side: sum(not answers[place] for place in unknown) for side, answers in right.items()},
    }  # fmt: skip


def advise(right: dict[str, list[bool]]) -> dict[str, Any]:
    """The advice from right and wrong answers of each side to the same questions.

    The best side is advised. A cheaper one takes its place only where it is shown to be as good: where all of the 95 % paired bootstrap
    interval of the difference lies below NEAR. That others cannot be told apart on so few questions is no reason to use them: it is said.
    """
    sides = [side for side in COMPARED if side in right]
    count = len(right[sides[0]]) if sides else 0
    if not count:
        return {
            "side": None,
            "sure": False,
            "questions": 0,
            "sentence": "There are no held-out questions to judge by: import more and inject again.",
        }
    shares = {side: sum(right[side]) / count for side in sides}
    best = max(sides, key=lambda side: shares[side])
    differences: dict[str, dict[str, Any]] = {
        other: {"difference": round(shares[best] - shares[other], 4), "interval": paired_interval(right[best], right[other])}
        for other in sides
        if other != best
    }
    equal = [other for other, row in differences.items() if row["interval"][0] <= 0]
    chosen = next(side for side in sides if side == best or (side in equal and differences[side]["interval"][1] <= NEAR))
    return {
        "side": chosen,
        "best": best,
        "as_good": chosen != best,
        "sure": not equal,
        "questions": count,
        "shares": {side: round(share, 4) for side, share in shares.items()},
        "differences": differences,
        "sentence": _sentence(chosen, best, equal, shares, differences, count),
    }


def _sentence(
    chosen: str, best: str, equal: Sequence[str], shares: dict[str, float], differences: dict[str, dict[str, Any]], count: int
) -> str:
    told = ", ".join(f"{NAMES[side]} {share:.0%}" for side, share in shares.items())
    head = f"Right on your {count} held-out questions: {told}."
    if not equal:
        nearest = min(differences, key=lambda side: differences[side]["difference"])
        low, high = differences[nearest]["interval"]
        return f"{head} Use {NAMES[best]}: ahead of {NAMES[nearest]} by {100 * low:.0f} to {100 * high:.0f} points (95 % interval)."
    others = " and ".join(NAMES[side] for side in equal)
    spans = "; ".join(f"{100 * differences[side]['interval'][0]:+.0f} to {100 * differences[side]['interval'][1]:+.0f}" for side in equal)
    use = f"Use {NAMES[chosen]}" + (": it is as good, and cheaper." if chosen != best else ", until more questions say otherwise.")
    return (
        f"{head} {NAMES[best].capitalize()} came first, but {others} cannot be told apart from it on so few questions (difference in points, "
        f"95 % interval: {spans}). {use}"
    )


def choose_retrieval(speaker: Speaker, examples: Sequence[Example]) -> RetrievalPlan:
    """The retrieval plan that answers most questions right, less what it invents; the baseline is meant to be good.

    Asked are plain questions of the training and validation splits: the base never trains, so that the adapter's are as good as any, and there are enough.
    """
    askable = [example for example in examples if example.split != "test" and example.view in PLAIN]
    Random(0).shuffle(askable)
    known = [example for example in askable if example.kind == "recall"][:FLOOR_QUESTIONS]
    unknown = [example for example in askable if example.kind == "unknown"][: FLOOR_QUESTIONS // 2]
    return choose_floor(speaker, _best_plan(speaker, known[:PLAN_QUESTIONS], unknown[: PLAN_QUESTIONS // 3]), known, unknown)


def _best_plan(speaker: Speaker, known: Sequence[Example], unknown: Sequence[Example]) -> RetrievalPlan:
    """The first of the plans that is nearly as good as the best; those that are far behind after some questions are asked no more."""
    if not known:
        return RetrievalPlan()
    cut = max(FIRST_QUESTIONS, len(known) // 3)
    share = cut * len(unknown) // len(known) if len(known) > cut else len(unknown)
    first, rest = (known[:cut], unknown[:share]), (known[cut:], unknown[share:])
    good = {plan: _asked(speaker, plan, first) for plan in RETRIEVAL_PLANS}
    lead = max(_worth([*right, *declined], first) for right, declined in good.values())
    worths: dict[RetrievalPlan, float] = {}
    for plan, (right, declined) in good.items():
        if _worth([*right, *declined], first) >= lead - FAR_BEHIND:
            more, none = _asked(speaker, plan, rest)
            worths[plan] = _worth([*right, *more, *declined, *none], (known, unknown))
    return next(plan for plan, value in worths.items() if value >= max(worths.values()) - AS_GOOD)


def _asked(speaker: Speaker, plan: RetrievalPlan, asked: tuple[Sequence[Example], Sequence[Example]]) -> tuple[list[bool], list[bool]]:
    return _right(speaker, plan, "rag", asked[0]), _declined(speaker, plan, "rag", asked[1])


def choose_floor(speaker: Speaker, plan: RetrievalPlan, known: Sequence[Example], unknown: Sequence[Example]) -> RetrievalPlan:
    """The plan with the lowest of the good floors for the nearest line's cosine: below it a question is answered without lines.

    Lines that are beside the question tempt a small model to answer with one of them; with a floor it says that it was never told.
    """
    if not known or not unknown:
        return plan
    asked = known, unknown
    read = [*_right(speaker, plan, "rag", known), *_declined(speaker, plan, "rag", unknown)]
    bare = [*_right(speaker, plan, "base", known), *_declined(speaker, plan, "base", unknown)]
    near = [nearness(look_up(speaker.db, speaker.profile.id, example.question, plan.k, plan.sources)[0]) for example in [*known, *unknown]]

    def worth(least: float) -> float:
        return _worth([with_lines if cosine >= least else without for with_lines, without, cosine in zip(read, bare, near)], asked)

    worths = [worth(least) for least in FLOORS]
    # The lowest that is nearly as good: people's own questions lie further from their facts than those made of the facts do.
    return replace(plan, least=next(least for least, value in zip(FLOORS, worths) if value >= max(worths) - AS_GOOD))


def _right(speaker: Speaker, plan: RetrievalPlan, side: str, examples: Sequence[Example]) -> list[bool]:
    return [is_right(text, example) for text, example in zip(_texts(speaker, plan, side, examples), examples)]


def _declined(speaker: Speaker, plan: RetrievalPlan, side: str, examples: Sequence[Example]) -> list[bool]:
    return [is_abstention(text) for text in _texts(speaker, plan, side, examples)]


def _texts(speaker: Speaker, plan: RetrievalPlan, side: str, examples: Sequence[Example]) -> list[str]:
    speaker.plan = plan
    return [answer.text for answer in speaker.answer(side, [example.question for example in examples], 40)] if examples else []


def _worth(good: Sequence[bool], asked: tuple[Sequence[Example], Sequence[Example]]) -> float:
    """The share of known questions answered right minus the share of unknown ones not declined; `good` holds first the known ones."""
    known, unknown = good[: len(asked[0])], good[len(asked[0]) :]
    return sum(known) / max(1, len(known)) - (len(unknown) - sum(unknown)) / max(1, len(unknown))
