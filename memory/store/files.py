"""Files beside the store: a text or a database comes in, and lies on the disk whole or not at all; what must go is overwritten first."""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock

BLOCK = 1 << 20
STORE = "keepsake.db"
LOG = "KEEPSAKE_JOB_LOG"  # where a child process finds the log that its output goes to
LARGEST_LOG = 1_000_000  # bytes; one older log is kept


_kept: dict[tuple[int, int], int] = {}
_lock = Lock()


def read_live(path: Path, size: int, offset: int = 0) -> bytes:
    """Bytes of a database that this process may have open. The file is opened once and never closed while it exists.

    POSIX takes all locks of a process on a file away when the process closes any handle of it. SQLite in another process would then take itself for
    the last user, and delete the write-ahead log under this one's feet. Raises OSError.
    """
    found = path.stat()
    with _lock:
        handle = _kept.get((found.st_dev, found.st_ino))
        if handle is None:
            handle = os.open(path, os.O_RDONLY)
            found = os.fstat(handle)
            _drop_deleted()
            _kept[found.st_dev, found.st_ino] = handle
    return os.pread(handle, size, offset)


def create_private(path: Path) -> None:
    """Makes an empty file for its owner only, unless there is one: that is not even opened (see `read_live`)."""
    with _lock, suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def blocks_of(path: Path) -> Iterator[bytes]:
    """A file block by block, also one that SQLite has open; the index of a write-ahead log, which holds no content, is passed over. Raises OSError."""
    if path.name == f"{STORE}-shm":
        return
    if path.name != STORE:
        with path.open("rb") as stream:
            while block := stream.read(BLOCK):
                yield block
        return
    offset = 0
    while block := read_live(path, BLOCK, offset):
        yield block
        offset += len(block)


def _drop_deleted() -> None:
    """Closes the handles of files that are gone."""
    for key, handle in list(_kept.items()):
        if os.fstat(handle).st_nlink == 0:
            os.close(_kept.pop(key))


def write_whole(path: Path, text: str) -> None:
    """Replaces a file by this text, for its owner only; after a crash there is the old one or the new one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = fresh_name(path)
    try:
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        os.replace(fresh, path)
        sync_folder(path.parent)
    finally:
        fresh.unlink(missing_ok=True)


def fresh_name(path: Path) -> Path:
    """A name beside `path` for its next version, that nobody else uses."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}.new")


def sync_folder(folder: Path) -> None:
    """Makes a rename in this folder outlast a power cut, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sync_file(path: Path) -> None:
    """Makes a file's content outlast a power cut."""
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def put_aside(log: Path) -> None:
    """Makes way for a new log: the one that is there becomes the older one."""
    with suppress(FileNotFoundError):
        os.replace(log, log.with_name(f"{log.name}.1"))


def cut_log(log: Path) -> bool:
    """Puts a log that has grown past `LARGEST_LOG` aside while others write at its end; True if it was so."""
    with suppress(OSError):
        if log.stat().st_size > LARGEST_LOG:
            older = log.with_name(f"{log.name}.1")
            with log.open("rb") as full, open(os.open(older, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
                full.seek(-LARGEST_LOG, os.SEEK_END)
                out.write(full.read())
            os.truncate(log, 0)  # those who write keep their open file
            return True
    return False


def erase(path: Path) -> None:
    """Overwrites a file with zeros and deletes it; on SSDs and copying file systems an old block may survive, see SECURITY.md."""
    if not path.is_file() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    with suppress(OSError), path.open("r+b") as out:
        left = path.stat().st_size
        while left > 0:
            left -= out.write(bytes(min(BLOCK, left)))
        out.flush()
        os.fsync(out.fileno())
    path.unlink(missing_ok=True)


def erase_store(path: Path) -> None:
    """Erases a database with its log and index."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        erase(path.with_name(path.name + suffix))


def remove_leftovers(folder: Path) -> None:
    """Erases what a killed process left behind: an old store that was replaced at once, half-written new files when they are a day old."""
    for left in folder.glob(".*"):
        with suppress(OSError):
            if left.name.startswith(".old-") or (left.name.endswith(".new") and time.time() - left.stat().st_mtime > 24 * 3600):
                erase(left)
