"""The room of vectors: normalised vectors come in by owner and model, blocks of them come out.

Only what may be retrieved has a place here: the person's own messages that are not excluded, and active facts.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from sqlite_utils import Database

from memory.store.database import fetch, transaction

# Kept at half precision: a cosine of normalised vectors moves by less than 0.001, and the store by half.
STORED = np.float16
BLOCK = 50_000  # vectors read at once

_RETRIEVABLE = {"message": ("messages", "o.me AND NOT o.excluded"), "fact": ("facts", "o.status = 'active'")}
_BEFORE = """(SELECT b.text FROM messages AS b WHERE b.profile_id = o.profile_id AND b.conversation = o.conversation
               AND b.id < o.id AND NOT b.excluded ORDER BY b.id DESC LIMIT 1)"""


@dataclass(frozen=True)
class Unembedded:
    """A message or fact without a vector; `before` is the message that it may answer, "" for a fact."""

    id: int
    text: str
    before: str


def missing(db: Database, profile_id: int, kind: str, model: str, after: int = 0) -> list[Unembedded]:
    """Every retrievable message or fact with a number above `after` that has no vector of this model yet."""
    table, rule = _RETRIEVABLE[kind]
    before = _BEFORE if kind == "message" else "''"
    sql = f"""SELECT o.id, o.text, {before} AS before FROM {table} AS o LEFT JOIN embeddings AS e
              ON e.kind = ? AND e.owner_id = o.id AND e.model = ?
              WHERE +o.profile_id = ? AND o.id > ? AND {rule} AND e.owner_id IS NULL ORDER BY o.id"""
    return [Unembedded(row["id"], row["text"], row["before"] or "") for row in fetch(db, sql, [kind, model, profile_id, after])]


def last_number(db: Database, kind: str) -> int:
    """The highest number of a message or fact."""
    return int(fetch(db, f"SELECT coalesce(max(id), 0) AS n FROM {_RETRIEVABLE[kind][0]}")[0]["n"])


def save(db: Database, kind: str, ids: list[int], vectors: np.ndarray, model: str) -> None:
    """Stores one row of `vectors` (n x d) for each id; owners that were deleted meanwhile are passed over."""
    table, _ = _RETRIEVABLE[kind]
    with transaction(db):
        db.conn.executemany(
            f"INSERT OR IGNORE INTO embeddings SELECT ?, id, ?, ? FROM {table} WHERE id = ?",
            ((kind, model, vector.tobytes(), owner_id) for owner_id, vector in zip(ids, vectors.astype(STORED), strict=True)),
        )


def removals(db: Database) -> int:
    """A number that grows whenever something retrievable may have gone."""
    return int(fetch(db, "SELECT removed FROM vector_changes")[0]["removed"])


def read_vectors(db: Database, profile_id: int, kind: str, model: str, after: int = 0) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """All that may be retrieved and whose row number is above `after`, in blocks: (last row number, ids, float16 matrix n x d)."""
    table, rule = _RETRIEVABLE[kind]
    sql = f"""SELECT e.rowid AS row, o.id, e.vector FROM embeddings AS e NOT INDEXED CROSS JOIN {table} AS o ON o.id = e.owner_id
              WHERE e.kind = ? AND e.model = ? AND e.rowid > ? AND o.profile_id = ? AND {rule} ORDER BY e.rowid LIMIT ?"""
    while rows := fetch(db, sql, [kind, model, after, profile_id, BLOCK]):
        after = rows[-1]["row"]
        joined = np.frombuffer(b"".join(row["vector"] for row in rows), dtype=STORED)
        yield after, np.array([row["id"] for row in rows], dtype=np.int64), joined.reshape(len(rows), -1)


def last_row(db: Database) -> int:
    """The row number of the newest vector of any kind."""
    return int(fetch(db, "SELECT coalesce(max(rowid), 0) AS n FROM embeddings")[0]["n"])


def place_of(db: Database) -> str:
    """The file of the store; one in memory is known by its connection."""
    return str(fetch(db, "PRAGMA database_list")[0]["file"]) or str(id(db.conn))
