"""The room of checkpoints: what a run must keep so that another can go on exactly where it was killed.

In: a run's number, a name and bytes. Out: the same bytes. They lie in the database beside everything else of the person, go with their
run, and are dropped whenever a fact of the profile is forgotten, since weights may hold it.
"""

import json
from itertools import takewhile
from typing import Any

from sqlite_utils import Database

from memory.store.database import fetch, fetch_one, now, to_json, transaction
from memory.store.leases import mark_interrupted, require_lease
from memory.store.runs import Run, load_run

MATERIAL = "material"  # what a run trains on; it goes when a fact is forgotten


def save_checkpoint(db: Database, run_id: int, name: str, data: bytes, about: dict[str, Any] | None = None) -> None:
    """Stores bytes under a name, replacing what was there; `about` is what is needed to read them. Raises LeaseLost, UnknownRun."""
    with transaction(db):
        require_lease(db, run_id)
        db.execute(
            "INSERT OR REPLACE INTO checkpoints (run_id, name, about, data, saved) VALUES (?, ?, ?, ?, ?)",
            [run_id, name, to_json(about or {}), data, now()],
        )


def save_weights(db: Database, run_id: int, name: str, data: bytes, about: dict[str, Any]) -> bool:
    """As save_checkpoint, for weights: they are not stored (False) once a fact of the profile was forgotten, for they may hold it."""
    with transaction(db):
        kept = fetch_one(db, "SELECT 1 FROM checkpoints WHERE run_id = ? AND name = ?", [run_id, MATERIAL]) is not None
        if kept:
            save_checkpoint(db, run_id, name, data, about)
    return kept


def load_checkpoint(db: Database, run_id: int, name: str) -> tuple[bytes, dict[str, Any]] | None:
    """The bytes and what was said about them, or None."""
    row = fetch_one(db, "SELECT data, about FROM checkpoints WHERE run_id = ? AND name = ?", [run_id, name])
    return (bytes(row["data"]), json.loads(row["about"])) if row else None


def drop_checkpoint(db: Database, run_id: int, name: str) -> None:
    """Deletes one of a run's checkpoints, if it is there."""
    with transaction(db):
        db.execute("DELETE FROM checkpoints WHERE run_id = ? AND name = ?", [run_id, name])


def drop_checkpoints(db: Database, run_id: int) -> None:
    """Deletes the checkpoints of a run, which has ended, and those of the profile's runs before it, which it went on with."""
    with transaction(db):
        mine = "SELECT id FROM runs WHERE id <= ? AND profile_id = (SELECT profile_id FROM runs WHERE id = ?)"
        db.execute(f"DELETE FROM checkpoints WHERE run_id IN ({mine})", [run_id, run_id])


def interrupted_runs(db: Database, profile_id: int, kind: str) -> list[Run]:
    """The profile's runs of a kind that were interrupted (killed) since the last that was not, newest first; those that may be taken over are
    marked so first."""
    mark_interrupted(db, profile_id, take_over=True)
    sql = "SELECT id, state FROM runs WHERE profile_id = ? AND kind = ? ORDER BY id DESC"
    rows = takewhile(lambda row: row["state"] == "interrupted", fetch(db, sql, [profile_id, kind]))
    return [load_run(db, row["id"]) for row in rows]


def injected_runs(db: Database, profile_id: int) -> dict[int, dict[str, Any]]:
    """The profile's finished injections, newest first, each with the plan that it chose."""
    sql = "SELECT id, result FROM runs WHERE profile_id = ? AND kind = 'inject' AND state = 'done' ORDER BY id DESC"
    return {row["id"]: json.loads(row["result"]).get("best") or {} for row in fetch(db, sql, [profile_id])}
