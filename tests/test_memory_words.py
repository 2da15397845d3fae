"""Search by words: which words count, what is ranked, and that ties go to the newest."""

from pathlib import Path

import numpy as np
import pytest
from sqlite_utils import Database

from memory.importers import ParsedMessage
from memory.retrieval import search
from memory.store import create_profile, delete_messages, embeddings, list_messages, match_words, open_store, save_messages, words


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return open_store(tmp_path)


def say(db: Database, *texts: str, profile: str = "ana", sender: str = "Ana") -> int:
    number = create_profile(db, profile).id
    save_messages(db, number, [ParsedMessage("C", sender, "person", None, text) for text in texts], "Ana")
    return number


def found(db: Database, profile: int, *asked: str, limit: int = 5) -> list[str]:
    texts = {message.id: message.text for message in list_messages(db, profile)}
    return [texts[number] for number in match_words(db, profile, "message", list(asked), limit)]


def test_a_word_of_many_rows_is_left_out_where_a_rarer_one_is_left(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "MOST_ROWS", 3)
    ana = say(db, *(f"the park {number}" for number in range(6)), "the zoo", "a zoo in the park")
    assert found(db, ana, "park", "zoo") == ["the zoo", "a zoo in the park"]
    assert found(db, ana, "park", limit=2) == ["a zoo in the park", "the park 5"]  # the newest, where no word is rare


def test_a_word_that_was_frequent_counts_again_when_its_rows_are_gone(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "MOST_ROWS", 3)
    ana = say(db, *(f"park {number}" for number in range(5)))
    ids = [message.id for message in list_messages(db, ana)]
    embeddings.save(db, "message", ids, np.ones((5, 4), np.float32), "m")
    assert words._rarest(db, "messages", ["park"]) == []
    delete_messages(db, ana, ids[:3])
    assert words._rarest(db, "messages", ["park"]) == ["park"]


def test_what_others_said_does_not_hide_the_persons_own(db: Database) -> None:
    say(db, *(f"my cat {number}" for number in range(60)), profile="ben")
    ana = say(db, "my old cat Pepper sleeps on the piano every single afternoon")
    assert found(db, ana, "cat", limit=2) == ["my old cat Pepper sleeps on the piano every single afternoon"]
    assert search(db, ana, "cat", dense=False)[0].text.startswith("my old cat")


def test_of_equal_rows_the_newest_come_first_however_many_there_are(db: Database) -> None:
    ana = say(db, *(f"rent {number}" for number in range(100)))
    assert found(db, ana, "rent", limit=3) == ["rent 99", "rent 98", "rent 97"]
