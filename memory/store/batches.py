"""The room of batches: one call that injects many profiles, and how far each of them is.

In: the profiles of a call, and what became of those that left no run (passed over, or failed before one began). Out: counts and a row a
profile, the same for the command and the page. The rest is told by the runs themselves.
"""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlite_utils import Database

from memory.store.database import fetch, fetch_one, now, transaction
from memory.store.leases import here, is_alive, mark_interrupted, process_start

ENDED_BATCH = ("done", "cancelled", "interrupted")
BATCH_STATES = ("done", "skipped", "running", "queued", "waiting", "failed", "cancelled", "interrupted")  # of a profile in a batch


@dataclass(frozen=True)
class BatchRow:
    """One profile in a batch; `node` is where its search ran, `adapter` what it left, if anything."""

    profile: str
    state: str
    stage: str
    progress: float
    detail: str
    error: str | None
    adapter: int | None
    node: str | None


def start_batch(db: Database, name: str, engine: str, profile_ids: Sequence[int]) -> None:
    """A new batch of this process, all of its profiles waiting."""
    with transaction(db):
        values = [name, engine, now(), os.getpid(), process_start(os.getpid()), here()]
        cursor = db.execute("INSERT INTO batches (name, engine, started, pid, pid_started, host) VALUES (?, ?, ?, ?, ?, ?)", values)
        rows = [(cursor.lastrowid, profile_id, place) for place, profile_id in enumerate(profile_ids)]
        for row in rows:
            db.execute("INSERT INTO batch_profiles (batch_id, profile_id, place) VALUES (?, ?, ?)", row)


def note_begun(db: Database, batch: str, profile_id: int, run_id: int) -> None:
    """The profile's run has begun: from now on it says how far the profile is."""
    _note(db, batch, profile_id, "run_id = ?", [run_id])


def note_ended(db: Database, batch: str, profile_id: int, state: str, error: str | None = None) -> None:
    """The profile is passed over (skipped), or failed where its run does not say so."""
    _note(db, batch, profile_id, "state = ?, error = ?", [state, error])


def end_batch(db: Database, batch: str, state: str) -> None:
    """Ends a batch as done, cancelled or interrupted; single profiles of a batch that is done may have failed."""
    if state not in ENDED_BATCH:
        raise ValueError(f"a batch ends as one of {ENDED_BATCH}, not {state!r}")
    with transaction(db):
        db.execute("UPDATE batches SET state = ?, finished = ? WHERE name = ?", [state, now(), batch])


def batch_progress(db: Database) -> dict[str, Any]:
    """How far the newest batch is: its state, counts by state and a row a profile; `batch` is None if there was none."""
    batch = fetch_one(db, "SELECT * FROM batches ORDER BY id DESC LIMIT 1")
    rows = _rows(db, batch["id"]) if batch else []
    return {
        "batch": batch["name"] if batch else None, "engine": batch["engine"] if batch else None, "state": _state(batch, rows) if batch else None,
        "started": batch["started"] if batch else None, "finished": batch["finished"] if batch else None, "of": len(rows),
        **{state: sum(row.state == state for row in rows) for state in BATCH_STATES},
        "profiles": [asdict(row) for row in rows],
    }  # fmt: skip


def _rows(db: Database, batch_id: int) -> list[BatchRow]:
    """The profiles of a batch in the order of the call; runs whose driver is gone are marked interrupted first."""
    live = "SELECT DISTINCT b.profile_id FROM batch_profiles b JOIN runs r ON r.id = b.run_id WHERE b.batch_id = ? AND r.state IN ('queued', 'running')"
    for row in fetch(db, live, [batch_id]):
        mark_interrupted(db, row["profile_id"])
    rows = fetch(
        db,
        """SELECT p.name AS profile, COALESCE(b.state, r.state, 'waiting') AS state, COALESCE(r.stage, '') AS stage,
                  COALESCE(r.progress, 0.0) AS progress, COALESCE(r.detail, '') AS detail, COALESCE(b.error, r.error) AS error,
                  json_extract(r.result, '$.adapter') AS adapter, json_extract(r.result, '$.node') AS node
           FROM batch_profiles b JOIN profiles p ON p.id = b.profile_id LEFT JOIN runs r ON r.id = b.run_id
           WHERE b.batch_id = ? ORDER BY b.place""",
        [batch_id],
    )
    return [BatchRow(**row) for row in rows]


def _state(batch: dict[str, Any], rows: Sequence[BatchRow]) -> str:
    """As the batch was ended; else running while its process or one of its runs lives, and interrupted after that."""
    if batch["state"] is not None:
        return str(batch["state"])
    mine = batch["host"] == here() and is_alive(batch["pid"], batch["pid_started"])
    return "running" if mine or any(row.state in ("queued", "running") for row in rows) else "interrupted"


def _note(db: Database, batch: str, profile_id: int, change: str, values: list[Any]) -> None:
    with transaction(db):
        where = "profile_id = ? AND batch_id = (SELECT id FROM batches WHERE name = ?)"
        db.execute(f"UPDATE batch_profiles SET {change} WHERE {where}", [*values, profile_id, batch])
