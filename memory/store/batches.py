"""The room of batches: the runs of one call that injects many profiles, found by the batch's name in their settings."""

import json
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from memory.store.database import fetch, fetch_one
from memory.store.leases import mark_interrupted


@dataclass(frozen=True)
class BatchRun:
    """One profile in a batch; `adapter` is what it left, if anything."""

    profile: str
    state: str
    stage: str
    progress: float
    detail: str
    error: str | None
    adapter: int | None


def newest_batch(db: Database) -> dict[str, Any] | None:
    """Settings of the newest run that belongs to a batch: its name (`batch`) and how many profiles it has (`of`); None if there is none."""
    row = fetch_one(db, "SELECT settings FROM runs WHERE json_extract(settings, '$.batch') IS NOT NULL ORDER BY id DESC LIMIT 1")
    return dict(json.loads(row["settings"])) if row else None


def batch_runs(db: Database, batch: str) -> list[BatchRun]:
    """The runs of a batch in the order in which they began; those whose driver is gone are marked interrupted first."""
    sql = "SELECT DISTINCT profile_id FROM runs WHERE json_extract(settings, '$.batch') = ? AND state IN ('queued', 'running')"
    for row in fetch(db, sql, [batch]):
        mark_interrupted(db, row["profile_id"])
    rows = fetch(
        db,
        """SELECT profiles.name AS profile, state, stage, progress, detail, error, json_extract(result, '$.adapter') AS adapter
           FROM runs JOIN profiles ON profiles.id = runs.profile_id WHERE json_extract(settings, '$.batch') = ? ORDER BY runs.id""",
        [batch],
    )
    return [BatchRun(**row) for row in rows]
