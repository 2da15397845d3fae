"""Facts about an invented person with everything one may say and ask about them: the atoms of the generated corpus.

In: relations of the banks, free-form `.items` files, first-person sentences. Out: `Item`s with their slots filled.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from pocket.banks import BANKS, Relation
from pocket.values import make_value
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


def make_persona(sentence: str, rng: Random) -> Item | None:
    """An item from a real first-person sentence, asked for by one of its words; None where no word serves."""
    words = keywords(sentence)
    if not words:
        return None
    word = rng.choice(words[-3:]).lower()
    fact = flip_person(sentence if sentence.endswith((".", "!")) else sentence + ".")
    return Item(f"persona:{fact.lower()}", sentence, fact, [ask.format(w=word) for ask in KEYWORD_ASKS])
