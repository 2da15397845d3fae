"""Which kinds of facts lie near each other, by MiniLM: what retrieval would bring beside the right line. In: relations. Out: numbers of relations."""

import os
import re
import tempfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np

from memory.embedder import embed
from pocket.banks import Relation

KEPT = Path(__file__).parent / "runs"
NEIGHBOURS = 40
_SLOT = re.compile(r"{\w+}")


def nearest_relations(relations: Sequence[Relation], kept: Path = KEPT) -> np.ndarray:
    """For each relation the NEIGHBOURS nearest by what MiniLM makes of its wordings, itself first: (relations, NEIGHBOURS).

    They are written to `kept` for the next process, under the wordings' checksum: asking MiniLM takes half a minute.
    """
    texts = [_SLOT.sub("something", text) for relation in relations for text in (relation.fact[0], *relation.ask[:3])]
    path = kept / f"near-{sha256(chr(10).join(texts).encode()).hexdigest()[:16]}.npy"
    if path.exists():
        return np.load(path)
    counts = [1 + len(relation.ask[:3]) for relation in relations]
    vectors = np.add.reduceat(embed(texts), np.cumsum([0, *counts[:-1]]), axis=0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    nearest = np.argsort(-(vectors @ vectors.T), axis=1, kind="stable")[:, :NEIGHBOURS].astype(np.int16)
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=kept, suffix=".part", delete=False) as part:
        np.save(part, nearest)
    os.replace(part.name, path)
    return nearest
