"""Proof that a person's words are gone: texts are collected before a deletion, and the files of the data folder are searched for them after it."""

import re
from pathlib import Path

from sqlite_utils import Database

from memory.store import list_facts, list_messages
from memory.store.files import blocks_of

MOST_TEXTS = 200
LEAST_LETTERS = 16  # shorter texts may stand in a file by chance


def collect_texts(db: Database, profile_id: int) -> list[str]:
    """Up to MOST_TEXTS of a profile's longest messages and facts."""
    texts = {message.text for message in list_messages(db, profile_id)} | {
        fact.text for fact in list_facts(db, profile_id, active_only=False)
    }
    long_enough = sorted((text for text in texts if len(text) >= LEAST_LETTERS), key=lambda text: (-len(text), text))
    return long_enough[:MOST_TEXTS]


def count_traces(folder: Path, texts: list[str]) -> tuple[int, int]:
    """How many bytes of files in a data folder were read, and how many of the texts stand in them (by their first letters)."""
    needles = {text.encode()[:60] for text in texts}
    if not needles:
        return 0, 0
    pattern = re.compile(b"|".join(re.escape(needle) for needle in sorted(needles)))
    read, found = 0, set()
    for path in sorted(folder.glob("*")) + sorted(folder.glob("jobs/*")):
        if path.is_file():
            before = b""
            for block in blocks_of(path):
                read += len(block)
                found.update(pattern.findall(before + block))
                before = block[-64:]
    return read, len(found)
