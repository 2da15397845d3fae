"""The room of facts: sentences about the person come in, each is kept once, with the messages that state it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from memory.errors import DuplicateFact, UnknownFact
from memory.store.database import fetch, fetch_one, now, to_json, transaction
from memory.store.forgetting import delete_fact, forget_all, forget_fact, forget_message, remember_forgotten_fact
from memory.store.keys import hash_parts, normalise_fact, profile_salt

__all__ = [
    "Fact", "NewFact", "add_facts", "edit_fact", "fetch_facts", "find_fact", "forget_all", "forget_fact",
    "forget_message", "list_facts", "mark_studied", "remove_facts", "studied_messages", "supersede",
]  # fmt: skip


@dataclass(frozen=True)
class NewFact:
    """A fact to store: `source` is "study" (from a message), "profile" (from the form) or "user" (typed or edited)."""

    text: str
    message_id: int | None = None
    source: str = "study"
    said_at: str | None = None


@dataclass(frozen=True)
class Fact:
    """A stored fact; `status` is "active", "superseded" (by a newer one) or "excluded"; `message_id` its newest source.

    A pinned fact is never replaced by a newer one; `changed` is when its text was last edited.
    """

    id: int
    text: str
    message_id: int | None
    source: str
    status: str
    superseded_by: int | None
    said_at: str | None
    created: str
    pinned: bool = False
    changed: str | None = None


def add_facts(db: Database, profile_id: int, facts: list[NewFact]) -> list[int]:
    """Stores facts and returns their ids in order; one whose text is known returns the old id.

    Left out: a fact that the person forgot (unless typed again, by hand or into the form), and one whose message is excluded or gone, as
    it may have become while it was being studied.
    """
    ids = []
    with transaction(db):
        salt = profile_salt(db, profile_id)
        for fact in facts:
            number = _add_fact(db, profile_id, salt, fact)
            if number is not None:
                ids.append(number)
    return ids


def list_facts(db: Database, profile_id: int, active_only: bool = True) -> list[Fact]:
    """The facts of a profile in the order they were learnt; superseded and excluded ones only on request."""
    active = "AND status = 'active'" if active_only else ""
    return [_fact(row) for row in fetch(db, f"SELECT * FROM facts WHERE profile_id = ? {active} ORDER BY id", [profile_id])]


def fetch_facts(db: Database, ids: Iterable[int]) -> list[Fact]:
    """The facts with these ids, in the order of the ids; ids that are gone are left out."""
    wanted = list(ids)
    rows = fetch(db, "SELECT * FROM facts WHERE id IN (SELECT value FROM json_each(?))", [to_json(wanted)])
    found = {row["id"]: _fact(row) for row in rows}
    return [found[number] for number in wanted if number in found]


def find_fact(db: Database, profile_id: int, text: str) -> Fact | None:
    """The fact that says the same (see normalise_fact), or None."""
    row = fetch_one(db, "SELECT * FROM facts WHERE profile_id = ? AND normal = ?", [profile_id, normalise_fact(text)])
    return _fact(row) if row else None


def supersede(db: Database, old_id: int, new_id: int) -> None:
    """Says that a newer fact replaces an older one; if the newer had itself been replaced (moved back), it is revived.

    A pinned fact stays: the newer one is then noted as replaced by it.
    """
    if old_id == new_id:
        return
    with transaction(db):
        if _load_row(db, old_id)["pinned"]:
            old_id, new_id = new_id, old_id
        _load_row(db, new_id)
        db.execute("UPDATE facts SET status = 'active', superseded_by = NULL WHERE id = ?", [new_id])
        db.execute("UPDATE facts SET status = 'superseded', superseded_by = ? WHERE id = ?", [new_id, old_id])


def edit_fact(db: Database, fact_id: int, text: str) -> None:
    """Corrects a fact's text; its vectors and examples go, and study will not bring the old text back.

    Raises UnknownFact, or DuplicateFact when another fact already says so.
    """
    normal = normalise_fact(text)
    with transaction(db):
        row = _load_row(db, fact_id)
        other = find_fact(db, row["profile_id"], text)
        if not normal or (other and other.id != fact_id):
            raise DuplicateFact(f'The text "{text}" is empty or already the fact number {other.id if other else "?"}.')
        if normal != row["normal"]:
            remember_forgotten_fact(db, row["profile_id"], row["normal"])
            _unforget(db, row["profile_id"], normal)
            db.execute("DELETE FROM examples WHERE fact_id = ?", [fact_id])
            db.execute("UPDATE facts SET changed = ? WHERE id = ?", [now(), fact_id])
        db.execute("UPDATE facts SET text = ?, normal = ? WHERE id = ?", [text.strip(), normal, fact_id])


def remove_facts(db: Database, ids: Iterable[int]) -> None:
    """Deletes facts that no longer hold (a form field emptied) with all that was made of them, keeping no hash."""
    with transaction(db):
        for fact_id in ids:
            delete_fact(db, _load_row(db, fact_id))


def studied_messages(db: Database, profile_id: int, studier: str) -> set[int]:
    """The messages that this studier (a model and its prompt version) has been through."""
    sql = """SELECT message_id FROM studied JOIN messages ON messages.id = message_id
             WHERE profile_id = ? AND studier = ?"""
    return {row["message_id"] for row in fetch(db, sql, [profile_id, studier])}


def mark_studied(db: Database, ids: Iterable[int], studier: str) -> None:
    """Notes that this studier has been through these messages; those deleted meanwhile are passed over."""
    with transaction(db):
        db.execute(
            """INSERT OR IGNORE INTO studied (message_id, studier)
               SELECT id, ? FROM messages WHERE id IN (SELECT value FROM json_each(?))""",
            [studier, to_json(list(ids))],
        )


def _add_fact(db: Database, profile_id: int, salt: bytes, fact: NewFact) -> int | None:
    normal = normalise_fact(fact.text)
    if not normal or not _may_learn(db, profile_id, salt, normal, fact):
        return None
    row = fetch_one(db, "SELECT id FROM facts WHERE profile_id = ? AND normal = ?", [profile_id, normal])
    if row:
        number = int(row["id"])
        _restate(db, number, fact)
    else:
        cursor = db.execute(
            """INSERT INTO facts (profile_id, text, normal, message_id, source, said_at, created)
               VALUES (?, ?, ?, ?, ?, ?, ?)""",
            [profile_id, fact.text.strip(), normal, fact.message_id, fact.source, fact.said_at, now()],
        )
        number = int(cursor.lastrowid or 0)
    if fact.message_id is not None:
        db.execute("INSERT OR IGNORE INTO fact_messages VALUES (?, ?)", [number, fact.message_id])
    return number


def _may_learn(db: Database, profile_id: int, salt: bytes, normal: str, fact: NewFact) -> bool:
    """Whether nothing forbids the fact: its message is there and not excluded, and its text was not forgotten."""
    if fact.message_id is not None:
        sql = "SELECT 1 FROM messages WHERE id = ? AND profile_id = ? AND NOT excluded"
        if fetch_one(db, sql, [fact.message_id, profile_id]) is None:
            return False
    if fact.source != "study":
        _unforget(db, profile_id, normal)
        return True
    key = hash_parts(salt, "fact", normal)
    sql = "SELECT 1 FROM forgotten WHERE profile_id = ? AND kind = 'fact' AND hash = ?"
    return fetch_one(db, sql, [profile_id, key]) is None


def _restate(db: Database, fact_id: int, fact: NewFact) -> None:
    """A known fact said again later: its time and its message become the newer ones, for the newest of two wins."""
    db.execute(
        """UPDATE facts SET said_at = :said_at, message_id = coalesce(:message_id, message_id)
           WHERE id = :id AND :said_at IS NOT NULL AND (said_at IS NULL OR said_at < :said_at)""",
        {"id": fact_id, "said_at": fact.said_at, "message_id": fact.message_id},
    )


def _unforget(db: Database, profile_id: int, normal: str) -> None:
    key = hash_parts(profile_salt(db, profile_id), "fact", normal)
    db.execute("DELETE FROM forgotten WHERE profile_id = ? AND kind = 'fact' AND hash = ?", [profile_id, key])


def _load_row(db: Database, fact_id: int) -> dict[str, Any]:
    row = fetch_one(db, "SELECT * FROM facts WHERE id = ?", [fact_id])
    if row is None:
        raise UnknownFact(f"There is no fact number {fact_id}: it may have been forgotten meanwhile.")
    return row


def _fact(row: dict[str, Any]) -> Fact:
    return Fact(
        row["id"],
        row["text"],
        row["message_id"],
        row["source"],
        row["status"],
        row["superseded_by"],
        row["said_at"],
        row["created"],
        bool(row["pinned"]),
        row["changed"],
    )
