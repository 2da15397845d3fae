"""The database file of a shared search, which lies outside the store: what was overwritten in it is made to go."""

import sqlite3
from contextlib import closing
from pathlib import Path


def purge_file(path: str | Path) -> None:
    """Writes a SQLite file anew, without the free pages that keep what was overwritten."""
    with closing(sqlite3.connect(path, timeout=30)) as db:
        db.execute("VACUUM")
