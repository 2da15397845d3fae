"""The pulse of a working process: it renews the leases of its runs, and tells a hang from slowness.

In: the reporters of runs, which move at every step of the work. Out: leases in the store, and a sentence on a run that does not move. It beats in a
thread of its own, so it goes on while a step takes long, and stops with the process. A run that hangs is no longer renewed: its lease ends,
and the next injection of the profile takes it over and goes on.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any

import psutil  # type: ignore[import-untyped]
from sqlite_utils import Database

from memory.errors import KeepsakeError, LeaseLost, UnknownRun
from memory.store import cancel_requested, finish_run
from memory.store.database import open_file, path_of
from memory.store.files import LOG, cut_log
from memory.store.leases import note_hang, renew

PULSE_SECONDS = 5.0
IDLE = 0.03  # share of one core below which a process does nothing
SLOW_LEAST, HANG_LEAST, BUSY_HANG_LEAST = 45.0, 120.0, 1800.0  # seconds without a step, at the least
SLOW, HANG, BUSY_HANG = 6.0, 12.0, 60.0  # the same in longest steps of this run so far
SAY_SLOW = "Slow, but alive: no step for {silent}, the longest before took {usual}; the process computes ({busy:.0%} of a core). Other work on this machine?"
SAY_HANG = (
    "It hangs: no step for {silent}, the longest before took {usual}, and the process {doing}. Cancel it: what was "
    "trained is kept, and the next injection goes on from there."
)


@dataclass
class Watch:
    """When a run last moved (monotonic seconds), and the longest that it took between two moves."""

    last: float = 0.0
    longest: float = 0.0

    def move(self, waited: bool = False) -> None:
        """A step was done; with `waited` (a pause, a queue) the time before it says nothing about the work."""
        now = time.monotonic()
        if self.last and not waited:
            self.longest = max(self.longest, now - self.last)
        self.last = now


def judge(silent: float, longest: float, works: bool) -> str:
    """Returns "" (well), "slow" or "hang", from the seconds since the last step, the longest step before, and whether the process works."""
    if silent < max(SLOW_LEAST, SLOW * longest):
        return ""
    if not works:
        return "hang" if silent >= max(HANG_LEAST, HANG * longest) else ""
    return "hang" if silent >= max(BUSY_HANG_LEAST, BUSY_HANG * longest) else "slow"


class Pulse:
    """Beats for the runs of this process from its own connection, as long as the `with` lasts."""

    def __init__(self, db: Database, end: Callable[[int], Any] = os._exit) -> None:
        self._path, self._end = path_of(db), end
        self._runs: dict[int, Watch] = {}
        self._judged: set[int] = set()
        self._lock, self._stop = Lock(), Event()
        self._thread = Thread(target=self._beat, name="pulse", daemon=True)

    def __enter__(self) -> "Pulse":
        if self._path:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        if self._path:
            self._thread.join()

    def add(self, run_id: int, watch: Watch, judged: bool = True) -> None:
        """Beats for a run from now on; one whose work is done by other machines is not `judged`."""
        watch.move(waited=True)
        with self._lock:
            self._runs[run_id] = watch
            self._judged |= {run_id} if judged else set()

    def drop(self, run_id: int) -> None:
        """The run has ended."""
        with self._lock:
            self._runs.pop(run_id, None)

    def _beat(self) -> None:
        assert self._path
        process, db = psutil.Process(), open_file(self._path)
        process.cpu_percent()
        try:
            while not self._stop.wait(PULSE_SECONDS):
                if log := os.environ.get(LOG):
                    cut_log(Path(log))
                busy = process.cpu_percent() / 100
                # A starved process uses next to nothing as well, but its main thread is ready to run.
                works = busy >= IDLE or process.status() in (psutil.STATUS_RUNNING, psutil.STATUS_DISK_SLEEP)
                with self._lock:
                    runs = list(self._runs.items())
                for run_id, watch in runs:
                    self._look(db, run_id, watch, works, busy)
        finally:
            db.close()

    def _look(self, db: Database, run_id: int, watch: Watch, works: bool, busy: float) -> None:
        silent = time.monotonic() - watch.last
        life = judge(silent, watch.longest, works) if run_id in self._judged else ""
        words = {"silent": _seconds(silent), "usual": _seconds(watch.longest), "busy": busy}
        try:
            if life == "hang":
                self._hang(db, run_id, SAY_HANG.format(doing="computes all the same" if works else "does nothing", **words))
            else:
                renew(db, run_id, SAY_SLOW.format(**words) if life == "slow" else "")
        except (LeaseLost, UnknownRun):
            self.drop(run_id)  # the work itself hears of it at its next step
        except KeepsakeError:
            pass  # the store is busy: the next beat comes soon, and the lease lasts for several

    def _hang(self, db: Database, run_id: int, sentence: str) -> None:
        """Say it once, without renewing the lease; a hung run cannot hear that it is cancelled, so it is ended here."""
        note_hang(db, run_id, sentence)
        if cancel_requested(db, run_id):
            finish_run(db, run_id, "interrupted", error="It hung and was ended: start again, and it goes on.")
            self._end(1)


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
