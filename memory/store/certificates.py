"""The room of certificates: what was forgotten, when, and what was proved about it; never what it said.

A row is written in the transaction that forgets. After the purge the data folder is searched for the words, which are still known then;
after the next injection the row says which adapter took the place of the stale ones, and a probe may add what it measured.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from memory.errors import UnknownCertificate
from memory.store.database import fetch, fetch_one, now, path_of, to_json, transaction
from memory.store.files import blocks_of

SHORTEST_TRACE = 6  # bytes: shorter words occur by chance


def write_certificate(
    db: Database, profile_id: int, kind: str, subject: int | None, digest: str | None, removed: dict[str, int], stale: list[int]
) -> int:
    """A new certificate, within the caller's transaction; returns its number."""
    cursor = db.execute(
        "INSERT INTO certificates (profile_id, kind, subject, hash, requested, removed, stale) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [profile_id, kind, subject, digest, now(), to_json(removed), to_json(stale)],
    )
    return int(cursor.lastrowid or 0)


def note_traces(db: Database, certificate: int, words: list[str]) -> int | None:
    """Searches the data folder for forgotten texts and notes in how many files one was found; None where there is no folder."""
    path = path_of(db)
    if path is None:
        return None
    found = len(find_traces(path.parent, words))
    with transaction(db):
        db.execute("UPDATE certificates SET traces = ? WHERE id = ?", [found, certificate])
    return found


def find_traces(folder: Path, words: list[str]) -> list[Path]:
    """The files of a folder that hold one of these texts, word for word, in any letter case of the Latin alphabet; JSON's form as well.

    Backups that the person made are left out: they are theirs to delete, and the certificate names them.
    """
    forms = {form.encode().lower() for word in words for form in (word, json.dumps(word)[1:-1]) if len(word.encode()) >= SHORTEST_TRACE}
    overlap = max(map(len, forms), default=1)
    held = []
    for path in sorted(folder.rglob("*")):
        if forms and path.is_file() and not is_own_backup(folder, path) and _holds(path, forms, overlap):
            held.append(path)
    return held


def is_own_backup(folder: Path, path: Path) -> bool:
    """Whether a file is a backup that the person made, not one that Keepsake made by itself."""
    return path.parent == folder / "backups" and not path.name.startswith("before-")


def note_reinjection(db: Database, profile_id: int, adapter_id: int) -> None:
    """Says which adapter took the place of the stale ones, on every certificate that waits for it."""
    db.execute(
        "UPDATE certificates SET reinjected = ?, adapter = ? WHERE profile_id = ? AND adapter IS NULL AND stale <> '[]'",
        [now(), adapter_id, profile_id],
    )


def note_probe(db: Database, certificate: int, probe: dict[str, Any]) -> None:
    """Adds what a probe measured: numbers only."""
    with transaction(db):
        db.execute("UPDATE certificates SET probe = ? WHERE id = ?", [to_json(probe), certificate])


def list_certificates(db: Database, profile_id: int) -> list[dict[str, Any]]:
    """The certificates of a profile, newest first."""
    return [_certificate(db, row) for row in fetch(db, "SELECT * FROM certificates WHERE profile_id = ? ORDER BY id DESC", [profile_id])]


def load_certificate(db: Database, profile_id: int, number: int) -> dict[str, Any]:
    """One certificate; raises UnknownCertificate."""
    row = fetch_one(db, "SELECT * FROM certificates WHERE profile_id = ? AND id = ?", [profile_id, number])
    if row is None:
        raise UnknownCertificate(f"There is no certificate number {number} in this profile: list them with the certificates command.")
    return _certificate(db, row)


def _certificate(db: Database, row: dict[str, Any]) -> dict[str, Any]:
    path = path_of(db)
    folder = path.parent if path else None
    backups = sorted(found.name for found in (folder / "backups").glob("*.db") if is_own_backup(folder, found)) if folder else []
    said = {
        "certificate": row["id"],
        "kind": row["kind"],
        "number": row["subject"],
        "hash": row["hash"],
        "forgotten_at": row["requested"],
        "removed": json.loads(row["removed"]),
        "traces_found": row["traces"],
        "stale_adapters": json.loads(row["stale"]),
        "reinjected_at": row["reinjected"],
        "adapter": row["adapter"],
        "probe": json.loads(row["probe"]) if row["probe"] else None,
        "own_backups": backups,
    }
    return said | {"sha256": hashlib.sha256(to_json(said).encode()).hexdigest()}


def _holds(path: Path, forms: set[bytes], overlap: int) -> bool:
    try:
        tail = b""
        for block in blocks_of(path):
            seen = (tail + block).lower()
            if any(form in seen for form in forms):
                return True
            tail = seen[-overlap:]
    except OSError:
        return False
    return False
