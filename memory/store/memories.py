"""The room of what is remembered: a profile and a filter come in, its facts come out with their state and the message each came from.

The state of a fact says what the current adapter makes of it: "learnt" (it was trained on it, and answered right where that was checked), "new" (not
learnt yet), "stale" (it still holds what was edited, replaced or is not to be learnt any more), "replaced" (by a newer fact), "skipped" (not to be learnt).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from memory.errors import DuplicateFact, UnknownFact
from memory.store.database import fetch, fetch_one, to_json, transaction
from memory.store.facts import NewFact, add_facts, edit_fact, find_fact
from memory.store.keys import normalise_fact

STATES = ("learnt", "new", "stale", "replaced", "skipped")

# What the current adapter was trained on before a fact changed; its metrics may hold which facts it answered wrong.
_MEMORIES = """
    WITH current AS (
        SELECT a.id, coalesce(r.started, a.created) AS began, json_extract(a.metrics, '$.advice.card.checks') AS checks
        FROM adapters AS a LEFT JOIN runs AS r ON r.id = a.run_id WHERE a.profile_id = :profile AND a.is_current
    ),
    trained AS (SELECT fact_id FROM adapter_facts WHERE adapter_id = (SELECT id FROM current)),
    wrong AS (SELECT CAST(key AS INTEGER) AS fact_id FROM json_each((SELECT checks FROM current)) WHERE value = 0),
    memories AS (
        SELECT f.*, CASE
            WHEN f.id IN trained AND (f.status <> 'active' OR f.changed >= (SELECT began FROM current)) THEN 'stale'
            WHEN f.status = 'excluded' THEN 'skipped'
            WHEN f.status = 'superseded' THEN 'replaced'
            WHEN f.id IN trained AND f.id NOT IN wrong THEN 'learnt'
            ELSE 'new' END AS state
        FROM facts AS f WHERE f.profile_id = :profile
    )
"""


@dataclass(frozen=True)
class Memory:
    """A fact as a person looks at it: `said` is the newest message it came from (None where it was typed), with who, where and when."""

    id: int
    text: str
    state: str
    status: str
    source: str
    pinned: bool
    superseded_by: int | None
    said: str | None
    sender: str | None
    conversation: str | None
    said_at: str | None


def list_memories(
    db: Database, profile_id: int, query: str = "", state: str = "", source: str = "", limit: int = -1, offset: int = 0
) -> tuple[list[Memory], int]:
    """The memories that match, pinned ones first, then the newest, and how many match in all; `limit` -1 gives all."""
    where = """(:query = '' OR instr(m.normal, :query)) AND (:state IN ('', m.state) OR (:state = 'pinned' AND m.pinned))
               AND :source IN ('', m.source)"""
    given = {"profile": profile_id, "query": normalise_fact(query), "state": state, "source": source, "limit": limit, "offset": offset}
    counted = fetch_one(db, f"{_MEMORIES} SELECT count(*) AS n FROM memories AS m WHERE {where}", given)
    sql = f"""{_MEMORIES} SELECT m.*, s.text AS said, s.sender, s.conversation FROM memories AS m LEFT JOIN messages AS s ON s.id = m.message_id
              WHERE {where} ORDER BY m.pinned DESC, m.id DESC LIMIT :limit OFFSET :offset"""
    return [_memory(row) for row in fetch(db, sql, given)], int(counted["n"]) if counted else 0


def load_memory(db: Database, profile_id: int, fact_id: int) -> Memory:
    """One memory; raises UnknownFact."""
    sql = f"""{_MEMORIES} SELECT m.*, s.text AS said, s.sender, s.conversation FROM memories AS m LEFT JOIN messages AS s ON s.id = m.message_id
              WHERE m.id = :fact"""
    row = fetch_one(db, sql, {"profile": profile_id, "fact": fact_id})
    if row is None:
        raise UnknownFact(f"There is no fact number {fact_id} in this profile: list them with the facts command.")
    return _memory(row)


def count_states(db: Database, profile_id: int) -> dict[str, int]:
    """How many facts are in each of STATES, and how many are pinned."""
    rows = fetch(
        db, f"{_MEMORIES} SELECT state, count(*) AS n, sum(pinned) AS pinned FROM memories GROUP BY state", {"profile": profile_id}
    )
    counts = dict.fromkeys(STATES, 0) | {row["state"]: row["n"] for row in rows}
    return {**counts, "pinned": sum(row["pinned"] for row in rows)}


def list_sources(db: Database, profile_id: int, fact_id: int) -> list[dict[str, Any]]:
    """Every message that states a fact, newest first: id, text, sender, conversation, timestamp."""
    sql = """SELECT m.id, m.text, m.sender, m.conversation, m.timestamp FROM fact_messages AS s JOIN messages AS m ON m.id = s.message_id
             WHERE s.fact_id = ? AND m.profile_id = ? ORDER BY m.timestamp DESC, m.id DESC"""
    return fetch(db, sql, [fact_id, profile_id])


def add_memory(db: Database, profile_id: int, text: str) -> int:
    """Adds a fact that the person typed; one that is there is made active again. Raises DuplicateFact for one that is active."""
    with transaction(db):
        known = find_fact(db, profile_id, text)
        if known and known.status == "active":
            raise DuplicateFact(f'"{known.text}" is already the fact number {known.id}.')
        if known:
            db.execute("UPDATE facts SET status = 'active', superseded_by = NULL WHERE id = ?", [known.id])
            return known.id
        added = add_facts(db, profile_id, [NewFact(text, None, "user")])
        if not added:
            raise DuplicateFact("A fact needs a text: write a sentence such as: Your cat is called Biscuit.")
        return added[0]


def edit_memory(db: Database, profile_id: int, fact_id: int, text: str) -> None:
    """Corrects the text of a fact of this profile; raises UnknownFact or DuplicateFact."""
    with transaction(db):
        _check_facts(db, profile_id, [fact_id])
        edit_fact(db, fact_id, text)


def pin_memories(db: Database, profile_id: int, ids: Iterable[int], pinned: bool = True) -> int:
    """Pins facts (a newer one will not replace them) or takes the pin off; returns how many. Raises UnknownFact."""
    with transaction(db):
        wanted = _check_facts(db, profile_id, ids)
        db.execute("UPDATE facts SET pinned = ? WHERE id IN (SELECT value FROM json_each(?))", [pinned, to_json(wanted)])
    return len(wanted)


def skip_memories(db: Database, profile_id: int, ids: Iterable[int], skipped: bool = True) -> int:
    """Says that facts are not to be learnt and not to be found by retrieval, or that they are again; returns how many. Raises UnknownFact."""
    with transaction(db):
        wanted = _check_facts(db, profile_id, ids)
        status = "excluded" if skipped else "active"
        sql = "UPDATE facts SET status = ?, superseded_by = NULL WHERE id IN (SELECT value FROM json_each(?))"
        db.execute(sql, [status, to_json(wanted)])
    return len(wanted)


def _check_facts(db: Database, profile_id: int, ids: Iterable[int]) -> list[int]:
    wanted = list(dict.fromkeys(ids))
    rows = fetch(db, "SELECT id FROM facts WHERE profile_id = ? AND id IN (SELECT value FROM json_each(?))", [profile_id, to_json(wanted)])
    gone = set(wanted) - {row["id"] for row in rows}
    if gone:
        raise UnknownFact(f"There is no fact number {min(gone)} in this profile: list them with the facts command.")
    return wanted


def _memory(row: dict[str, Any]) -> Memory:
    return Memory(
        row["id"], row["text"], row["state"], row["status"], row["source"], bool(row["pinned"]), row["superseded_by"], row["said"],
        row["sender"], row["conversation"], row["said_at"],
    )  # fmt: skip
