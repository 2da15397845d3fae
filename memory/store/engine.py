"""Connections to a file: plain SQLite, or SQLCipher where the file is encrypted and its key is known to this process.

A file is encrypted page by page with a key that SQLCipher's own KDF (PBKDF2-HMAC-SHA512, 256,000 rounds) makes of a passphrase and the 16
bytes with which the file begins, so any SQLCipher opens it with the passphrase. Here the KDF runs once: keys are kept in memory, by those
16 bytes, until they are dropped. They are never written; a child process gets them through a pipe.
"""

import hashlib
import os
import secrets
import sqlite3
from pathlib import Path
from threading import Lock
from typing import Any

from memory.errors import NoCipher, StoreLocked
from memory.store.files import STORE, read_live

try:
    from sqlcipher3 import dbapi2 as cipher
except ImportError:  # a platform without its wheel: everything but encryption works
    cipher = None

_engines: list[Any] = [sqlite3, *([cipher] if cipher else [])]
DATABASE_ERRORS: tuple[type[Exception], ...] = tuple(engine.DatabaseError for engine in _engines)
OPERATIONAL_ERRORS: tuple[type[Exception], ...] = tuple(engine.OperationalError for engine in _engines)
INTEGRITY_ERRORS: tuple[type[Exception], ...] = tuple(engine.IntegrityError for engine in _engines)
# The first: also a changed byte in a text, or in a name of the schema.
UNREADABLE: tuple[type[Exception], ...] = (*DATABASE_ERRORS, UnicodeDecodeError)
UNWRITABLE: tuple[type[Exception], ...] = (OSError, *OPERATIONAL_ERRORS)

ROUNDS = 256_000
SALT, PAGE = 16, 4096  # bytes
PLAIN = b"SQLite format 3\0"
PIPE, PASSPHRASE = "KEEPSAKE_KEY_FROM_STDIN", "KEEPSAKE_PASSPHRASE"

_keys: dict[bytes, bytes] = {}
_lock = Lock()


def connect(path: Path, timeout: float, key: tuple[bytes, bytes] | None = None) -> Any:
    """A connection, keyed where the file is encrypted, or where a new one is to be (`key`: salt and key). Raises StoreLocked, NoCipher."""
    salt = key[0] if key else salt_of(path)
    if salt is None:
        return sqlite3.connect(path, timeout=timeout, check_same_thread=False)
    if cipher is None:
        raise NoCipher(f"{path} is encrypted, and the package sqlcipher3 is not installed: install it to open the store.")
    known = key[1] if key else find_key(salt)
    if known is None:
        raise StoreLocked(
            f"The store in {path.parent} is locked: unlock it on the page, or give its passphrase (asked for, or {PASSPHRASE})."
        )
    connection = cipher.connect(str(path), timeout=timeout, check_same_thread=False)
    connection.execute("PRAGMA cipher_log_level = NONE")  # a wrong key is told in our own sentence
    connection.execute(f'PRAGMA key = "{literal(salt, known)}"')
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def salt_of(path: Path) -> bytes | None:
    """The first bytes of an encrypted file; None for a plain, new or damaged one. Our salts always hold a byte that no text begins with."""
    try:
        if path.name == STORE:
            head = read_live(path, SALT)
        else:
            with path.open("rb") as stream:
                head = stream.read(SALT)
        whole = path.stat().st_size % PAGE == 0
    except OSError:
        return None
    plain = (
        sum(a == b for a, b in zip(head, PLAIN, strict=False)) > SALT // 2
    )  # a plain file with a damaged beginning is not an encrypted one
    return head if len(head) == SALT and whole and max(head) >= 0x80 and not plain else None


def new_salt() -> bytes:
    """Random bytes for a new encrypted file."""
    salt = bytearray(secrets.token_bytes(SALT))
    salt[0] |= 0x80
    return bytes(salt)


def derive_key(passphrase: str, salt: bytes) -> bytes:
    """The key of a passphrase: SQLCipher's default KDF, about half a second."""
    return hashlib.pbkdf2_hmac("sha512", passphrase.encode("utf-8", "surrogatepass"), salt, ROUNDS, 32)


def literal(salt: bytes, key: bytes) -> str:
    """Key and salt as SQLCipher takes them without a KDF."""
    return f"x'{key.hex()}{salt.hex()}'"


def find_key(salt: bytes) -> bytes | None:
    """The key of a file: kept, else made of the passphrase in the environment."""
    with _lock:
        known = _keys.get(salt)
    passphrase = os.environ.get(PASSPHRASE)
    if known is None and passphrase:
        known = derive_key(passphrase, salt)
        keep_key(salt, known)
    return known


def keep_key(salt: bytes, key: bytes) -> None:
    """Keeps a key in memory until it is dropped."""
    with _lock:
        _keys[salt] = key


def drop_key(salt: bytes) -> None:
    """Forgets a key: its file cannot be opened any more."""
    with _lock:
        _keys.pop(salt, None)


def hand_over(path: Path) -> str:
    """The key of an open store as a line for a child's standard input; "" for a plain store. Raises StoreLocked."""
    salt = salt_of(path)
    if salt is None:
        return ""
    key = find_key(salt)
    if key is None:
        raise StoreLocked(f"The store in {path.parent} is locked: unlock it first.")
    return f"{salt.hex()} {key.hex()}\n"


def take_over(line: str) -> None:
    """Keeps the key that a parent process handed over."""
    salt, _, key = line.strip().partition(" ")
    if salt and key:
        keep_key(bytes.fromhex(salt), bytes.fromhex(key))
