"""One queue for the accelerator: of all processes that train on this machine's data, one works and the others wait their turn.

In: the wish to train. Out: the accelerator (a GPU, or the processor where there is none), first come, first served. A place in the queue is a file
that its process keeps locked; the system takes the lock away with the process, so one that is killed (-9) holds nobody up. One that is paused gives its place up, and queues again.
"""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from memory.store import data_folder
from memory.store.database import now

FOLDER = "accelerator"
QUEUE = "KEEPSAKE_QUEUE"  # the folder of the queue, where several data folders share a machine (accounts of one page)
POLL_SECONDS = 0.5

Say = Callable[[str], None]


class Turn:
    """A place in the queue: joined at its end, waited on, left. Whoever is paused steps aside and queues again."""

    def __init__(self) -> None:
        self._place: Path | None = None
        self._handle = -1

    def join(self) -> None:
        """Take the last place."""
        folder = Path(os.environ.get(QUEUE) or data_folder()) / FOLDER
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._place, self._handle = _take_place(folder)

    def wait(self, say: Say) -> None:
        """Until nobody is before this one; at once without a place. `say` hears for whom it waits, may step aside, and may raise to stop waiting."""
        while self._place and (ahead := _ahead(self._place)):
            say(_sentence(ahead))
            time.sleep(POLL_SECONDS)
        if self._place:
            _write(self._handle, {"pid": os.getpid(), "since": now()})

    def leave(self) -> None:
        """Give the place up, if there is one."""
        if self._place:
            self._place.unlink(missing_ok=True)
            os.close(self._handle)
            self._place = None

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Others may work meanwhile; afterwards this one has the last place again (call `wait`), if it had one."""
        had = self._place is not None
        self.leave()
        yield
        if had:
            self.join()


@contextmanager
def accelerator(say: Say = lambda sentence: None, turn: Turn | None = None) -> Iterator[Turn]:
    """Waits until the accelerator is this caller's, and gives it back at the end; `say` as in `Turn.wait`."""
    turn = turn or Turn()
    turn.join()
    try:
        turn.wait(say)
        yield turn
    finally:
        turn.leave()


def _take_place(folder: Path) -> tuple[Path, int]:
    """A new last place, locked. Places are given one at a time, so that nobody can come in before one who has looked already."""
    with open(os.open(folder / "door", os.O_RDWR | os.O_CREAT, 0o600), "w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        last = max((int(path.stem) for path in folder.glob("*.place")), default=0)
        place = folder / f"{last + 1:09d}.place"
        handle = os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        _write(handle, {"pid": os.getpid()})
        return place, handle


def _ahead(mine: Path) -> list[dict[str, Any]]:
    """Who lives on an earlier place, first the one that works; the places of the dead are cleared away."""
    found = []
    for path in sorted(mine.parent.glob("*.place")):
        if path.name >= mine.name:
            break
        with suppress(FileNotFoundError):
            handle = os.open(path, os.O_RDWR)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
            except BlockingIOError:
                found.append(_read(handle))
            finally:
                os.close(handle)
    return found


def _sentence(ahead: list[dict[str, Any]]) -> str:
    first = ahead[0]
    since = f", since {first['since']}" if "since" in first else ""
    more = f"; {len(ahead) - 1} more before this one" if len(ahead) > 1 else ""
    return f"Waiting for the injection of process {first.get('pid', '?')} to end (it has the accelerator{since}){more}."


def _write(handle: int, said: dict[str, Any]) -> None:
    os.pwrite(handle, json.dumps(said).ljust(100).encode(), 0)


def _read(handle: int) -> dict[str, Any]:
    try:
        return dict(json.loads(os.pread(handle, 200, 0)))
    except ValueError:
        return {}  # taken at this very moment
