"""Persons to evaluate with: what they said, and questions about it whose answers are known. In: nothing. Out: the two dataclasses that
every data set of `benchmarks.quality` gives, and how a person gets into a store.
"""

import json
import tempfile
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlite_utils import Database

from memory.importing import import_files
from memory.store import Profile, load_profile

ME = "Me"
KINDS = ("direct", "reworded", "reversal", "two_hop", "implicit", "updated", "unknown", "style")


@dataclass(frozen=True)
class Asked:
    """A question with its answer (the value that a reply must hold; alternatives separated by " | ") and its kind, one of `KINDS`.

    `reference` is the whole sentence that ROUGE compares with; of a style question it is what the person replied.
    """

    question: str
    answer: str
    kind: str
    reference: str = ""


@dataclass
class Person:
    """One invented or composed person: messages as (sender, text) in time order, the profile's lines, and questions."""

    name: str
    domain: str
    messages: list[tuple[str, str]]
    profile: list[str]
    questions: list[Asked] = field(default_factory=list)


def import_person(db: Database, person: Person) -> Profile:
    """The person's messages in a store, an hour apart; the messages of others are imported as theirs."""
    start = datetime(2026, 1, 5, 8, 0)
    rows = [
        {"conversation": person.domain, "sender": sender, "timestamp": (start + timedelta(hours=7 * n)).isoformat(), "text": text}
        for n, (sender, text) in enumerate(person.messages)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chat.jsonl"
        path.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
        import_files(db, person.name, [path], ME)
    return load_profile(db, person.name)
