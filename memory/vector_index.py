"""Nearest vectors: a question's vector comes in, the ids of the nearest messages or facts come out, best first.

Nothing is kept on disk beside SQLite, so there is nothing that a kill could put out of step: an index is built from the store when a process
first searches, and brought up to date from the store's own counters. Small histories are searched exactly. From `EXACT_UP_TO` vectors on, the
signs of their components (48 bytes a vector) choose candidates by Hamming distance, whose cosines at 8 bits a component then decide; see
docs/retrieval.md for what was measured against other indexes.
"""

from dataclasses import dataclass, field
from threading import Lock

import numpy as np
from sqlite_utils import Database

from memory.store import embeddings

EXACT_UP_TO = 20_000
CANDIDATES = 2000  # per search, whose cosines are compared; of many vectors one in a hundred
ROWS = 512  # vectors whose cosines are compared at once, for the same reason as the next
BLOCK = 32_768  # codes compared at once: they and what is made of them stay in the processor's cache


@dataclass
class VectorIndex:
    """The retrievable vectors of one profile, kind and model, as of `last_row` and `removed`."""

    ids: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    codes: np.ndarray | None = None  # words x n, uint64: one word of all vectors lies together, so that a scan is a few long passes
    matrix: np.ndarray | None = None  # n x d, float32; None once there are too many
    bytes: np.ndarray | None = None  # n x d, int8: each vector scaled to its own largest component
    scales: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    last_row: int = 0
    removed: int = -1

    def add(self, ids: np.ndarray, vectors: np.ndarray) -> None:
        """Append vectors (n x d)."""
        self.ids = np.concatenate([self.ids, ids])
        codes = np.ascontiguousarray(sign_codes(vectors).T)
        self.codes = codes if self.codes is None else np.concatenate([self.codes, codes], axis=1)
        wide = vectors.astype(np.float32)
        scales = np.maximum(np.abs(wide).max(axis=1), 1e-9) / 127
        small = np.rint(wide / scales[:, None]).astype(np.int8)
        self.bytes = small if self.bytes is None else np.concatenate([self.bytes, small])
        self.scales = np.concatenate([self.scales, scales])
        if len(self.ids) > EXACT_UP_TO:
            self.matrix = None
        elif self.matrix is None:
            self.matrix = vectors.astype(np.float32)
        else:
            self.matrix = np.concatenate([self.matrix, vectors.astype(np.float32)])

    def nearest(self, asked: np.ndarray, count: int) -> list[tuple[int, float]]:
        """The ids of the greatest cosines, with these, among those whose signs differ least from the question's (d components)."""
        assert self.codes is not None and self.bytes is not None
        distances, counted = hamming(self.codes, sign_codes(asked[None])[0])
        # Distances are small integers: the last one wanted is found by counting them, faster than by sorting.
        limit = int(np.searchsorted(np.cumsum(counted), max(CANDIDATES, count, len(distances) // 100)))
        chosen = np.flatnonzero(distances <= limit)
        cosines = self._products(chosen, asked) * self.scales[chosen]
        return _best(self.ids[chosen], cosines, count)

    def _products(self, chosen: np.ndarray, asked: np.ndarray) -> np.ndarray:
        """The dot products of the chosen vectors at 8 bits, some at a time: one large array of floats would take longer to lay out than to use."""
        assert self.bytes is not None
        products, floats = np.empty(len(chosen), np.float32), np.empty((ROWS, self.bytes.shape[1]), np.float32)
        for start in range(0, len(chosen), ROWS):
            rows = self.bytes[chosen[start : start + ROWS]]
            floats[: len(rows)] = rows
            products[start : start + ROWS] = floats[: len(rows)] @ asked
        return products


def hamming(codes: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """In how many bits each code differs from the question's, and how many codes differ in so many: words x n and words -> n (uint16), 64 words + 1.

    Three words of 64 bits differ in at most 192, which a byte holds: the sums are of bytes as long as they can be, and every step writes where the
    last block's stood, so that a scan of a million codes takes about as long as reading them.
    """
    words, count = codes.shape
    distances, counted = np.empty(count, np.uint16), np.zeros(64 * words + 1, np.int64)
    differing, bits, three = np.empty(BLOCK, np.uint64), np.empty(BLOCK, np.uint8), np.empty(BLOCK, np.uint8)
    for start in range(0, count, BLOCK):
        part = distances[start : start + BLOCK]
        size = len(part)
        part[:] = 0
        for first in range(0, words, 3):
            for place in range(first, min(first + 3, words)):
                np.bitwise_xor(codes[place, start : start + size], asked[place], out=differing[:size])
                np.bitwise_count(differing[:size], out=(three if place == first else bits)[:size])
                if place > first:
                    three[:size] += bits[:size]
            part += three[:size]
        counted += np.bincount(part, minlength=len(counted))
    return distances, counted


def sign_codes(vectors: np.ndarray) -> np.ndarray:
    """The signs of the components, 64 in a word: n x d -> n x ceil(d / 64), uint64."""
    bits = np.packbits(vectors > 0, axis=1)
    return np.ascontiguousarray(np.pad(bits, ((0, 0), (0, -bits.shape[1] % 8)))).view(np.uint64)


_kept: dict[tuple[str, int, str, str], VectorIndex] = {}
_lock = Lock()


def drop_all() -> None:
    """Forgets every index: what is locked is not to be read from memory either."""
    with _lock:
        _kept.clear()


def nearest(db: Database, profile_id: int, kind: str, model: str, asked: np.ndarray, count: int) -> list[tuple[int, float]]:
    """The ids of the `count` messages or facts whose vectors have the greatest cosine with `asked` (unit length), best first, with the cosine."""
    with _lock:
        index = _current(db, profile_id, kind, model)
        if not len(index.ids):
            return []
        if index.matrix is not None:
            return _best(index.ids, index.matrix @ asked, count)
        return index.nearest(asked, count)


def _best(ids: np.ndarray, cosines: np.ndarray, count: int) -> list[tuple[int, float]]:
    if len(ids) > 10 * count:  # of thousands only the best need an order; all that are as near as the last of them stay in
        near = np.flatnonzero(cosines >= np.partition(cosines, -count)[-count])
        ids, cosines = ids[near], cosines[near]
    places = np.argsort(-cosines, kind="stable")[:count]
    return [(int(ids[place]), float(cosines[place])) for place in places]


def _current(db: Database, profile_id: int, kind: str, model: str) -> VectorIndex:
    """The index, brought up to date with the store."""
    key = (embeddings.place_of(db), profile_id, kind, model)
    removed = embeddings.removals(db)
    index = _kept.get(key)
    if index is None or index.removed != removed:
        # Something was deleted since: every index of this store from before is stale, and one of a deleted profile would never be asked for again.
        for stale in [other for other, held in _kept.items() if other[0] == key[0] and held.removed != removed]:
            del _kept[stale]
        index = _kept[key] = VectorIndex(removed=removed)
    newest = embeddings.last_row(db)
    if index.last_row < newest:
        for _, ids, vectors in embeddings.read_vectors(db, profile_id, kind, model, index.last_row):
            index.add(ids, vectors)
        index.last_row = newest
    return index
