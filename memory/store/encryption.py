"""Encryption at rest: a data folder and a passphrase come in; its store is encrypted, decrypted, unlocked or locked.

The whole file is rewritten under another key beside the old one, opened, checked and counted, and only then takes its place; the old file
is overwritten with zeros. A kill at any moment leaves one of the two whole.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from memory.errors import NoCipher, StoreBusy, WrongPassphrase
from memory.store import engine
from memory.store.backups import count_all, drop_automatic, refuse_live
from memory.store.database import FILE_NAME, fetch, open_file, open_store
from memory.store.files import erase, erase_store, fresh_name, sync_file, sync_folder

SHORTEST_PASSPHRASE = 8

Key = tuple[bytes, bytes]  # salt, key


def is_encrypted(home: Path) -> bool:
    """Whether the store in a folder is encrypted."""
    return engine.salt_of(home / FILE_NAME) is not None


def is_locked(home: Path) -> bool:
    """Whether the store in a folder is encrypted and this process does not know its key."""
    salt = engine.salt_of(home / FILE_NAME)
    return salt is not None and engine.find_key(salt) is None


def unlock(home: Path, passphrase: str) -> None:
    """Makes the key of the passphrase known to this process; raises WrongPassphrase. A plain store needs none."""
    salt = engine.salt_of(home / FILE_NAME)
    if salt is not None:
        engine.keep_key(salt, _checked_key(home / FILE_NAME, salt, passphrase))


def lock(home: Path) -> None:
    """Forgets the key of the store in a folder."""
    salt = engine.salt_of(home / FILE_NAME)
    if salt is not None:
        engine.drop_key(salt)


def encrypt(home: Path, passphrase: str) -> dict[str, Any]:
    """Encrypts a plain store: {"encrypted": true, "rows", "plain_backups": own backups that are still plain}."""
    if is_encrypted(home):
        raise WrongPassphrase("The store is already encrypted: change its passphrase with the passphrase command.")
    _check_length(passphrase)
    open_store(home).close()  # a new folder gets an empty store
    rows = _rewrite(home, _new_key(passphrase))
    drop_automatic(home)  # copies of the plain file that Keepsake made by itself
    return {"encrypted": True, "rows": rows, "plain_backups": plain_backups(home)}


def decrypt(home: Path, passphrase: str) -> dict[str, Any]:
    """Writes an encrypted store as a plain file again; raises WrongPassphrase."""
    old = _own_key(home, passphrase)
    rows = _rewrite(home, None)
    engine.drop_key(old[0])
    return {"encrypted": False, "rows": rows}


def change_passphrase(home: Path, passphrase: str, new: str) -> dict[str, Any]:
    """Encrypts the store under another passphrase, with another salt; raises WrongPassphrase. Backups keep the old one."""
    _check_length(new)
    old = _own_key(home, passphrase)
    rows = _rewrite(home, _new_key(new))
    engine.drop_key(old[0])
    return {"encrypted": True, "rows": rows}


def plain_backups(home: Path) -> list[str]:
    """Backups in the data folder that anybody who has the file can read."""
    return sorted(path.name for path in (home / "backups").glob("*.db") if engine.salt_of(path) is None)


def _rewrite(home: Path, new: Key | None) -> dict[str, int]:
    """The store under another key in the place of the old file; returns its rows by table. The new key is kept."""
    if engine.cipher is None:
        raise NoCipher("Encryption needs the package sqlcipher3, which is not installed here: pip install sqlcipher3.")
    path = home / FILE_NAME
    fresh = fresh_name(path)
    if new:
        engine.keep_key(*new)
    try:
        with _alone(path) as db:
            rows = count_all(db)
            fresh.touch(mode=0o600)
            target = engine.literal(*new) if new else ""
            db.conn.execute("ATTACH DATABASE ? AS fresh KEY " + (f'"{target}"' if target else "''"), [str(fresh)])
            db.conn.execute("SELECT sqlcipher_export('fresh')").fetchall()
            db.conn.commit()
            db.conn.execute("DETACH DATABASE fresh")
            _verify(fresh, rows)
            _swap(path, fresh)
    except BaseException:
        if new:
            engine.drop_key(new[0])
        raise
    finally:
        erase_store(fresh)
    return rows


@contextmanager
def _alone(path: Path) -> Iterator[Database]:
    """The store with nobody else in it and its log written back, as a connection that can export it; raises StoreBusy, RunInProgress.

    A plain file is held by a connection of the engine that all others of this process use: locks of one process do not hold against
    another library in it.
    """
    with closing(open_file(path)) as held:
        refuse_live(held)
        try:
            held.conn.execute("PRAGMA busy_timeout = 2000")
            held.conn.execute("PRAGMA locking_mode = EXCLUSIVE")
            # Leaving WAL succeeds only for the last connection to the file.
            if held.conn.execute("PRAGMA journal_mode = DELETE").fetchone()[0] != "delete":
                raise StoreBusy(_BUSY.format(path=path))
            held.conn.execute("BEGIN EXCLUSIVE")
            held.conn.execute("COMMIT")
        except engine.OPERATIONAL_ERRORS as error:
            raise StoreBusy(_BUSY.format(path=path)) from error
        if engine.salt_of(path):
            yield held
        else:
            with closing(Database(engine.cipher.connect(str(path)))) as reader:
                yield reader


_BUSY = "Something else is using {path}: close the page and other commands, then try again."


def _verify(fresh: Path, rows: dict[str, int]) -> None:
    with closing(open_file(fresh)) as db:
        found = fetch(db, "PRAGMA integrity_check")[0]["integrity_check"]
        if found != "ok" or count_all(db) != rows:
            raise StoreBusy("The rewritten store does not hold the same rows: nothing was changed, try again.")


def _swap(path: Path, fresh: Path) -> None:
    """The new file takes the old one's name in one step; the old one is erased under a name that every opening cleans up."""
    sync_file(fresh)
    old = path.with_name(f".old-{secrets.token_hex(6)}")
    with suppress(OSError):
        os.link(path, old)
    os.replace(fresh, path)
    sync_folder(path.parent)
    erase(old)


def _own_key(home: Path, passphrase: str) -> Key:
    salt = engine.salt_of(home / FILE_NAME)
    if salt is None:
        raise WrongPassphrase("The store is not encrypted: encrypt it with the encrypt command.")
    key = salt, _checked_key(home / FILE_NAME, salt, passphrase)
    engine.keep_key(*key)
    return key


def _checked_key(path: Path, salt: bytes, passphrase: str) -> bytes:
    if engine.cipher is None:
        raise NoCipher(f"{path} is encrypted, and the package sqlcipher3 is not installed: install it to open the store.")
    key = engine.derive_key(passphrase, salt)
    with closing(engine.connect(path, 10.0, (salt, key))) as connection:
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except engine.DATABASE_ERRORS as error:
            if "not a database" not in str(error):
                raise
            raise WrongPassphrase("That is not the passphrase of this store: try again. Without it nobody can read the store.") from error
    return key


def _new_key(passphrase: str) -> Key:
    salt = engine.new_salt()
    return salt, engine.derive_key(passphrase, salt)


def _check_length(passphrase: str) -> None:
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise WrongPassphrase(f"A passphrase has at least {SHORTEST_PASSPHRASE} characters; several words are easier to keep in mind.")
