"""How far a run is: told to the store for the page, and to the terminal; here a run also hears that it should pause or stop.

In: a run's number, a stage and a share. Out: rows of the store and lines on stderr.
"""

import sys
import time
from typing import Any

from sqlite_utils import Database

from memory.store import beat, cancel_requested, pause_requested, save_point
from tuning.accelerator import Turn
from tuning.clock import stand_still
from tuning.errors import Cancelled
from tuning.pulse import Watch

BEAT_SECONDS = 0.7
PAUSE_SECONDS = 0.5


class Reporter:
    """Tells the store how far a run is, at most every `BEAT_SECONDS`; stands aside while the user pauses, stops the work when they cancel.

    `turn` is the run's place in the queue for the accelerator, which others get while it is paused.
    """

    def __init__(self, db: Database, run_id: int, name: str = "", turn: Turn | None = None) -> None:
        self.db, self.run_id, self.last = db, run_id, 0.0
        self.prefix = f"{name}: " if name else ""  # where several profiles tell at once
        self.turn = turn or Turn()
        self.watch = Watch()
        self.waits_for = ""

    def tell(self, stage: str, progress: float, detail: str = "", loss: float | None = None, force: bool = False) -> None:
        """Note stage and progress (0 to 1 over the whole run); raises Cancelled when asked to stop."""
        self.watch.move()
        if not force and time.monotonic() - self.last < BEAT_SECONDS:
            return
        self.last = time.monotonic()
        fields: dict[str, Any] = {"stage": stage, "progress": round(progress, 4)}
        fields |= {"detail": detail} if detail else {}
        fields |= {"loss": round(loss, 4)} if loss is not None else {}
        beat(self.db, self.run_id, **fields)
        if self.listen():
            beat(self.db, self.run_id, **fields)  # in the meantime it said for whom it waits
        print(f"{self.prefix}{100 * progress:5.1f} % {stage}" + (f": {detail}" if detail else ""), file=sys.stderr, flush=True)

    def wait(self, detail: str) -> None:
        """Note for what the run waits; raises Cancelled when asked to stop."""
        self.watch.move(waited=True)
        if time.monotonic() - self.last >= BEAT_SECONDS:
            self.last = time.monotonic()
            beat(self.db, self.run_id, stage="queue", detail=detail)
            self._pause()
            if detail != self.waits_for:
                print(f"{self.prefix}{detail}", file=sys.stderr, flush=True)
            self.waits_for = detail

    def point(
        self, trial: int, share: float, loss: float | None = None, recall: float | None = None, abstention: float | None = None
    ) -> None:
        """Adds to the curve of a trial what was measured there."""
        save_point(self.db, self.run_id, trial, round(share, 4), loss, recall, abstention)

    def listen(self) -> bool:
        """Stand aside while the run is paused, then wait for the turn again; returns whether it was. Raises Cancelled if the run is to stop."""
        began = time.monotonic()
        if not self._pause():
            return False
        self.turn.wait(self.wait)
        self.waits_for = ""
        stand_still(time.monotonic() - began)
        return True

    def _pause(self) -> bool:
        self._stop_if_cancelled()
        if not pause_requested(self.db, self.run_id):
            return False
        with self.turn.aside():
            while pause_requested(self.db, self.run_id):
                time.sleep(PAUSE_SECONDS)
                self.watch.move(waited=True)
                beat(self.db, self.run_id)
                self._stop_if_cancelled()
        return True

    def _stop_if_cancelled(self) -> None:
        if cancel_requested(self.db, self.run_id):
            raise Cancelled("The injection was cancelled; the profile keeps the adapter that it had.")
