"""The engine of one machine: works run in this process, one after the other, on the base that is already loaded."""

from collections import deque

from tuning.bases import LoadedBase
from tuning.engines.work import Done, Hear, Work, do_work


class LocalEngine:
    """Runs the oldest work when it is waited for; one in hand is enough, so the driver prepares no more than that."""

    name = "local"
    slots = 1

    def __init__(self, hear: Hear, loaded: LoadedBase | None = None) -> None:
        self._hear, self._loaded = hear, loaded
        self._queue: deque[Work] = deque()

    def use(self, loaded: LoadedBase) -> None:
        """Take the driver's base instead of loading it a second time."""
        self._loaded = loaded

    def submit(self, work: Work) -> None:
        """Put a work into the queue."""
        self._queue.append(work)

    def wait(self, seconds: float) -> list[Done]:
        """Run one work to its end, however long it takes; nothing for a wait of 0, which only asks what is ready."""
        if not self._queue or seconds <= 0:
            return []
        return [do_work(self._queue.popleft(), self._hear, self._loaded)]

    def close(self) -> None:
        """Forget what was not begun."""
        self._queue.clear()
