"""When each data folder was last used through the page: an event notes it, locking.py reads it."""

import time
from pathlib import Path

from memory.store import data_folder

last_used: dict[Path, float] = {}


def note_use() -> None:
    """Somebody did something on the page with this data folder."""
    last_used[data_folder()] = time.monotonic()
