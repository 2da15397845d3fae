"""Opens the store: a folder comes in, a sqlite_utils.Database with every migration applied comes out.

One connection may be shared by threads: a lock per connection keeps one thread's transaction whole.
"""

import json
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import platformdirs
from sqlite_utils import Database

from memory.errors import KeepsakeError, StoreBusy, StoreDamaged, StoreFull, StoreUnwritable, WrongPassphrase
from memory.store import engine
from memory.store.files import STORE, create_private, remove_leftovers
from memory.store.migrations import MIGRATIONS

FILE_NAME = STORE
BUSY_SECONDS = 10.0

_folder: ContextVar[Path | None] = ContextVar("folder", default=None)
_locks: "WeakKeyDictionary[Database, threading.RLock]" = WeakKeyDictionary()


def data_folder() -> Path:
    """The folder of all of Keepsake's data, created for its owner only: in_folder's, else KEEPSAKE_HOME, else the system's place.

    Raises StoreUnwritable.
    """
    chosen = os.environ.get("KEEPSAKE_HOME")
    usual = Path(chosen).expanduser() if chosen else Path(platformdirs.user_data_dir("keepsake", appauthor=False))
    folder = _folder.get() or usual
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error.strerror or str(error)) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unwritable(folder, "no permission to write")
    return folder


@contextmanager
def in_folder(folder: Path | None) -> Iterator[None]:
    """Within, data_folder() is this folder (None: the usual one): whose data a handler of the page works on."""
    token = _folder.set(folder)
    try:
        yield
    finally:
        _folder.reset(token)


def open_store(home: Path | None = None) -> Database:
    """The store in `home` (default: data_folder()), brought up to date; raises a KeepsakeError if it cannot be used."""
    if home is None:
        home = data_folder()
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = home / FILE_NAME
        remove_leftovers(home)
        # The file holds private messages: created readable by its owner only, whatever the umask is.
        create_private(path)
    except OSError as error:
        raise _unwritable(home, error.strerror or str(error)) from error
    with _explained(path):
        db = open_file(path)
        try:
            db.enable_wal()
            _migrate(db, path)
            purge_if_due(db)
        except BaseException:
            db.close()
            raise
        return db


def open_file(path: Path, like: Path | None = None) -> Database:
    """A connection to a file as it is: nothing is migrated or purged; a new one is encrypted with the key of `like`, if that is.

    Raises StoreDamaged for one that is no database, StoreLocked.
    """
    with _explained(path):
        try:
            db = _connect(path, like)
        except engine.DATABASE_ERRORS as error:
            salt = engine.salt_of(path)
            if salt is not None and "not a database" in str(error):
                engine.drop_key(salt)  # what the environment said; a key that was typed has been checked
                raise WrongPassphrase(f"The passphrase in {engine.PASSPHRASE} is not that of the store in {path.parent}.") from error
            raise
        return db


def schema_of(db: Database) -> list[str]:
    """The migrations that were applied, oldest first; raises StoreDamaged for a store of a newer Keepsake."""
    known = {migration.name for migration in MIGRATIONS._migrations}
    applied = [migration.name for migration in MIGRATIONS.applied(db)]
    newer = [name for name in applied if name not in known]
    if newer:
        raise StoreDamaged(f"{_path(db)} was written by a newer Keepsake ({newer[0]}): update Keepsake to open it.")
    return applied


def _connect(path: Path, like: Path | None = None) -> Database:
    salt = engine.salt_of(like) if like else None
    key = engine.find_key(salt) if salt else None
    connection = engine.connect(path, BUSY_SECONDS, (salt, key) if salt and key else None)
    try:
        return _prepared(Database(connection))
    except BaseException:
        connection.close()
        raise


def _prepared(db: Database) -> Database:
    """A connection with our settings, once it has shown that its file can be read."""
    db.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
    # Each commit reaches the disk before it counts: a power cut loses nothing that was said to be stored.
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA foreign_keys = ON")
    # Deleted rows are overwritten with zeros at once, not only at the next VACUUM.
    db.execute("PRAGMA secure_delete = ON")
    db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return db


def _migrate(db: Database, path: Path) -> None:
    """Applies what is missing as one transaction that is checked before it counts; a store with data is backed up first."""
    applied = schema_of(db)
    pending = MIGRATIONS.pending(db)
    if not pending:
        return
    if applied:
        from memory.store.backups import FOLDER, KEPT, back_up, drop_automatic

        done = back_up(path.parent, label=f"before-{pending[0].name}")
        drop_automatic(path.parent, KEPT)
        saved = f"; a copy from before is in {path.parent / FOLDER / Path(done['backup']).name}"
    else:
        saved = ""
    # Two processes may open a new store at once: the second waits here and then finds nothing pending.
    with transaction(db):
        MIGRATIONS.apply(db)
        broken = fetch(db, "PRAGMA foreign_key_check") or [row for row in fetch(db, "PRAGMA quick_check") if row["quick_check"] != "ok"]
        if broken:
            raise StoreDamaged(f"{path} could not be brought up to date, and was left as it was{saved}: run python -m memory check.")


@contextmanager
def transaction(db: Database) -> Iterator[Database]:
    """All or nothing: BEGIN IMMEDIATE .. COMMIT, or ROLLBACK on any error; a nested one joins the outer one.

    Raises StoreFull, StoreBusy, StoreUnwritable or StoreDamaged in place of SQLite's own words for those.
    """
    with _lock(db), _explained(db):
        if db.conn.in_transaction:
            yield db
            return
        db.conn.execute("BEGIN IMMEDIATE")
        try:
            yield db
            db.conn.execute("COMMIT")
        except BaseException:
            db.rollback()
            raise


def fetch(db: Database, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[dict[str, Any]]:
    """The rows of a SELECT as dictionaries."""
    with _lock(db), _explained(db):
        cursor = db.execute(sql, parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def fetch_one(db: Database, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> dict[str, Any] | None:
    """The first row of a SELECT, or None."""
    rows = fetch(db, sql, parameters)
    return rows[0] if rows else None


def purge(db: Database) -> bool:
    """Removes every trace of deleted rows from the file; False if another process was in the way (tried again on opening).

    A deleted row's words live on in the full-text index (until it is rebuilt), in free pages (until VACUUM) and in the
    write-ahead log (until it is truncated).
    """
    with _lock(db):
        try:
            for table in ("messages_fts", "facts_fts"):
                db.execute(f"INSERT INTO {table}({table}) VALUES ('rebuild')")
            db.execute("VACUUM")
            busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            if not busy:
                _erase_automatic_backups(db)
                db.execute("DELETE FROM purges_due")
                return True
        except engine.OPERATIONAL_ERRORS:
            # Locked by a run, or too little room for VACUUM's copy: what was deleted stays deleted, and the note in
            # purges_due makes the next opening try again.
            pass
        return False


def _erase_automatic_backups(db: Database) -> None:
    """The copies that Keepsake made by itself (before a migration or a restore) hold what was just forgotten."""
    from memory.store.backups import drop_automatic

    if (path := _path(db)).name == FILE_NAME:
        drop_automatic(path.parent)


def request_purge(db: Database) -> None:
    """Notes, inside the transaction that deletes, that the file must be purged: a crash before the purge cannot lose it."""
    db.execute("INSERT INTO purges_due (requested) VALUES (?)", [now()])


def purge_if_due(db: Database) -> None:
    """Carries out a purge that an earlier process could not finish."""
    if fetch_one(db, "SELECT 1 FROM purges_due"):
        purge(db)


def now() -> str:
    """The present time in UTC, ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def to_json(value: object) -> str:
    """JSON text as the store keeps it (readable, not escaped to ASCII)."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=_plain)


def _plain(value: Any) -> Any:
    """A number of numpy or torch as Python's own, a path as text."""
    return value.item() if hasattr(value, "item") else str(value)


def _lock(db: Database) -> threading.RLock:
    return _locks.setdefault(db, threading.RLock())


def path_of(db: Database) -> Path | None:
    """The file of an open store; None for one in memory."""
    row = db.conn.execute("SELECT file FROM pragma_database_list WHERE name = 'main'").fetchone()
    return Path(row[0]) if row[0] else None


def _path(db: Database) -> Path:
    return path_of(db) or Path(":memory:")


def _unwritable(folder: Path, reason: str) -> StoreUnwritable:
    return StoreUnwritable(
        f"Keepsake cannot write to its data folder {folder} ({reason}): make it writable or set KEEPSAKE_HOME to another."
    )


@contextmanager
def _explained(store: Database | Path) -> Iterator[None]:
    """Turns what SQLite says about the file itself into a sentence; other database errors are bugs and pass."""
    try:
        yield
    except engine.UNREADABLE as error:
        explained = _explain(store if isinstance(store, Path) else _path(store), str(error))
        if explained is None:
            raise
        raise explained from error


def _explain(path: Path, said: str) -> KeepsakeError | None:
    if "disk is full" in said:
        return StoreFull(f"The disk that holds {path} is full, so nothing was changed: free some space and try again.")
    if "readonly" in said or "unable to open" in said:
        return _unwritable(path.parent, said)
    if "locked" in said:
        return StoreBusy(f"Another process has been using {path} for over {BUSY_SECONDS:.0f} seconds: try again shortly.")
    if "disk I/O" in said:
        return StoreFull(
            f"The disk refused to read or write {path} ({said}), so nothing was changed: it may be full, or failing; look at it, then try again."
        )
    if any(sign in said for sign in ("malformed", "not a database", "codec can't decode", "decode to UTF-8")):
        return StoreDamaged(f"{path} cannot be read as a Keepsake store ({said}): move it away or restore a copy of it.")
    return None
