"""The index of vectors: it gives what an exact search gives, and never what is gone."""

from pathlib import Path

import numpy as np
import pytest
from sqlite_utils import Database

from memory import vector_index
from memory.importers import ParsedMessage
from memory.store import create_profile, delete_messages, embeddings, list_messages, open_store, save_messages
from memory.store.profiles import set_me

RNG = np.random.default_rng(0)


def unit(count: int, width: int = 384) -> np.ndarray:
    rows = RNG.standard_normal((count, width)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def db(home: Path) -> Database:
    return open_store()


def stored(db: Database, count: int) -> tuple[int, list[int], np.ndarray]:
    profile = create_profile(db, "ana").id
    save_messages(db, profile, [ParsedMessage("C", "Ana", "person", None, f"message {n}") for n in range(count)], "Ana")
    ids = [message.id for message in list_messages(db, profile)]
    vectors = unit(count)
    embeddings.save(db, "message", ids, vectors, "m")
    return profile, ids, vectors


@pytest.mark.parametrize("exact_up_to", [10_000, 100])  # exact, and by signs first
def test_the_nearest_are_those_of_an_exact_search(db: Database, monkeypatch: pytest.MonkeyPatch, exact_up_to: int) -> None:
    monkeypatch.setattr(vector_index, "EXACT_UP_TO", exact_up_to)
    profile, ids, vectors = stored(db, 1500)
    hits = 0
    for _ in range(20):
        asked = vectors[RNG.integers(1500)] + 0.5 * unit(1)[0]
        asked /= np.linalg.norm(asked)
        exact = [ids[place] for place in np.argsort(-(vectors @ asked))[:10]]
        hits += len(set(vector_index.nearest(db, profile, "message", "m", asked, 10)) & set(exact))
    assert hits >= 190


def test_what_is_added_removed_or_no_longer_mine_is_seen_at_once(db: Database) -> None:
    profile, ids, vectors = stored(db, 30)

    def found(place: int) -> int:
        return vector_index.nearest(db, profile, "message", "m", vectors[place], 1)[0]

    assert found(7) == ids[7]
    delete_messages(db, profile, [ids[7]])
    assert found(7) != ids[7]
    save_messages(db, profile, [ParsedMessage("C", "Ana", "person", None, "a new one")], "Ana")
    new = max(message.id for message in list_messages(db, profile))
    embeddings.save(db, "message", [new], vectors[7:8], "m")
    assert found(7) == new
    set_me(db, profile, "Ben")
    assert vector_index.nearest(db, profile, "message", "m", vectors[3], 5) == []


def test_signs_of_any_width_fill_whole_words() -> None:
    codes = vector_index.sign_codes(np.array([[1.0, -1.0, 1.0], [-1.0, -1.0, -1.0]]))
    assert codes.shape == (2, 1) and codes[0, 0] != 0 and codes[1, 0] == 0
