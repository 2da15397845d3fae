"""Forgetting: the number of a fact or a message comes in; it, all that was made of it and its traces in the file go.

A salted hash stays, so that neither study nor another import brings it back. Each function returns what went, by kind.
"""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlite_utils import Database

from memory.errors import UnknownFact, UnknownMessage
from memory.store.database import fetch, fetch_one, purge, request_purge, to_json, transaction
from memory.store.forms import ABOUT_ME, fact_of_field
from memory.store.keys import hash_parts, normalise_fact, profile_salt
from memory.store.messages import forgotten_key

TABLES = ("messages", "facts", "runs", "adapters", "turns", "reports")


def forget_fact(db: Database, profile_id: int, fact_id: int) -> dict[str, int]:
    """Deletes a fact, its vectors, its examples and every adapter trained on it; its messages are kept but excluded.

    Raises UnknownFact.
    """
    return forget_facts(db, profile_id, [fact_id])


def forget_facts(db: Database, profile_id: int, fact_ids: Sequence[int]) -> dict[str, int]:
    """As forget_fact for several facts, all or none, with one purge at the end; raises UnknownFact."""
    went: Counter[str] = Counter()
    with transaction(db):
        for fact_id in fact_ids:
            went.update(_forget_one(db, profile_id, fact_id))
        request_purge(db)
    purge(db)
    return dict(went)


def _forget_one(db: Database, profile_id: int, fact_id: int) -> dict[str, int]:
    fact = fetch_one(db, "SELECT * FROM facts WHERE id = ? AND profile_id = ?", [fact_id, profile_id])
    if fact is None:
        raise UnknownFact(f"There is no fact number {fact_id} in this profile: list them with the facts command.")
    excluded = db.execute(
        "UPDATE messages SET excluded = 1 WHERE id IN (SELECT message_id FROM fact_messages WHERE fact_id = ?)",
        [fact_id],
    ).rowcount
    remember_forgotten_fact(db, profile_id, fact["normal"])
    _empty_field(db, profile_id, fact["normal"])
    return {**delete_fact(db, fact), "messages_excluded": excluded}


def forget_message(db: Database, profile_id: int, message_id: int) -> dict[str, int]:
    """Deletes a message and the facts that no other message of the person states; raises UnknownMessage."""
    with transaction(db):
        row = fetch_one(db, "SELECT * FROM messages WHERE id = ? AND profile_id = ?", [message_id, profile_id])
        if row is None:
            raise UnknownMessage(f"There is no message number {message_id} in this profile: list them with the messages command.")
        gone = forgotten_key(profile_salt(db, profile_id), row["sender"], row["timestamp"], row["text"])
        db.execute("INSERT OR IGNORE INTO forgotten VALUES (?, 'message', ?)", [profile_id, gone])
        went = {"messages": 1, **delete_messages(db, profile_id, [row["id"]])}
        if row["conversation"] == ABOUT_ME:  # its sentence must not survive in the text that it was taken from
            db.execute("UPDATE profiles SET about = trim(replace(about, ?, '')) WHERE id = ?", [row["text"], profile_id])
        request_purge(db)
    purge(db)
    return went


def forget_all(db: Database, profile_id: int) -> dict[str, int]:
    """Deletes all that is stored of a profile, the form and the hashes of forgotten things included; its name stays."""
    with transaction(db):
        went = count_rows(db, profile_id)
        for table in ("reports", "turns", "adapters", "runs", "facts", "messages", "imports", "forgotten"):
            db.execute(f"DELETE FROM {table} WHERE profile_id = ?", [profile_id])
        db.execute("UPDATE profiles SET me = NULL, form = '{}', about = '' WHERE id = ?", [profile_id])
        request_purge(db)
    purge(db)
    return went


def count_rows(db: Database, profile_id: int) -> dict[str, int]:
    """How many rows a profile has, by table, examples and votes included."""
    counts = {name: _count(db, f"SELECT count(*) AS n FROM {name} WHERE profile_id = ?", profile_id) for name in TABLES}
    by_run = "SELECT count(*) AS n FROM examples WHERE run_id IN (SELECT id FROM runs WHERE profile_id = ?)"
    by_turn = "SELECT count(*) AS n FROM votes WHERE turn_id IN (SELECT id FROM turns WHERE profile_id = ?)"
    return {**counts, "examples": _count(db, by_run, profile_id), "votes": _count(db, by_turn, profile_id)}


def delete_messages(db: Database, profile_id: int, ids: list[int]) -> dict[str, int]:
    """Deletes messages and the facts that rest on them alone, without keeping a hash; within the caller's transaction."""
    sql = """SELECT DISTINCT fact_id FROM fact_messages WHERE message_id IN
             (SELECT id FROM messages WHERE profile_id = ? AND id IN (SELECT value FROM json_each(?)))"""
    stated = [row["fact_id"] for row in fetch(db, sql, [profile_id, json.dumps(ids)])]
    db.execute(
        "DELETE FROM messages WHERE profile_id = ? AND id IN (SELECT value FROM json_each(?))",
        [profile_id, json.dumps(ids)],
    )
    return _drop_unsaid(db, stated)


def drop_facts_of_others(db: Database, profile_id: int) -> dict[str, int]:
    """Unlinks facts from messages that are not the person's, and deletes those that nothing else states."""
    others = "message_id IN (SELECT id FROM messages WHERE profile_id = ? AND NOT me)"
    linked = fetch(db, f"SELECT DISTINCT fact_id FROM fact_messages WHERE {others}", [profile_id])
    db.execute(f"DELETE FROM fact_messages WHERE {others}", [profile_id])
    return _drop_unsaid(db, [row["fact_id"] for row in linked])


def _drop_unsaid(db: Database, fact_ids: list[int]) -> dict[str, int]:
    """Of these facts, points each to the newest message that still states it; studied ones without any are deleted."""
    total = {"facts": 0, "examples": 0, "adapters": 0, "reports": 0}
    newest = """SELECT m.id FROM fact_messages AS s JOIN messages AS m ON m.id = s.message_id
                WHERE s.fact_id = facts.id ORDER BY m.timestamp DESC, m.id DESC LIMIT 1"""
    for fact_id in fact_ids:
        db.execute(f"UPDATE facts SET message_id = ({newest}) WHERE id = ?", [fact_id])
        fact = fetch_one(db, "SELECT * FROM facts WHERE id = ?", [fact_id])
        if fact and fact["source"] == "study" and fact["message_id"] is None:
            for kind, count in delete_fact(db, fact).items():
                total[kind] += count
    return total


def delete_fact(db: Database, fact: dict[str, Any]) -> dict[str, int]:
    """Deletes one row of facts, its examples, the adapters trained on it and the reports that quote it.

    An example or a report is also dropped when it quotes the fact's text, as one about another fact may do.
    A fact that this one had superseded is not revived: the person corrected it once.
    """
    quoted = json.dumps(fact["text"], ensure_ascii=False)[1:-1]
    examples = db.execute(
        """DELETE FROM examples WHERE run_id IN (SELECT id FROM runs WHERE profile_id = :profile) AND (fact_id = :fact
           OR instr(data, :quoted) OR EXISTS (SELECT 1 FROM json_each(data, '$.fact_ids') WHERE value = :fact))""",
        {"profile": fact["profile_id"], "fact": fact["id"], "quoted": quoted},
    ).rowcount
    adapters = db.execute(
        "DELETE FROM adapters WHERE id IN (SELECT adapter_id FROM adapter_facts WHERE fact_id = ?)", [fact["id"]]
    ).rowcount
    db.execute("DELETE FROM checkpoints WHERE run_id IN (SELECT id FROM runs WHERE profile_id = ?)", [fact["profile_id"]])
    reports = db.execute("DELETE FROM reports WHERE profile_id = ? AND instr(report, ?)", [fact["profile_id"], quoted]).rowcount
    db.execute("DELETE FROM facts WHERE id = ?", [fact["id"]])
    return {"facts": 1, "examples": examples, "adapters": adapters, "reports": reports}


def remember_forgotten_fact(db: Database, profile_id: int, normal: str) -> None:
    """Keeps the hash of a fact's text, so that study does not bring it back."""
    key = hash_parts(profile_salt(db, profile_id), "fact", normal)
    db.execute("INSERT OR IGNORE INTO forgotten VALUES (?, 'fact', ?)", [profile_id, key])


def _empty_field(db: Database, profile_id: int, normal: str) -> None:
    """Removes the field of the form that says a forgotten fact."""
    row = fetch_one(db, "SELECT form FROM profiles WHERE id = ?", [profile_id])
    form = json.loads(row["form"]) if row else {}
    kept = {field: value for field, value in form.items() if normalise_fact(fact_of_field(field, value)) != normal}
    if kept != form:
        db.execute("UPDATE profiles SET form = ? WHERE id = ?", [to_json(kept), profile_id])


def _count(db: Database, sql: str, profile_id: int) -> int:
    row = fetch_one(db, sql, [profile_id])
    return int(row["n"]) if row else 0
