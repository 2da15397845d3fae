"""The room of vectors: normalised vectors come in by owner and model, one matrix per kind comes out.

Only what may be retrieved has a place here: the person's own messages that are not excluded, and active facts.
"""

from dataclasses import dataclass

import numpy as np
from sqlite_utils import Database

from memory.store.database import fetch, transaction

# Kept at half precision: a cosine of normalised vectors moves by less than 0.001, and the store by half.
STORED = np.float16

_RETRIEVABLE = {"message": ("messages", "o.me AND NOT o.excluded"), "fact": ("facts", "o.status = 'active'")}
_BEFORE = """(SELECT b.text FROM messages AS b WHERE b.profile_id = o.profile_id AND b.conversation = o.conversation
               AND b.id < o.id AND NOT b.excluded ORDER BY b.id DESC LIMIT 1)"""


@dataclass(frozen=True)
class Unembedded:
    """A message or fact without a vector; `before` is the message that it may answer, "" for a fact."""

    id: int
    text: str
    before: str


def missing(db: Database, profile_id: int, kind: str, model: str) -> list[Unembedded]:
    """Every retrievable message or fact that has no vector of this model yet."""
    table, rule = _RETRIEVABLE[kind]
    before = _BEFORE if kind == "message" else "''"
    sql = f"""SELECT o.id, o.text, {before} AS before FROM {table} AS o LEFT JOIN embeddings AS e
              ON e.kind = ? AND e.owner_id = o.id AND e.model = ?
              WHERE o.profile_id = ? AND {rule} AND e.owner_id IS NULL ORDER BY o.id"""
    return [Unembedded(row["id"], row["text"], row["before"] or "") for row in fetch(db, sql, [kind, model, profile_id])]


def save(db: Database, kind: str, ids: list[int], vectors: np.ndarray, model: str) -> None:
    """Stores one row of `vectors` (n x d) for each id; owners that were deleted meanwhile are passed over."""
    table, _ = _RETRIEVABLE[kind]
    with transaction(db):
        for owner_id, vector in zip(ids, vectors, strict=True):
            db.execute(
                f"INSERT OR REPLACE INTO embeddings SELECT ?, id, ?, ? FROM {table} WHERE id = ?",
                [kind, model, np.asarray(vector, dtype=STORED).tobytes(), owner_id],
            )


def load_matrix(db: Database, profile_id: int, kind: str, model: str) -> tuple[list[int], np.ndarray]:
    """The ids and the float32 matrix (n x d; 0 x 0 when empty) of all that may be retrieved."""
    table, rule = _RETRIEVABLE[kind]
    sql = f"""SELECT o.id, e.vector FROM embeddings AS e JOIN {table} AS o ON o.id = e.owner_id
              WHERE e.kind = ? AND e.model = ? AND o.profile_id = ? AND {rule} ORDER BY o.id"""
    rows = fetch(db, sql, [kind, model, profile_id])
    if not rows:
        return [], np.zeros((0, 0), dtype=np.float32)
    stacked = np.stack([np.frombuffer(row["vector"], dtype=STORED) for row in rows])
    return [row["id"] for row in rows], stacked.astype(np.float32)
