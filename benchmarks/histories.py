"""Generated personal histories: an invented person with any number of facts up to several hundred, and questions of every kind.

In: `data/histories.txt` and a seed. Out: a `Person`. One fact in eight is corrected later; one subject in four is only asked about (never
said); two-hop questions go through the name of a person whose other facts were told.
"""

from pathlib import Path
from random import Random

from benchmarks.people import ME, Asked, Person
from pocket.banks import Relation, parse_bank
from pocket.items import fill
from pocket.values import LISTS, make_value

BANK = Path(__file__).parent / "data" / "histories.txt"
CORRECTED = 0.125
NEVER = 0.25  # of the number of facts: questions about what was never said
CORRECTIONS = ("actually, forget what I said before: {}", "update: {}", "that has changed, {}")
CHATTER = (
    "haha yes",
    "how was your day?",
    "see you later",
    "what a week",
    "good morning!",
    "did you see the game?",
    "it rains again",
    "ok",
)
TYPES = {"person": 34, "pet": 10}


def make_person(facts: int, seed: int) -> Person:
    """A person with so many facts, the same for the same seed."""
    rng = Random(f"history:{facts}:{seed}")
    relations = parse_bank(BANK.read_text())
    pairs = [(relation, subject) for relation in relations for subject in _subjects(relation)]
    told = _choose(pairs, facts, rng)
    person = Person(f"history-{facts}-{seed}", "history", [], [])
    values, names = {}, {}
    for relation, subject in told:
        values[relation.name, subject] = _value(relation, rng)
        if relation.name.endswith(".name"):
            names[subject] = values[relation.name, subject]
    corrected = [pair for pair in told if not pair[0].name.endswith(".name") and rng.random() < CORRECTED]
    first, later = [], []
    for relation, subject in told:
        now = {"a": subject, "v": values[relation.name, subject]}
        if (relation, subject) in corrected:
            old = {"a": subject, "v": _value(relation, rng, now["v"])}
            first.append(fill(rng.choice(relation.said), old))
            later.append(rng.choice(CORRECTIONS).format(fill(relation.said[0], now)))
        else:
            first.append(fill(rng.choice(relation.said), now))
        person.profile.append(fill(relation.fact[0], now))
        person.questions += _questions(relation, now, (relation, subject) in corrected, names, rng)
    person.questions = _clear(person.questions)
    rng.shuffle(first)
    for text in [*first, *later]:
        person.messages.append((ME, text))
        if rng.random() < 0.3:
            person.messages.append(("Sam", rng.choice(CHATTER)))
    never = [pair for pair in pairs if pair not in told]
    for relation, subject in rng.sample(never, min(len(never), max(6, round(NEVER * facts)))):
        ask = rng.choice([ask.removeprefix("~ ") for ask in relation.ask])
        person.questions.append(Asked(fill(ask, {"a": subject, "v": ""}), "", "unknown"))
    return person


def _clear(questions: list[Asked]) -> list[Asked]:
    """Without questions that two facts answer differently: two people who share a birthday."""
    answers: dict[str, set[str]] = {}
    for asked in questions:
        answers.setdefault(asked.question, set()).add(asked.answer)
    return [asked for asked in questions if len(answers[asked.question]) == 1]


def _subjects(relation: Relation) -> list[str]:
    """Whom or what a relation may be about."""
    kind = relation.slots["a"]
    return relation.lists[kind] if kind in relation.lists else LISTS[kind][: TYPES.get(kind, 20)]


def _choose(pairs: list[tuple[Relation, str]], count: int, rng: Random) -> list[tuple[Relation, str]]:
    """Facts about a circle of people as large as their number needs, so that there are several about each, the name among them."""
    if count > len(pairs):
        raise ValueError(f"the bank holds {len(pairs)} facts, not {count}")
    people = sorted({subject for relation, subject in pairs if relation.name.startswith("folk.")})
    circle = set(rng.sample(people, min(len(people), max(3, count // 14))))
    near = [pair for pair in pairs if pair[1] in circle or not pair[0].name.startswith("folk.")]
    pool = near if len(near) >= count else pairs
    names = [pair for pair in pool if pair[0].name == "folk.name" and pair[1] in circle][: count // 5]
    others = [pair for pair in pool if pair not in names]
    weights = [3.0 if pair[1] in circle else 1.0 for pair in others]
    keyed = sorted(others, key=lambda pair: rng.random() ** (1 / weights[others.index(pair)]), reverse=True)
    return [*names, *keyed[: count - len(names)]]


def _value(relation: Relation, rng: Random, but: str = "") -> str:
    while (value := make_value(relation.slots["v"], rng, relation.lists)) == but:
        pass
    return value


def _questions(relation: Relation, now: dict[str, str], corrected: bool, names: dict[str, str], rng: Random) -> list[Asked]:
    """The questions about one fact: at most one of each kind."""
    fact = fill(relation.fact[0], now)
    plain = [ask for ask in relation.ask if not ask.startswith("~")]
    other = [ask[2:] for ask in relation.ask if ask.startswith("~ ")]
    found = [Asked(fill(rng.choice(plain), now), now["v"], "updated" if corrected else "direct", fact)]
    found += [Asked(fill(rng.choice(other), now), now["v"], "reworded", fact)]
    if relation.rev and not corrected:
        found.append(Asked(fill(rng.choice(relation.rev), now), now["a"], "reversal", fact))
    if relation.use and not corrected:
        request, reply = rng.choice(relation.use)
        found.append(Asked(fill(request, now), now["v"], "implicit", f"{fill(reply, now)}."))
    name = names.get(now["a"])
    if name and relation.name.startswith("folk.") and not relation.name.endswith(".name"):
        hop = fill(rng.choice(plain), now).replace(f"my {now['a']}", name)
        found.append(Asked(hop[:1].upper() + hop[1:], now["v"], "two_hop", fact))
    return found
