"""Slots of a kind of fact, filled from a text: "{a}'s birthday is {v}" and "cake for my flatmate on 2 August" give flatmate and 2 August.

In: an entry of the phrasebook and a text. Out: the slots' values. English only.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

SLOT = re.compile(r"{(\w+)}")
_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_DAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
_MONEY = r"(?:[$€£]\s?\d[\d.,]*|\b\d[\d.,]*\s?(?:euros?|dollars?|pounds?|francs?|[€$£]))"
_TYPED = {
    "date": rf"\b(?:\d{{1,2}}(?:st|nd|rd|th)? (?:of )?(?:{_MONTHS})|(?:{_MONTHS}) \d{{1,2}}(?:st|nd|rd|th)?|\d{{1,2}}[./]\d{{1,2}}[./]?\d{{0,4}})\b",
    "money": _MONEY,
    "small_money": _MONEY,
    "time": r"\b\d{1,2}(?::\d\d)? ?(?:am|pm|o'clock)\b|\b\d{1,2}:\d\d\b",
    "weekday": rf"\b(?:{_DAYS})\b",
    "month": rf"\b(?:{_MONTHS})\b",
    "year": r"\b(?:19|20)\d\d\b",
    "number": r"\b\d+\b",
    "big_number": r"\b\d+\b",
    "code": r"\b[A-Z]?\d[\w-]*",
}
_NAMED = frozenset(
    "name surname company place city brand street pet_name song film book band title restaurant shop country school team game".split()
)
_EXAMPLES = {
    "date": "3 May", "money": "40 euros", "small_money": "4 euros", "time": "8 pm", "weekday": "Monday", "month": "May", "year": "2015",
    "number": "12", "big_number": "340", "code": "4821", "name": "Anna", "surname": "Miller", "company": "Brandt", "place": "Lisbon",
    "city": "Lisbon", "brand": "Solex", "street": "Mill Road", "pet_name": "Biscuit", "word": "Lumo", "song": "Blue Moon",
    "film": "Casablanca", "book": "Dracula", "band": "Queen",
}  # fmt: skip
_NAME = re.compile(r"\b[A-Z][\w'-]+(?: (?:of |in |the )?[A-Z][\w'-]+)*")
_MINE = re.compile(r"\b(?:[Mm]y|[Yy]our) ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?")


@dataclass(frozen=True)
class Entry:
    """A kind of fact, with slots: how it is said and asked for, asked back from its value (`rev`), and requests that it should change (`use`); the
    type of each slot, and the values of types that are lists."""

    said: tuple[str, ...]
    ask: tuple[str, ...]
    slots: dict[str, str]
    lists: dict[str, tuple[str, ...]]
    rev: tuple[str, ...] = ()
    use: tuple[str, ...] = ()


def fill_slots(text: str, values: dict[str, str]) -> str:
    """Text with its slots filled, its first letter a capital; a slot without a value becomes "something"."""
    out = SLOT.sub(lambda match: values.get(match[1], "something"), text)
    return out[:1].upper() + out[1:]


def with_examples(entry: Entry, values: dict[str, str] | None = None) -> dict[str, str]:
    """A value for every slot: the given ones, for the others one of their type."""
    return {slot: (values or {}).get(slot) or _example_of(kind, entry) for slot, kind in entry.slots.items()}


def _example_of(kind: str, entry: Entry) -> str:
    return entry.lists[kind][0] if kind in entry.lists else _EXAMPLES.get(kind, "something")


def fit_slots(entry: Entry, text: str, living: frozenset[str]) -> dict[str, str] | None:
    """The slots that a text fills; None where it has no value of a type that can be told (a date, a price) for one of them.

    `living` are words for people and animals: "my flatmate" fills a slot for one of them although the entry's own list lacks flatmates.
    """
    values: dict[str, str] = {}
    for slot, kind in entry.slots.items():
        found = _value_of(kind, entry, text, list(values.values()))
        if found is None:
            return None
        if not found and slot != "v" and living.intersection(entry.lists.get(kind, ())):
            found = next((word for word in subjects_of(text) if word in living), "")
        if found:
            values[slot] = found
    return values


def _value_of(kind: str, entry: Entry, text: str, taken: Sequence[str]) -> str | None:
    """What a text holds for a slot: a value, "" where that cannot be told, None where it holds none of a type that can."""
    if kind in _TYPED:
        return next((match[0] for match in re.finditer(_TYPED[kind], text) if match[0] not in taken), None)
    if kind in entry.lists:
        lowered = text.lower()
        known = [value for value in entry.lists[kind] if value not in taken and re.search(rf"\b{re.escape(value.lower())}\b", lowered)]
        return max(known, key=len, default="")
    if kind in _NAMED:
        names = (match for match in _NAME.finditer(text) if match.start() and match[0] not in taken and not re.match(r"I\b", match[0]))
        return next((match[0] for match in names), "")
    return ""


def subjects_of(text: str) -> list[str]:
    """What a text calls mine or yours, the longer form first: "younger sister", "sister"."""
    found: dict[str, None] = {}
    for match in _MINE.finditer(text):
        if match[2]:
            found[f"{match[1]} {match[2]}"] = None
        found[match[1]] = None
    return list(found)
