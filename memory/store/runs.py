"""The room of runs: long work in a process of its own reports here, and the screen reads how far it is.

A profile has at most one live run (a unique index says so). A run whose process is gone is marked interrupted whenever
somebody looks; one whose lease is over is taken over by the next that starts (`leases.py`).
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from memory.errors import RunInProgress, UnknownRun
from memory.store.database import fetch, fetch_one, now, to_json, transaction
from memory.store.engine import INTEGRITY_ERRORS
from memory.store.leases import lease_of, life_of, mark_interrupted, require_lease, say_silence

LIVE = ("queued", "running")
ENDED = ("done", "failed", "cancelled", "interrupted")


@dataclass(frozen=True)
class Run:
    """One run; `progress` 0..1, `detail` one sentence, `result` what it left behind, `paused` while it is asked to stand still,
    `notice` what is odd about a live one (slow, hung, silent), times ISO 8601 in UTC."""

    id: int
    profile_id: int
    kind: str
    state: str
    stage: str
    progress: float
    loss: float | None
    detail: str
    settings: dict[str, Any]
    pid: int | None
    heartbeat: str | None
    started: str
    finished: str | None
    error: str | None
    result: dict[str, Any]
    paused: bool = False
    notice: str = ""


@dataclass(frozen=True)
class Trial:
    """One configuration tried in a run: its parameters, what was measured, and what it cost."""

    run_id: int
    number: int
    params: dict[str, Any]
    values: dict[str, Any]
    state: str
    seconds: float | None
    parameters: int | None


def start_run(db: Database, profile_id: int, kind: str, settings: dict[str, Any]) -> int:
    """A new queued run, owned by this process until another beats for it; raises RunInProgress if one is alive and its lease not over."""
    with transaction(db):
        mark_interrupted(db, profile_id, take_over=True)
        values = {"profile_id": profile_id, "kind": kind, "state": "queued", "settings": to_json(settings), "started": now()}
        values |= lease_of(os.getpid())
        try:
            names, marks = ", ".join(values), ", ".join("?" * len(values))
            cursor = db.execute(f"INSERT INTO runs ({names}) VALUES ({marks})", list(values.values()))
        except INTEGRITY_ERRORS as error:
            raise _in_progress(db, profile_id) from error
    return int(cursor.lastrowid or 0)


def beat(db: Database, run_id: int, **fields: Any) -> None:
    """Says that the run is alive and how far: any of state, stage, progress, loss, detail, settings, result, pid.

    Only the owner may; a parent that has just started a child gives the run away by passing the child's `pid`. Raises LeaseLost when another
    has taken the run over or it has ended, UnknownRun when it was removed, so that the work stops.
    """
    pid = int(fields.pop("pid", os.getpid()))
    allowed = {"state", "stage", "progress", "loss", "detail", "settings", "result"}
    if unknown := set(fields) - allowed:
        raise TypeError(f"beat() does not know {sorted(unknown)}")
    values = {key: to_json(value) if key in ("settings", "result") else value for key, value in fields.items()}
    _update(db, run_id, values | lease_of(pid))


def finish_run(db: Database, run_id: int, state: str, result: dict[str, Any] | None = None, error: str | None = None) -> None:
    """Ends a run as done, failed, cancelled or interrupted; raises LeaseLost, UnknownRun."""
    if state not in ENDED:
        raise ValueError(f"a run ends as one of {ENDED}, not {state!r}")
    values: dict[str, Any] = {"state": state, "error": error, "finished": now(), "heartbeat": now(), "notice": ""}
    if result is not None:
        values["result"] = to_json(result)
    if state == "done":
        values["progress"] = 1.0
    _update(db, run_id, values)


def request_cancel(db: Database, run_id: int) -> None:
    """Asks the run's process to stop at its next step; does nothing to a run that has ended."""
    with transaction(db):
        db.execute("UPDATE runs SET cancel_requested = 1 WHERE id = ? AND state IN ('queued', 'running')", [run_id])


def cancel_requested(db: Database, run_id: int) -> bool:
    """Whether the run is asked to stop; a run that was removed is."""
    row = fetch_one(db, "SELECT cancel_requested FROM runs WHERE id = ?", [run_id])
    return row is None or bool(row["cancel_requested"])


def request_pause(db: Database, run_id: int, paused: bool = True) -> None:
    """Asks the run's process to stand still at its next step, or to go on; does nothing to a run that has ended."""
    with transaction(db):
        db.execute("UPDATE runs SET pause_requested = ? WHERE id = ? AND state IN ('queued', 'running')", [paused, run_id])


def pause_requested(db: Database, run_id: int) -> bool:
    """Whether the run is asked to stand still."""
    row = fetch_one(db, "SELECT pause_requested FROM runs WHERE id = ?", [run_id])
    return row is not None and bool(row["pause_requested"])


def save_point(
    db: Database, run_id: int, trial: int, share: float, loss: float | None = None, recall: float | None = None, abstention: float | None = None
) -> None:  # fmt: skip
    """Adds a point to a run's curve: the share of a trial done, and what was measured there (loss, or held-out recall and abstention)."""
    with transaction(db):
        db.execute(
            "INSERT INTO curve (run_id, trial, share, loss, recall, abstention) VALUES (?, ?, ?, ?, ?, ?)",
            [run_id, trial, share, loss, recall, abstention],
        )


def list_points(db: Database, run_id: int) -> list[dict[str, Any]]:
    """A run's curve in order: trial, share (0 to 1), loss, recall, abstention; each of the last three may be None."""
    return fetch(db, "SELECT trial, share, loss, recall, abstention FROM curve WHERE run_id = ? ORDER BY id", [run_id])


def load_run(db: Database, run_id: int) -> Run:
    """The run of this number; raises UnknownRun."""
    row = fetch_one(db, "SELECT * FROM runs WHERE id = ?", [run_id])
    if row is None:
        raise _unknown(run_id)
    return _run(row)


def latest_run(db: Database, profile_id: int) -> Run | None:
    """The newest run of a profile in any state, or None; a dead one is marked interrupted first."""
    mark_interrupted(db, profile_id)
    row = fetch_one(db, "SELECT * FROM runs WHERE profile_id = ? ORDER BY id DESC LIMIT 1", [profile_id])
    return _run(row) if row else None


def active_run(db: Database, profile_id: int) -> Run | None:
    """The run of a profile that is alive, or None; a dead one is marked interrupted first."""
    mark_interrupted(db, profile_id)
    row = fetch_one(db, "SELECT * FROM runs WHERE profile_id = ? AND state IN ('queued', 'running')", [profile_id])
    return _run(row) if row else None


def live_runs(db: Database) -> list[int]:
    """The numbers of all runs whose process is alive; nothing is marked."""
    rows = fetch(db, "SELECT id, pid, pid_started, host, lease FROM runs WHERE state IN ('queued', 'running')")
    return [row["id"] for row in rows if life_of(row) != "gone"]


def save_trial(
    db: Database, run_id: int, number: int, params: dict[str, Any], values: dict[str, Any], state: str,
    seconds: float | None, parameters: int | None,
) -> None:  # fmt: skip
    """Stores a trial under its number, replacing what was there."""
    with transaction(db):
        db.execute(
            "INSERT OR REPLACE INTO trials VALUES (?, ?, ?, ?, ?, ?, ?)",
            [run_id, number, to_json(params), to_json(values), state, seconds, parameters],
        )


def list_trials(db: Database, run_id: int) -> list[Trial]:
    """The trials of a run in order of number."""
    return [_trial(row) for row in fetch(db, "SELECT * FROM trials WHERE run_id = ? ORDER BY number", [run_id])]


def _trial(row: dict[str, Any]) -> Trial:
    return Trial(
        row["run_id"], row["number"], json.loads(row["params"]), json.loads(row["values"]), row["state"], row["seconds"], row["parameters"]
    )


def save_examples(db: Database, run_id: int, rows: Iterable[dict[str, Any]]) -> None:
    """Stores training examples as they are given; `fact_id` (or a list `fact_ids`) says what to delete them with.

    An example of a fact that was forgotten meanwhile is not stored.
    """
    with transaction(db):
        known = {row["id"] for row in fetch(db, "SELECT id FROM facts")}
        for row in rows:
            facts = {fact for fact in [row.get("fact_id"), *(row.get("fact_ids") or [])] if fact is not None}
            if facts <= known:
                db.execute(
                    "INSERT INTO examples (run_id, fact_id, data) VALUES (?, ?, ?)",
                    [run_id, row.get("fact_id"), to_json(row)],
                )


def list_examples(db: Database, run_id: int) -> list[dict[str, Any]]:
    """The examples of a run as they were saved, each with its `id`."""
    rows = fetch(db, "SELECT id, data FROM examples WHERE run_id = ? ORDER BY id", [run_id])
    return [{**json.loads(row["data"]), "id": row["id"]} for row in rows]


def _update(db: Database, run_id: int, values: dict[str, Any]) -> None:
    assignments = ", ".join(f"{name} = ?" for name in values)
    with transaction(db):
        require_lease(db, run_id)
        db.execute(f"UPDATE runs SET {assignments} WHERE id = ?", [*values.values(), run_id])


def _in_progress(db: Database, profile_id: int) -> RunInProgress:
    row = fetch_one(db, "SELECT * FROM runs WHERE profile_id = ? AND state IN ('queued', 'running')", [profile_id])
    what = f"run {row['id']} ({row['kind']}, {row['progress']:.0%} done)" if row else "another run"
    return RunInProgress(f"This profile is busy with {what}: wait for it to finish or cancel it first.")


def _unknown(run_id: int) -> UnknownRun:
    return UnknownRun(f"There is no run number {run_id}: its profile may have been forgotten meanwhile.")


def _run(row: dict[str, Any]) -> Run:
    return Run(
        row["id"], row["profile_id"], row["kind"], row["state"], row["stage"], row["progress"], row["loss"],
        row["detail"], json.loads(row["settings"]), row["pid"], row["heartbeat"], row["started"], row["finished"],
        row["error"], json.loads(row["result"]), bool(row["pause_requested"]) and row["state"] in LIVE,
        say_silence(row) or row["notice"],
    )  # fmt: skip


def earlier_trials(db: Database, base_id: str) -> dict[int, list[Trial]]:
    """The trials of every finished injection on a base, of any profile, by run: what a search may learn from. They hold no person's words."""
    sql = """SELECT trials.* FROM trials JOIN runs ON runs.id = trials.run_id WHERE runs.kind = 'inject' AND runs.state = 'done'
             AND json_extract(runs.settings, '$.base') = ? ORDER BY trials.run_id DESC, trials.number"""
    found: dict[int, list[Trial]] = {}
    for row in fetch(db, sql, [base_id]):
        found.setdefault(row["run_id"], []).append(_trial(row))
    return found
