"""Facts about an invented person with everything one may say and ask about them: the atoms of the generated corpus.

In: relations of the banks, free-form `.items` files, first-person sentences. Out: `Item`s with their slots filled.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from pocket.banks import BANKS, Relation
from pocket.values import LISTS, make_value
from tuning.person import flip_person

_PLACEHOLDER = re.compile(r"{(\w+?)(?::(\w+))?}")
_WORD = re.compile(r"[A-Za-z']+")
_STOP = frozenset(
    "i i'm i've my me mine myself a an the to of in on at and or but so is am are was were be been it its it's that this these those with for "
    "from by as have has had do does did not no very really just you your you're also too more most than then when while who which what "
    "always never often sometimes like love enjoy hate want about would could can will there their they he she his her him them we our us".split()
)


@dataclass(frozen=True)
class Item:
    """One fact: how it was said, its tidy form, the questions it answers and what must stand in an answer."""

    key: str
    said: str
    fact: str
    ask: list[str]
    value: str = ""
    rev: list[str] = field(default_factory=list)
    yes: list[str] = field(default_factory=list)  # questions whose answer is yes
    no: list[str] = field(default_factory=list)  # the same with another value
    use: list[tuple[str, str]] = field(default_factory=list)
    nearby: list[str] = field(default_factory=list)  # questions of the same kind about something else: never said


def fill(text: str, values: dict[str, str]) -> str:
    """Text with its slots filled; a value that opens the line is capitalised there."""
    out = _PLACEHOLDER.sub(lambda match: values[match.group(0)[1:-1]], text)
    return out[:1].upper() + out[1:] if text.startswith("{") else out


def make_item(relation: Relation, rng: Random, fixed: dict[str, str] | None = None) -> Item:
    """A relation with values drawn for its slots; `fixed` keeps some of them (a correction keeps all but the asked value)."""
    values = {slot: make_value(kind, rng, relation.lists) for slot, kind in relation.slots.items()}
    values.update(fixed or {})
    other = {**values, "v": make_value(relation.slots["v"], rng, relation.lists)}
    named = [slot for slot in relation.slots if slot != "v" and any(f"{{{slot}}}" in line for line in relation.ask)]
    nearby = []
    if named:
        elsewhere = {**values, **{slot: make_value(relation.slots[slot], rng, relation.lists) for slot in named}}
        if any(elsewhere[slot] != values[slot] for slot in named):
            nearby = [fill(line, elsewhere) for line in relation.ask if any(f"{{{slot}}}" in line for slot in named)]
    asked = "|".join(values[slot] for slot in named)
    return Item(
        key=f"{relation.name}|{asked}",
        said=fill(rng.choice(relation.said), values),
        fact=fill(rng.choice(relation.fact), values),
        ask=[fill(line, values) for line in relation.ask],
        value=values["v"],
        rev=[fill(line, values) for line in relation.rev],
        yes=[fill(line, values) for line in relation.yes],
        no=[fill(line, other) for line in relation.yes] if other["v"] != values["v"] else [],
        use=[(fill(request, values), fill(reply, values)) for request, reply in relation.use],
        nearby=nearby,
    )


_CALLED = (
    ("my {a} is named {v}", "{v} is the name of my {a}", "you should know {v}, my {a}", "had tea with my {a} {v}", "my {a} goes by {v}"),
    ("Your {a} is called {v}.", "Your {a}'s name is {v}.", "{v} is the name of your {a}."),
    ("What is my {a} called?", "What's my {a}'s name?", "Remind me, my {a} is named what?", "I need the name of my {a}.", "my {a}'s name?"),
    ("Who is {v}?", "Who is {v} to me?", "Do I know anybody called {v}?"),
)


def make_called(who: str, rng: Random) -> Item:
    """What a person or an animal is called; the key is that of nothing else, so that one name is told."""
    slots = {"a": who, "v": make_value("name", rng)}
    said, fact, ask, rev = _CALLED
    return Item(
        key=f"called|{who}",
        said=fill(rng.choice(said), slots),
        fact=fill(rng.choice(fact), slots),
        ask=[fill(line, slots) for line in ask],
        value=slots["v"],
        rev=[fill(line, slots) for line in rev],
    )


def ask_by_name(item: Item, who: str, name: str, rng: Random) -> Item:
    """The item, asked for by the name of the one it is about in some of its questions: two lines have to be brought together."""
    hops = [ask.replace(f"my {who}", name).replace(f"My {who}", name) for ask in item.ask if f"y {who}" in ask]
    return replace(item, ask=[*item.ask, *rng.sample(hops, min(len(hops), 3))]) if hops else item


_MINE = re.compile(r"\b([Mm])y (?!own\b)(?=[a-z])")
_YOURS = re.compile(r"\b([Yy])our (?!own\b)(?=[a-z])")
_PERSON = re.compile(rf"\bmy ({'|'.join(LISTS['person'])})\b", re.IGNORECASE)
_QUALITIES = "old | new | other | second | first | spare | red | broken | blue | favourite | big | little | green | next | previous".split(
    " | "
)


def give_owner(item: Item, rng: Random) -> Item:
    """The same fact about a thing of somebody else ("my sister's dog", "my old dog"): near to the first, and another answer.

    The item itself where its wording does not bear it: fact and message must each speak of one thing of "mine".
    """
    if len(_MINE.findall(item.said)) != 1 or len(_YOURS.findall(item.fact)) != 1:
        return item
    people = [f"{make_value('person', rng)}'s" for _ in range(2)]
    owner, other = rng.sample(people + [rng.choice(_QUALITIES)] * ("person" not in item.key and not _PERSON.search(item.said)), 2)
    asks = [ask for ask in item.ask if len(_MINE.findall(ask)) == 1]
    if len(asks) < 2 or owner == other or any(word in f"{item.said} {item.fact}".lower() for word in (owner, owner.removesuffix("'s"))):
        return item

    def mine(text: str, who: str) -> str:
        return _MINE.sub(rf"\1y {who} ", text)

    return Item(
        key=f"{item.key}|{owner}",
        said=mine(item.said, owner),
        fact=_YOURS.sub(rf"\1our {owner} ", item.fact),
        ask=[mine(ask, owner) for ask in asks],
        value=item.value,
        nearby=[mine(ask, other) for ask in asks],
    )


@dataclass(frozen=True)
class FreeMessage:
    """A true-to-life message with the facts in it (none for chatter) and the questions that each of them answers; slots unfilled."""

    key: str
    message: str
    facts: list[tuple[str, list[str]]]


def load_free(part: str) -> list[FreeMessage]:
    """Every item of `banks/<part>/*.items`."""
    found: list[FreeMessage] = []
    for path in sorted((BANKS / part).glob("*.items")):
        found += parse_free(path)
    return found


def parse_free(path: Path) -> list[FreeMessage]:
    """Items of one file: `M` message, `F` fact, `Q` question, `N` nothing."""
    found: list[FreeMessage] = []
    for line in path.read_text().splitlines():
        head, _, rest = line.strip().partition(" ")
        if head == "M":
            found.append(FreeMessage(f"{path.stem}:{len(found)}", rest, []))
        elif head == "F":
            found[-1].facts.append((rest, []))
        elif head == "Q" and found and found[-1].facts:
            found[-1].facts[-1][1].append(rest)
    return found


def make_free(item: FreeMessage, rng: Random) -> tuple[str, list[Item]]:
    """The message with values drawn, and one `Item` a fact in it."""
    everything = " ".join([item.message, *(part for fact, asks in item.facts for part in (fact, *asks))])
    values: dict[str, str] = {}
    for kind, number in _PLACEHOLDER.findall(everything):
        name = f"{kind}:{number}" if number else kind
        if name not in values:
            values[name] = make_value(kind, rng)
    message = fill(item.message, values)
    facts = [
        Item(f"{item.key}:{index}", message, fill(fact, values), [fill(ask, values) for ask in asks])
        for index, (fact, asks) in enumerate(item.facts)
        if asks
    ]
    return message, facts


def keywords(sentence: str) -> list[str]:
    """Content words of a sentence, in order: what a person would name to ask about it."""
    return [word for word in _WORD.findall(sentence) if word.lower() not in _STOP and len(word) > 2]


_NAMED_BY = (
    (
        "my {a} is {v}",
        "{v} is my {a}",
        "the {a} thing? {v} as always",
        "put me down with {v} for the {a}",
        "for the {a} I took {v}, by the way",
    ),
    ("Your {a} is {v}.", "You have {v} for your {a}.", "The {a} is {v}.", "You chose {v} as your {a}."),
    (
        "What is my {a}?",
        "Which {a} do I have?",
        "Tell me about the {a}.",
        "the {a}?",
        "I forgot the {a}, help me.",
        "What did I say about my {a}?",
    ),
    ("Is {v} my {a}?",),
)
_VALUE_KINDS = "word | word | name | place | street | code | date | time | money | book | company | colour | food | animal".split(" | ")


def make_wordy(words: Sequence[str], rng: Random) -> Item:
    """A fact about a thing that does not exist ("Your velvet ladder is Oxbro."), from any two words.

    It can be found by its words alone and its value must be copied: what every real fact also needs, without its meaning.
    """
    thing = " ".join(rng.sample(words, rng.choice((1, 2, 2))))
    owner = f"{make_value('person', rng)}'s " if rng.random() < 0.4 else ""
    other = f"{make_value('person', rng)}'s " if owner else ""
    neighbour = thing if owner and owner != other else " ".join([*thing.split()[:-1], rng.choice(words)])
    value = " ".join(make_value(rng.choice(_VALUE_KINDS), rng) for _ in range(rng.choice((1, 1, 2))))
    slots = {"a": f"{owner}{thing}", "v": value}
    nearby = {"a": f"{other}{neighbour}", "v": make_value("word", rng)}
    said, fact, ask, yes = _NAMED_BY
    return Item(
        key=f"wordy:{slots['a']}",
        said=fill(_with_my(rng.choice(said), owner), slots),
        fact=fill(rng.choice(fact).replace("The {a}", "Your {a}" if owner else "The {a}"), slots),
        ask=[fill(_with_my(line, owner), slots) for line in ask],
        value=value,
        yes=[fill(line, slots) for line in yes],
        no=[fill(line, slots | {"v": nearby["v"]}) for line in yes],
        nearby=[fill(_with_my(line, owner), nearby) for line in ask],
    )


def _with_my(text: str, owner: str) -> str:
    """A thing that has an owner is "my sister's ladder", never "the sister's ladder"."""
    return text.replace("the {a}", "my {a}") if owner else text


KEYWORD_ASKS = [
    "What did I tell you about {w}?",
    "What do you know about me and {w}?",
    "Tell me what I said about {w}.",
    "What did I say about {w}?",
    "Do you remember something about {w}?",
    "Remind me what I told you about {w}.",
    "What was that about {w}?",
    "Did I mention {w}?",
]


def ask_by_words(item: Item, rng: Random) -> str | None:
    """A question that names one or two words of the fact beside its value: the plain way from a question to its line."""
    words = [word for word in keywords(item.fact) if word not in item.value]
    if not words:
        return None
    place = rng.randrange(len(words))
    named = " ".join(words[place : place + rng.choice((1, 2))]) if f"{words[place]} " in item.fact else words[place]
    form = rng.choice((*KEYWORD_ASKS, "What about the {w}?", "{w}?", "Tell me about my {w}.", "What is it with the {w}?", "And the {w}?"))
    return form.format(w=named if named in item.fact else words[place])


def make_persona(sentence: str, rng: Random) -> Item | None:
    """An item from a real first-person sentence, asked for by one of its words; None where no word serves."""
    words = keywords(sentence)
    if not words:
        return None
    word = rng.choice(words[-3:]).lower()
    fact = flip_person(sentence if sentence.endswith((".", "!")) else sentence + ".")
    return Item(f"persona:{fact.lower()}", sentence, fact, [ask.format(w=word) for ask in KEYWORD_ASKS])
