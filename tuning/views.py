"""Views of facts: the many ways in which one fact may be asked for, made by rule and held against their source.

In: facts, with the questions that study found for them. Out: `View`s (a question with its answer) by kind, and what was dropped and why.
Diverse views decide recall more than the adapter does (docs/injection.md); every value in a view comes from its facts.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random

from memory.store import Fact
from tuning.frames import word_questions
from tuning.grammar import Parts, naming_of, questions_of, reversals_of, take_apart, yes_no_of
from tuning.person import unflip_person
from tuning.requests import requests_for, shared_requests

KINDS = ("rewrite", "person", "reversal", "yes_no", "two_fact", "two_hop", "implicit", "updated", "dated", "summary", "word")
MOST_A_FACT = {"rewrite": 4, "person": 2, "reversal": 2, "yes_no": 2, "implicit": 2, "updated": 3, "dated": 1}
TWO_HOPS_A_FACT = 4
SUMMARISED = 3  # facts in one answer: a small base cannot hold more
DATED_SHARE = 0.25  # of the facts


@dataclass(frozen=True)
class View:
    """A question with its answer; `fact_ids` are all facts that it quotes or rests on, the first is the one it teaches."""

    kind: str
    question: str
    answer: str
    fact_ids: tuple[int, ...]


def build_views(
    facts: Sequence[Fact], questions: dict[int, list[str]], corrected: Sequence[tuple[Fact, Fact]], dropped: Counter[str], rng: Random
) -> list[View]:
    """Every view that the rules give of these facts; `corrected` are pairs of an old fact and the one that replaced it."""
    parts = {fact.id: take_apart(fact.text) for fact in facts}
    made = [
        *(view for fact in facts for view in one_fact_views(fact, parts[fact.id], facts, parts, rng)),
        *two_fact_views(facts, questions, rng),
        *two_hop_views(facts, questions, rng),
        *updated_views(corrected),
        *dated_views(facts, rng),
        *summary_views(facts),
        *shared_views(facts),
        *word_views(facts, rng),
    ]
    return check_views(made, {fact.id: fact.text for fact in [*facts, *(old for old, _ in corrected)]}, dropped)


def one_fact_views(fact: Fact, parts: Parts | None, facts: Sequence[Fact], everything: dict[int, Parts | None], rng: Random) -> list[View]:
    """Rewrites, other persons, reversal, yes/no and implicit use of one fact."""
    found = [View("implicit", request, fact.text, (fact.id,)) for request in requests_for(fact.text, rng)[: MOST_A_FACT["implicit"]]]
    if parts is None:
        return found
    own = (fact.id,)
    asks = questions_of(parts)
    found += [View("rewrite", ask, fact.text, own) for ask in rng.sample(asks, min(len(asks), MOST_A_FACT["rewrite"]))]
    found += [View("rewrite", gap, fact.text, own) for gap in gap_questions(fact, parts)]
    found += [View("person", ask, fact.text, own) for ask in _one_of(questions_of(parts, "third"), rng)]
    mine = unflip_person(fact.text)
    if mine:
        found += [View("person", f'Answer for me: "{ask}"', mine, own) for ask in _one_of(questions_of(parts, "second"), rng)]
    if unique_value(parts, everything):
        backward = reversals_of(parts)
        found += [View("reversal", ask, fact.text, own) for ask in rng.sample(backward, min(len(backward), MOST_A_FACT["reversal"]))]
    return found + yes_no_views(fact, parts, facts, everything, rng)


def _one_of(asks: Sequence[str], rng: Random) -> list[str]:
    return rng.sample(asks, min(1, len(asks)))


def gap_questions(fact: Fact, parts: Parts) -> list[str]:
    """The person's own sentence with a gap for the value: "My cat is called what?"; all its words stand near those of any other wording."""
    mine = unflip_person(fact.text)
    before = mine.partition(parts.value)[0].rstrip() if mine else ""
    return [f"{before} what?"] if len(before.split()) >= 2 else []


def unique_value(parts: Parts, everything: dict[int, Parts | None]) -> bool:
    """Whether no other fact has the same value: a reversal with two answers teaches neither."""
    return sum(other is not None and other.value.lower() == parts.value.lower() for other in everything.values()) <= 1


def yes_no_views(fact: Fact, parts: Parts, facts: Sequence[Fact], everything: dict[int, Parts | None], rng: Random) -> list[View]:
    """The true question, and the same with the value of another fact of the same shape (or another number)."""
    true = yes_no_of(parts, parts.value)
    if true is None:
        return []
    statement = fact.text[:1].lower() + fact.text[1:]
    found = [View("yes_no", true, f"Yes, {statement}", (fact.id,))]
    others = [
        (other.id, there.value)
        for other in facts
        if (there := everything[other.id]) is not None
        and comparable(there, parts)
        and there.value.lower() != parts.value.lower()
        and shape(there.value) == shape(parts.value)
        and other.id != fact.id
    ]
    if others:
        other_id, value = rng.choice(others)
        found.append(View("yes_no", yes_no_of(parts, value) or "", f"No, {statement}", (fact.id, other_id)))
    elif number := re.search(r"\d+", parts.value):
        value = parts.value.replace(number[0], str(int(number[0]) + rng.choice((1, 2, 5))), 1)
        found.append(View("yes_no", yes_no_of(parts, value) or "", f"No, {statement}", (fact.id,)))
    return found


def comparable(one: Parts, other: Parts) -> bool:
    """Whether the value of one fact could be that of another: of the same kind of fact, said with the same verb, both of a thing or neither."""
    if one.link.name != other.link.name or (one.subject is None) != (other.subject is None):
        return False
    if one.link.name == "be":
        return one.subject is not None and shape(one.value) in ("name", "number")
    return one.link.name not in ("do", "have", "own", "feel") or one.words == other.words


def shape(value: str) -> str:
    """What kind of value a text is: a number, a name or words."""
    return "number" if re.search(r"\d", value) else "name" if value[:1].isupper() else "words"


def two_fact_views(facts: Sequence[Fact], questions: dict[int, list[str]], rng: Random) -> list[View]:
    """Two questions in one, for a third of the facts: "What is my cat called, and how much is my rent?"."""
    ready = [fact for fact in facts if questions.get(fact.id)]
    chosen = rng.sample(ready, len(ready) // 3 * 2)
    found = []
    for first, second in zip(chosen[::2], chosen[1::2]):
        asks = [rng.choice(questions[fact.id]) for fact in (first, second)]
        if asks[0].endswith("?"):
            question = f"{asks[0][:-1]}, and {_small(asks[1])}"
            found.append(View("two_fact", question, f"{first.text} {second.text}", (first.id, second.id)))
    return found


def _small(question: str) -> str:
    return question if question.startswith("I ") or question.startswith("I'") else question[:1].lower() + question[1:]


def two_hop_views(facts: Sequence[Fact], questions: dict[int, list[str]], rng: Random) -> list[View]:
    """Questions that need a second fact to know who is meant: "Where does Mina work?" from facts about "my sister", and the other way."""
    found = []
    for naming in facts:
        named = naming_of(naming.text)
        if named is None:
            continue
        subject, name = named
        for fact in facts:
            if fact.id == naming.id:
                continue
            swapped = {
                re.sub(rf"\bmy {re.escape(subject)}\b(?! {re.escape(name)})", name, ask)
                for ask in questions.get(fact.id, ())
                if name not in ask
            }
            swapped |= {re.sub(rf"\b{re.escape(name)}\b", f"my {subject}", ask) for ask in questions.get(fact.id, ()) if subject not in ask}
            fresh = sorted(ask[:1].upper() + ask[1:] for ask in swapped - set(questions.get(fact.id, ())))
            found += [View("two_hop", ask, fact.text, (fact.id, naming.id)) for ask in rng.sample(fresh, min(len(fresh), TWO_HOPS_A_FACT))]
    return found


def updated_views(corrected: Sequence[tuple[Fact, Fact]]) -> list[View]:
    """Of a corrected fact the old value as a negative: "Is my rent still 900 euros?" "No, your rent is 940 euros."."""
    found = []
    for old, new in corrected:
        before = take_apart(old.text)
        statement = f"{new.text[:1].lower()}{new.text[1:]}"
        ids = (new.id, old.id)
        stale = yes_no_of(before, before.value) if before else None
        if stale:
            found += [
                View("updated", stale, f"No, {statement}", ids),
                View("updated", f"{stale[:-1].rstrip()} now?", f"No, {statement}", ids),
                View("updated", f"{stale[:-1].rstrip()}, or has that changed?", f"No, {statement}", ids),
            ]
        else:
            plain = unflip_person(old.text)
            found += [View("updated", f"Is it still true: {plain}", f"No, {statement}", ids)] if plain else []
    return found


def dated_views(facts: Sequence[Fact], rng: Random) -> list[View]:
    """When a fact was told, for a share of those whose message has a date."""
    dated = [fact for fact in facts if _day(fact.said_at)]
    chosen = rng.sample(dated, round(DATED_SHARE * len(dated)))
    found = []
    for fact in chosen:
        mine = unflip_person(fact.text)
        if mine:
            said = mine[:1].lower() + mine[1:].rstrip(".") if not re.match(r"I\b", mine) else mine.rstrip(".")
            found.append(View("dated", f"When did I tell you that {said}?", f"You told me that on {_day(fact.said_at)}.", (fact.id,)))
    return found


def summary_views(facts: Sequence[Fact]) -> list[View]:
    """What was told on one day; at most `SUMMARISED` facts an answer."""
    return [
        View("summary", question, " ".join(fact.text for fact in told), tuple(fact.id for fact in told))
        for question, told in told_together(facts)
    ]


def told_together(facts: Sequence[Fact]) -> list[tuple[str, list[Fact]]]:
    """Questions for the facts of one day, for days with two facts or a few more, each with those facts."""
    days: dict[str, list[Fact]] = {}
    for fact in facts:
        if day := _day(fact.said_at):
            days.setdefault(day, []).append(fact)
    return [
        (form.format(day), told[:SUMMARISED])
        for day, told in days.items()
        if 2 <= len(told) <= SUMMARISED + 2
        for form in ("What did I tell you on {}?", "Summarise what I said on {}.")
    ]


def shared_views(facts: Sequence[Fact]) -> list[View]:
    """Requests that several facts bear on, such as what to cook; the answer gives the first of them."""
    return [
        View("implicit", request, " ".join(facts[place].text for place in places), tuple(facts[place].id for place in places))
        for request, places in shared_requests([fact.text for fact in facts])
    ]


def word_views(facts: Sequence[Fact], rng: Random) -> list[View]:
    """Every fact asked for by its words: "Has tea anything to do with me?"."""
    asked = word_questions(facts, rng)
    return [View("word", ask, fact.text, (fact.id,)) for fact in facts for ask in asked[fact.id]]


def _day(said_at: str | None) -> str | None:
    """A date as one says it: "13 March 2026"."""
    try:
        moment = datetime.fromisoformat(said_at or "")
    except ValueError:
        return None
    return f"{moment.day} {moment:%B %Y}"


_CAPITAL = re.compile(r"(?<![.!?\"] )(?<!^)(?<!\")\b[A-Z][a-z]+")
_COMMON = frozenset(
    "I You Your My Yes No Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June July August September "
    "October November December Am Is Are Do Does Can Answer".split()
)


def check_views(views: Sequence[View], sources: dict[int, str], dropped: Counter[str]) -> list[View]:
    """The views that hold up against their facts, each question once; the rest is counted by kind and reason."""
    kept: dict[str, View] = {}
    for view in views:
        key = " ".join(re.findall(r"\w+", view.question.lower()))
        reason = fault(view, sources)
        other = kept.get(key)
        if reason:
            dropped[f"{view.kind} view: {reason}"] += 1
        elif other is not None and other.answer != view.answer:
            dropped[f"{view.kind} view: its question has another answer too"] += 1
        else:
            kept.setdefault(key, view)
    return list(kept.values())


def fault(view: View, sources: dict[int, str]) -> str | None:
    """Why a view may not be kept, or None."""
    if any(number not in sources for number in view.fact_ids):
        return "its fact is gone"
    source = " ".join(sources[number] for number in view.fact_ids)
    if not 2 <= len(view.question.split()) <= 40:
        return "too short or too long"
    if view.kind in ("rewrite", "model", "two_hop", "implicit") and view.answer.rstrip(".").lower() in view.question.lower():
        return "the question gives its answer away"
    if view.kind not in ("dated", "summary", "yes_no", "updated"):
        if not set(re.findall(r"\d+", view.question)) <= set(re.findall(r"\d+", source)):
            return "holds a number that the fact does not"
        known = {word.lower() for word in re.findall(r"\w+", source)}
        if any(name.lower() not in known for name in _CAPITAL.findall(view.question) if name not in _COMMON):
            return "holds a name that the fact does not"
    return None


__all__ = ["KINDS", "View", "build_views", "check_views", "fault", "shape"]
