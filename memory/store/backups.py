"""Checks, backups and restores of the store: a data folder comes in, a report of what was found or done comes out.

A backup is one file, made while the store may be in use, and opened, checked and counted before it counts. A restore writes such a file
back as one transaction, or puts it in the place of a store that cannot be read; what was there before is kept beside it.
"""

import hashlib
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from memory.errors import BadBackup, RunInProgress, StoreDamaged, StoreLocked, WrongPassphrase
from memory.store.database import FILE_NAME, fetch, open_file, open_store, path_of, schema_of
from memory.store.engine import OPERATIONAL_ERRORS, UNWRITABLE, salt_of
from memory.store.files import erase, erase_store, fresh_name, sync_file, sync_folder
from memory.store.runs import live_runs

FOLDER = "backups"
KEPT = 3  # automatic backups, the newest
_LOST = "SELECT count(*) AS n FROM embeddings WHERE kind = '{}' AND owner_id NOT IN (SELECT id FROM {})"
ORPHANS = {
    "vectors of messages that are gone": ("embeddings", _LOST.format("message", "messages")),
    "vectors of facts that are gone": ("embeddings", _LOST.format("fact", "facts")),
    "profiles with two current adapters": (
        "adapters", "SELECT count(*) AS n FROM (SELECT 1 FROM adapters WHERE is_current GROUP BY profile_id HAVING count(*) > 1)",
    ),
}  # fmt: skip


def check_store(home: Path) -> dict[str, Any]:
    """What is wrong with the store in a folder, if anything: the file, references, index, orphaned rows, adapter hashes.

    {"ok", "problems": sentences, "file", "bytes", "schema", "rows": {table: n}, "adapters": n checked, "damaged_adapters": numbers,
    "live_runs": n, "purge_due", "backups": names}. Reads only.
    """
    path = home / FILE_NAME
    report: dict[str, Any] = {"ok": True, "problems": [], "file": str(path), "bytes": 0}
    if not path.exists():
        return report | {"rows": {}, "adapters": 0, "damaged_adapters": [], "backups": []}
    report["bytes"] = path.stat().st_size
    try:
        with closing(open_file(path)) as db:
            report |= _inspect(db)
            report["encrypted"] = salt_of(path) is not None
            report["live_runs"] = len(live_runs(db))
            report["purge_due"] = bool(fetch(db, "SELECT 1 FROM purges_due"))
    except (StoreDamaged, StoreLocked, WrongPassphrase) as error:
        report["problems"] = [str(error)]
    report["backups"] = sorted(found.name for found in (home / FOLDER).glob("*.db"))
    report["ok"] = not report["problems"]
    return report


def back_up(home: Path, target: Path | None = None, label: str = "backup") -> dict[str, Any]:
    """A checked copy of the store while others may use it: {"backup": file, "bytes", "sha256", "rows"}.

    `target` is a file or a folder (default: backups/ in the data folder). Raises BadBackup when the copy or the store is not sound.
    """
    source = home / FILE_NAME
    if not source.exists():
        raise BadBackup(f"There is nothing to back up in {home}: import something first.")
    path = _target(home, target, label)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = fresh_name(path)
    try:
        with closing(open_file(source)) as db:
            copy_into(db, fresh)
        return _keep(fresh, path)
    except UNWRITABLE as error:
        said = getattr(error, "strerror", None) or error
        raise BadBackup(f"The backup {path} could not be written ({said}): free some space, or choose another place with --to.") from error
    finally:
        erase_store(fresh)


def restore(home: Path, source: Path) -> dict[str, Any]:
    """Puts a backup in the place of the store; what was there is kept: {"restored": source, "rows", "kept": file or None}.

    Raises BadBackup for a file that is not a sound store, RunInProgress while an injection would write into what is replaced.
    """
    if not source.is_file():
        raise BadBackup(f"There is no backup {source}: the backups of this folder are in {home / FOLDER}.")
    rows = _verify(source)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = home / FILE_NAME
    kept = _set_aside(path) if path.exists() else None
    if path.exists() and kept is not None and kept.parent.name == FOLDER and salt_of(path) == salt_of(source):
        # Into the file that others may have open: one transaction, so that they see the old store or the new one.
        with closing(open_file(source)) as backup, closing(open_file(path)) as db:
            _explained_copy(backup, db)
    else:
        fresh = fresh_name(path)
        try:
            with closing(open_file(source)) as backup:
                copy_into(backup, fresh)
            sync_file(fresh)
            # A log of the old file must not be taken for the new one's.
            for suffix in ("-wal", "-shm"):
                erase(path.with_name(path.name + suffix))
            fresh.replace(path)
            sync_folder(home)
        finally:
            erase_store(fresh)
    open_store(home).close()  # brings an older backup up to date
    return {"restored": str(source), "rows": rows, "kept": str(kept) if kept else None}


def drop_automatic(home: Path, keep: int = 0) -> int:
    """Erases the copies that Keepsake made by itself (before a migration or a restore, or of a damaged store) but the newest `keep`.

    Returns how many went.
    """
    found = [*(home / FOLDER).glob("before-*.db"), *home.glob("damaged-*.db")]
    found.sort(key=lambda path: path.stat().st_mtime)
    for path in found[: len(found) - keep]:
        erase_store(path)
    return max(0, len(found) - keep)


def copy_into(db: Database, target: Path) -> None:
    """A consistent copy of an open store as a new file, for its owner only, without a log beside it."""
    target.touch(mode=0o600)
    with closing(open_file(target, like=path_of(db))) as copy:
        _explained_copy(db, copy)
        copy.execute("PRAGMA journal_mode = DELETE")
    sync_file(target)


def move_store(old: Path, new: Path) -> None:
    """Moves the store to another data folder, where there may be none yet; the old file is erased once the new one is checked."""
    if not (old / FILE_NAME).exists():
        return
    if (new / FILE_NAME).exists():
        raise BadBackup(f"{new} already holds a store: nothing was moved.")
    with closing(open_file(old / FILE_NAME)) as db:
        refuse_live(db)
    back_up(old, new / FILE_NAME)
    erase_store(old / FILE_NAME)


def _inspect(db: Database) -> dict[str, Any]:
    schema = schema_of(db)
    if not schema:
        return {"problems": [], "schema": [], "rows": {}, "adapters": 0, "damaged_adapters": []}
    problems = [
        f"The file is damaged: {row['integrity_check']}." for row in fetch(db, "PRAGMA integrity_check") if row["integrity_check"] != "ok"
    ]
    tables = set(db.table_names())  # an older store lacks some
    if not problems:
        problems += [
            f"A row of {row['table']} refers to one of {row['parent']} that is gone." for row in fetch(db, "PRAGMA foreign_key_check")
        ]
        orphans = {what: int(fetch(db, sql)[0]["n"]) for what, (table, sql) in ORPHANS.items() if table in tables}
        problems += [f"{count} {what}." for what, count in orphans.items() if count]
        problems += [
            f"The search index of {table} does not match its rows."
            for table in ("messages", "facts") if f"{table}_fts" in tables and not _index_fits(db, table)
        ]  # fmt: skip
    checked, damaged = check_adapters(db) if "adapters" in tables else (0, [])
    problems += [
        f"The weights of adapter {number} differ from those that were saved: inject again, or restore a backup." for number in damaged
    ]
    return {"problems": problems, "schema": schema[-1:], "rows": count_all(db), "adapters": checked, "damaged_adapters": damaged}


def check_adapters(db: Database) -> tuple[int, list[int]]:
    """How many adapters there are, and the numbers of those whose weights do not have the hash that they were saved with."""
    numbers = [row["id"] for row in fetch(db, "SELECT id FROM adapters ORDER BY id")]
    damaged = []
    for number in numbers:
        row = fetch(db, "SELECT weights, sha256 FROM adapters WHERE id = ?", [number])[0]
        if hashlib.sha256(row["weights"]).hexdigest() != row["sha256"]:
            damaged.append(number)
    return len(numbers), damaged


def count_all(db: Database) -> dict[str, int]:
    """Rows by table, the inner tables of the search index left out."""
    sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '%\\_fts%' ESCAPE '\\' ORDER BY name"
    return {row["name"]: int(fetch(db, f'SELECT count(*) AS n FROM "{row["name"]}"')[0]["n"]) for row in fetch(db, sql)}


def _index_fits(db: Database, table: str) -> bool:
    """FTS5's own comparison of its index with the rows; it is written as an INSERT but changes nothing."""
    try:
        db.execute("BEGIN")
        db.execute(f"INSERT INTO {table}_fts({table}_fts, rank) VALUES ('integrity-check', 1)")
        return True
    except OPERATIONAL_ERRORS:
        return True  # the store is busy or cannot be written: not a finding
    except Exception as error:  # noqa: BLE001 - the class depends on the engine; only what FTS5 says of its index is a finding
        if "malformed" in str(error) or "corrupt" in str(error):
            return False
        raise
    finally:
        db.rollback()


def _verify(path: Path) -> dict[str, int]:
    """The row counts of a file that is a sound store; raises BadBackup."""
    try:
        with closing(open_file(path)) as db:
            found = _inspect(db)
    except StoreDamaged as error:
        raise BadBackup(f"{path} cannot be read as a Keepsake store: choose another backup.") from error
    if not found["schema"]:
        raise BadBackup(f"{path} is not a Keepsake store: choose another backup.")
    if found["problems"]:
        raise BadBackup(f"{path} is not sound ({found['problems'][0]}): choose another backup.")
    return dict(found["rows"])


def _keep(fresh: Path, path: Path) -> dict[str, Any]:
    rows = _verify(fresh)
    fresh.replace(path)
    sync_folder(path.parent)
    with path.open("rb") as copy:
        digest = hashlib.file_digest(copy, "sha256").hexdigest()
    return {"backup": str(path), "bytes": path.stat().st_size, "sha256": digest, "rows": rows}


def _set_aside(path: Path) -> Path:
    """A copy of the present store, or, where it cannot be read, the damaged files themselves under another name."""
    try:
        with closing(open_file(path)) as db:
            refuse_live(db)
        return Path(back_up(path.parent, label="before-restore")["backup"])
    except RunInProgress:
        raise
    except (StoreDamaged, StoreLocked, WrongPassphrase, BadBackup):
        moved = path.with_name(f"damaged-{_stamp()}.db")
        for suffix in ("-wal", "-shm", "-journal"):
            with suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(moved.with_name(moved.name + suffix))
        return path.rename(moved)


def refuse_live(db: Database) -> None:
    """Raises RunInProgress while an injection is alive."""
    if live_runs(db):
        raise RunInProgress("An injection is running: wait for it to finish, or cancel it first.")


def _explained_copy(source: Database, target: Database) -> None:
    try:
        source.conn.backup(target.conn)
    except OPERATIONAL_ERRORS as error:
        raise BadBackup(f"The copy could not be written ({error}): free some space, or try again when nothing else is writing.") from error


def _target(home: Path, target: Path | None, label: str) -> Path:
    if target is None:
        target = home / FOLDER
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not target.is_dir():
        return target
    path, number = target / f"{label}-{_stamp()}.db", 1
    while path.exists():
        number += 1
        path = target / f"{label}-{_stamp()}-{number}.db"
    return path


def _stamp() -> str:
    return datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
