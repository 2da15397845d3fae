"""Nearest vectors: a question's vector comes in, the ids of the nearest messages or facts come out, best first.

Nothing is kept on disk beside SQLite, so there is nothing that a kill could put out of step: an index is built from the store when a process
first searches, and brought up to date from the store's own counters. Small histories are searched exactly. From `EXACT_UP_TO` vectors on, the
signs of their components (48 bytes a vector) choose candidates by Hamming distance, whose true cosines then decide; see docs/retrieval.md for
what was measured against other indexes.
"""

from dataclasses import dataclass, field
from threading import Lock

import numpy as np
from sqlite_utils import Database

from memory.store import embeddings

EXACT_UP_TO = 20_000
CANDIDATES = 800  # per search, whose vectors are read from the store and compared exactly
BLOCK = 32_768  # codes compared at once: they and what is made of them stay in the processor's cache


@dataclass
class VectorIndex:
    """The retrievable vectors of one profile, kind and model, as of `last_row` and `removed`."""

    ids: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    codes: np.ndarray | None = None  # n x words, uint64
    matrix: np.ndarray | None = None  # n x d, float32; None once there are too many
    last_row: int = 0
    removed: int = -1

    def add(self, ids: np.ndarray, vectors: np.ndarray) -> None:
        """Append vectors (n x d)."""
        self.ids = np.concatenate([self.ids, ids])
        codes = sign_codes(vectors)
        self.codes = codes if self.codes is None else np.concatenate([self.codes, codes])
        if len(self.ids) > EXACT_UP_TO:
            self.matrix = None
        elif self.matrix is None:
            self.matrix = vectors.astype(np.float32)
        else:
            self.matrix = np.concatenate([self.matrix, vectors.astype(np.float32)])

    def candidates(self, asked: np.ndarray, count: int) -> list[int]:
        """The ids whose codes differ least from the question's; `asked` is a vector of d components."""
        assert self.codes is not None
        question = sign_codes(asked[None])[0]
        distances = np.empty(len(self.codes), np.uint16)
        for start in range(0, len(self.codes), BLOCK):
            block = self.codes[start : start + BLOCK]
            distances[start : start + BLOCK] = np.bitwise_count(block ^ question).sum(axis=1, dtype=np.uint16)
        if count >= len(distances):
            return [int(number) for number in self.ids]
        # Distances are small integers: the count-th smallest is found by counting them, faster than by sorting.
        limit = int(np.searchsorted(np.cumsum(np.bincount(distances)), count))
        return [int(number) for number in self.ids[distances <= limit][: 2 * count]]


def sign_codes(vectors: np.ndarray) -> np.ndarray:
    """The signs of the components, 64 in a word: n x d -> n x ceil(d / 64), uint64."""
    bits = np.packbits(vectors > 0, axis=1)
    return np.ascontiguousarray(np.pad(bits, ((0, 0), (0, -bits.shape[1] % 8)))).view(np.uint64)


_kept: dict[tuple[str, int, str, str], VectorIndex] = {}
_lock = Lock()


def nearest(db: Database, profile_id: int, kind: str, model: str, asked: np.ndarray, count: int) -> list[int]:
    """The ids of the `count` messages or facts whose vectors have the greatest cosine with `asked` (unit length), best first."""
    with _lock:
        index = _current(db, profile_id, kind, model)
        if not len(index.ids):
            return []
        if index.matrix is not None:
            best = np.argsort(-(index.matrix @ asked), kind="stable")[:count]
            return [int(number) for number in index.ids[best]]
        chosen = index.candidates(asked, max(CANDIDATES, count))
    ids, vectors = embeddings.fetch_vectors(db, kind, chosen, model)
    best = np.argsort(-(vectors @ asked), kind="stable")[:count]
    return [ids[place] for place in best.tolist()]


def _current(db: Database, profile_id: int, kind: str, model: str) -> VectorIndex:
    """The index, brought up to date with the store."""
    key = (embeddings.place_of(db), profile_id, kind, model)
    removed = embeddings.removals(db)
    index = _kept.get(key)
    if index is None or index.removed != removed:
        index = _kept[key] = VectorIndex(removed=removed)
    for row, ids, vectors in embeddings.read_vectors(db, profile_id, kind, model, index.last_row):
        index.add(ids, vectors)
        index.last_row = row
    return index
