"""The index of vectors: it gives what an exact search gives, and never what is gone."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sqlite_utils import Database

from memory import vector_index
from memory.importers import ParsedMessage
from memory.store import create_profile, delete_messages, delete_profile, embeddings, list_messages, open_store, save_messages
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
        hits += len({number for number, _ in vector_index.nearest(db, profile, "message", "m", asked, 10)} & set(exact))
    assert hits >= 190


def test_what_is_added_removed_or_no_longer_mine_is_seen_at_once(db: Database) -> None:
    profile, ids, vectors = stored(db, 30)

    def found(place: int) -> int:
        return vector_index.nearest(db, profile, "message", "m", vectors[place], 1)[0][0]

    assert found(7) == ids[7]
    delete_messages(db, profile, [ids[7]])
    assert found(7) != ids[7]
    save_messages(db, profile, [ParsedMessage("C", "Ana", "person", None, "a new one")], "Ana")
    new = max(message.id for message in list_messages(db, profile))
    embeddings.save(db, "message", [new], vectors[7:8], "m")
    assert found(7) == new
    set_me(db, profile, "Ben")
    assert vector_index.nearest(db, profile, "message", "m", vectors[3], 5) == []


def test_the_vectors_of_a_deleted_profile_do_not_stay_in_memory(db: Database) -> None:
    """They had stayed until the process ended."""
    profile, ids, vectors = stored(db, 10)
    assert vector_index.nearest(db, profile, "message", "m", vectors[3], 1) == [(ids[3], pytest.approx(1.0, abs=1e-3))]
    other = create_profile(db, "ben").id
    delete_profile(db, profile)
    assert vector_index.nearest(db, other, "message", "m", vectors[3], 1) == []
    assert [key for key in vector_index._kept if key[0] == embeddings.place_of(db) and key[1] == profile] == []


WRITER = """
import numpy as np, sys
from pathlib import Path
from memory.importers import ParsedMessage
from memory.store import create_profile, embeddings, open_store, save_messages
db = open_store(Path(sys.argv[1]))
profile = create_profile(db, "ana").id
save_messages(db, profile, [ParsedMessage("C", "Ana", "person", None, f"message {n}") for n in range(20_000)], "Ana")
rows = np.random.default_rng(0).standard_normal((20_000, 64)).astype(np.float32)
rows /= np.linalg.norm(rows, axis=1, keepdims=True)
for start in range(0, 20_000, 50):
    embeddings.save(db, "message", list(range(start + 1, start + 51)), rows[start : start + 50], "m")
    print(start, flush=True)
"""


def test_after_a_kill_in_the_middle_of_writing_the_index_holds_what_the_store_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_index, "EXACT_UP_TO", 100)
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for _ in range(7):
            writer.stdout.readline()
        writer.kill()
    db = open_store(tmp_path)
    (_, ids, vectors), *more = embeddings.read_vectors(db, 1, "message", "m")
    assert not more and len(ids) >= 350 and len(ids) % 50 == 0
    assert list(ids) == list(range(1, len(ids) + 1))
    for place in (0, 100, len(ids) - 1):
        asked = vectors[place].astype(np.float32)
        assert vector_index.nearest(db, 1, "message", "m", asked, 1)[0][0] == int(ids[place])
    unwritten = embeddings.missing(db, 1, "message", "m")
    assert len(unwritten) == 20_000 - len(ids)
    embeddings.save(db, "message", [unwritten[-1].id], vectors[:1] * -1, "m")
    assert vector_index.nearest(db, 1, "message", "m", -vectors[0].astype(np.float32), 1)[0][0] == 20_000
    db.close()


def test_signs_of_any_width_fill_whole_words() -> None:
    codes = vector_index.sign_codes(np.array([[1.0, -1.0, 1.0], [-1.0, -1.0, -1.0]]))
    assert codes.shape == (2, 1) and codes[0, 0] != 0 and codes[1, 0] == 0
