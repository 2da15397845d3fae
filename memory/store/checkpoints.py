"""The room of checkpoints: what a run must keep so that another can go on exactly where it was killed.

In: a run's number, a name and bytes. Out: the same bytes. They lie in the database beside everything else of the person, go with their
run, and are dropped whenever a fact of the profile is forgotten, since weights may hold it.
"""

import json
from typing import Any

from sqlite_utils import Database

from memory.store.database import fetch, fetch_one, now, to_json, transaction
from memory.store.runs import Run, load_run, mark_interrupted


def save_checkpoint(db: Database, run_id: int, name: str, data: bytes, about: dict[str, Any] | None = None) -> None:
    """Stores bytes under a name, replacing what was there; `about` is what is needed to read them."""
    with transaction(db):
        db.execute(
            "INSERT OR REPLACE INTO checkpoints (run_id, name, about, data, saved) VALUES (?, ?, ?, ?, ?)",
            [run_id, name, to_json(about or {}), data, now()],
        )


def load_checkpoint(db: Database, run_id: int, name: str) -> tuple[bytes, dict[str, Any]] | None:
    """The bytes and what was said about them, or None."""
    row = fetch_one(db, "SELECT data, about FROM checkpoints WHERE run_id = ? AND name = ?", [run_id, name])
    return (bytes(row["data"]), json.loads(row["about"])) if row else None


def drop_checkpoints(db: Database, run_id: int) -> None:
    """Deletes a run's checkpoints: it has ended and its adapter is stored."""
    with transaction(db):
        db.execute("DELETE FROM checkpoints WHERE run_id = ?", [run_id])


def interrupted_run(db: Database, profile_id: int, kind: str) -> Run | None:
    """The profile's newest run of a kind if it was interrupted (killed), else None; one whose process is gone is marked so first."""
    mark_interrupted(db, profile_id)
    row = fetch_one(db, "SELECT id, state FROM runs WHERE profile_id = ? AND kind = ? ORDER BY id DESC LIMIT 1", [profile_id, kind])
    return load_run(db, row["id"]) if row and row["state"] == "interrupted" else None


def injected_runs(db: Database, profile_id: int) -> dict[int, dict[str, Any]]:
    """The profile's finished injections, newest first, each with the plan that it chose."""
    sql = "SELECT id, result FROM runs WHERE profile_id = ? AND kind = 'inject' AND state = 'done' ORDER BY id DESC"
    return {row["id"]: json.loads(row["result"]).get("best") or {} for row in fetch(db, sql, [profile_id])}
