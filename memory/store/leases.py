"""The room of leases: which process owns a run, and for how long it may be silent before another takes the run over.

In: a row of `runs`. Out: whether its process lives, is gone, or is silent. A process is known by its host (with the namespace in which its number
counts), its number and its start time. It renews its lease every few seconds from a thread of its own, so a lease that is over means
that the process is frozen, hung, or on a machine that went away.
"""

import os
import platform
import time
from functools import lru_cache
from typing import Any

import psutil  # type: ignore[import-untyped]
from sqlite_utils import Database

from memory.errors import LeaseLost, UnknownRun
from memory.store.database import fetch, fetch_one, now, transaction

LEASE_SECONDS = 60.0
# Two readings of one process's start time may differ a little where a clock is corrected, two processes of one number by far more.
SAME_START_SECONDS = 2.0
GONE = "Its process ended without finishing it: start it again."
SILENT = "Its process ({pid}) has not been heard of for {seconds:.0f} s: it may be frozen. Cancel it: what was trained is kept."
ENDED = "Its process ({pid}) was silent for {seconds:.0f} s and was ended: start again, and it goes on."
TAKEN = "Its process ({pid}) was silent for {seconds:.0f} s, so another took it over."


@lru_cache(maxsize=1)
def here() -> str:
    """Where numbers of processes mean what they mean to this one: the host, and on Linux the namespace of its processes."""
    try:
        return f"{platform.node()} {os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return platform.node()


def lease_of(pid: int) -> dict[str, Any]:
    """The columns that give a run to a process of this host for the next `LEASE_SECONDS`."""
    return {"pid": pid, "pid_started": process_start(pid), "host": here(), "heartbeat": now(), "lease": time.time() + LEASE_SECONDS}


def life_of(row: dict[str, Any]) -> str:
    """ "alive", "gone", or "silent" for a process that is there but whose lease is over; one of another host is known by its lease alone."""
    over = row["lease"] is not None and row["lease"] < time.time()
    if row["host"] is not None and row["host"] != here():
        return "gone" if over else "alive"
    if not is_alive(row["pid"], row["pid_started"]):
        return "gone"
    return "silent" if over else "alive"


def mark_interrupted(db: Database, profile_id: int, take_over: bool = False) -> None:
    """Ends the live run of a profile as interrupted if its process is gone; with `take_over` also one whose lease is over."""
    sql = "SELECT id, pid, pid_started, host, lease FROM runs WHERE profile_id = ? AND state IN ('queued', 'running')"
    for row in fetch(db, sql, [profile_id]):
        life = life_of(row)
        if life == "alive" or (life == "silent" and not take_over):
            continue
        reason = TAKEN.format(pid=row["pid"], seconds=silence(row)) if life == "silent" else GONE
        with transaction(db):
            # The same owner and lease again in the condition: a child may have taken the run over, or renewed, since it was read.
            db.execute(
                """UPDATE runs SET state = 'interrupted', finished = ?, error = ?, notice = ''
                   WHERE id = ? AND pid IS ? AND lease IS ? AND state IN ('queued', 'running')""",
                [now(), reason, row["id"], row["pid"], row["lease"]],
            )


def end_silent(db: Database, run_id: int) -> tuple[int, float] | None:
    """Ends a live run whose process is silent as interrupted; returns its process (number, start) to be ended, or None if it is not silent."""
    with transaction(db):
        row = fetch_one(db, "SELECT state, pid, pid_started, host, lease FROM runs WHERE id = ?", [run_id])
        if row is None or not say_silence(row):
            return None
        words = {"finished": now(), "error": ENDED.format(pid=row["pid"], seconds=silence(row))}
        db.execute(
            "UPDATE runs SET state = 'interrupted', finished = :finished, error = :error, notice = '' WHERE id = :id",
            words | {"id": run_id},
        )
        return int(row["pid"]), float(row["pid_started"])


def require_lease(db: Database, run_id: int) -> None:
    """Raises LeaseLost unless this process owns the live run, UnknownRun if it was removed; what is stored for a run asks it first."""
    row = fetch_one(db, "SELECT state, pid, pid_started, host FROM runs WHERE id = ?", [run_id])
    if row is None:
        raise UnknownRun(f"There is no run number {run_id}: its profile may have been forgotten meanwhile.")
    if row["state"] not in ("queued", "running") or not _is_mine(row):
        raise LeaseLost(
            f"Run {run_id} is not this process's any more: it was silent for too long and another took it over, or it has ended."
        )


def renew(db: Database, run_id: int, notice: str) -> None:
    """Prolongs this process's lease and says what the watchdog thinks ("" where all is well); raises LeaseLost, UnknownRun."""
    with transaction(db):
        require_lease(db, run_id)
        fields = lease_of(os.getpid())
        db.execute(
            "UPDATE runs SET heartbeat = ?, lease = ?, notice = ? WHERE id = ?", [fields["heartbeat"], fields["lease"], notice, run_id]
        )


def note_hang(db: Database, run_id: int, notice: str) -> None:
    """Says that the run hangs and leaves its lease to end; raises LeaseLost, UnknownRun."""
    with transaction(db):
        require_lease(db, run_id)
        db.execute("UPDATE runs SET notice = ? WHERE id = ?", [notice, run_id])


def say_silence(row: dict[str, Any]) -> str:
    """What a reader is told about a live run whose lease is over; "" for any other."""
    live = row["state"] in ("queued", "running") and life_of(row) == "silent"
    return SILENT.format(pid=row["pid"], seconds=silence(row)) if live else ""


def silence(row: dict[str, Any]) -> float:
    """Seconds since the lease was last renewed."""
    return float(time.time() - row["lease"] + LEASE_SECONDS)


def process_start(pid: int) -> float | None:
    """When a process began; None if it is gone (one that only waits for its parent is).

    In seconds since the machine started on Linux: since 1970 is reckoned there from a clock that may be set while the process runs (a laptop that
    finds its network, a machine that is restored from a snapshot), and it would seem to be another. Elsewhere since 1970, as the system noted it.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return _ticks(pid) if psutil.LINUX else float(process.create_time())
    except (psutil.Error, OSError, ValueError, IndexError):
        return None


def _ticks(pid: int) -> float:
    """Field 22 of /proc/PID/stat (proc(5)); the second one, a name in brackets, may hold anything."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return float(file.read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")


def is_alive(pid: int | None, started: float | None) -> bool:
    """Whether the process of this number is the one that began then."""
    if pid is None or started is None:
        return False
    found = process_start(pid)
    return found is not None and abs(found - started) < SAME_START_SECONDS


def _is_mine(row: dict[str, Any]) -> bool:
    return row["pid"] == os.getpid() and row["host"] in (None, here()) and is_alive(row["pid"], row["pid_started"])
