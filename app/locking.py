"""When the store is locked on the page: by hand, and by itself when nobody has used the page for a while.

The key lives in this process only. Locking drops it, the loaded model with its adapter, and the vectors in memory; an injection that runs
has the key of its own process and goes on. Ticks of timers are not use.
"""

import os
import threading
import time
from pathlib import Path

from app.speakers import SPEAKERS
from app.use import last_used
from memory import vector_index
from memory.store import is_encrypted, is_locked, lock

LOOK_SECONDS = 10.0
_watching = threading.Event()


def lock_minutes() -> float:
    """Minutes without use after which the store locks (KEEPSAKE_LOCK_MINUTES, default 15; 0 never)."""
    try:
        return float(os.environ.get("KEEPSAKE_LOCK_MINUTES", "15"))
    except ValueError:
        return 15.0


def lock_now(home: Path) -> None:
    """Locks the store in a folder and forgets what was read of it."""
    lock(home)
    SPEAKERS.release()
    vector_index.drop_all()
    last_used.pop(home, None)


def lock_idle() -> list[Path]:
    """Locks every store that nobody has used for too long; returns their folders."""
    minutes = lock_minutes()
    late = [home for home, then in list(last_used.items()) if minutes and time.monotonic() - then > 60 * minutes]
    for home in late:
        last_used.pop(home, None)
        if is_encrypted(home) and not is_locked(home):
            lock_now(home)
    return late


def watch() -> None:
    """Starts the thread that locks idle stores, once a process."""
    if _watching.is_set():
        return
    _watching.set()

    def look() -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            lock_idle()

    threading.Thread(target=look, daemon=True, name="keepsake-lock").start()
