"""What a person does with their memories: state, search, add, edit, pin, skip, delete several; all through the real store."""

from pathlib import Path

import pytest
from sqlite_utils import Database

from memory.errors import DuplicateFact, UnknownFact
from memory.importers.export import PERSON, ParsedMessage
from memory.store import (
    NewFact,
    add_facts,
    add_memory,
    count_states,
    create_profile,
    edit_memory,
    forget_facts,
    list_facts,
    list_memories,
    list_sources,
    open_store,
    pin_memories,
    save_adapter,
    save_messages,
    skip_memories,
    supersede,
)


@pytest.fixture
def db(home: Path) -> Database:
    return open_store()


def said(text: str) -> ParsedMessage:
    return ParsedMessage("Walk", "Ada", PERSON, None, text)


def give(db: Database, profile: int, fact_ids: list[int], checks: dict[str, int] | None = None) -> None:
    save_adapter(db, profile, None, b"w", {}, "pocket", "1", "1", fact_ids, {"advice": {"card": {"checks": checks or {}}}})


def test_a_fact_says_what_the_adapter_makes_of_it(db: Database) -> None:
    profile = create_profile(db, "Ada").id
    known, failed, edited, skipped, replaced = add_facts(db, profile, [NewFact(f"You own {thing}.", None, "user") for thing in "abcde"])
    assert count_states(db, profile) == {"learnt": 0, "new": 5, "stale": 0, "replaced": 0, "skipped": 0, "pinned": 0}
    give(db, profile, [known, failed, edited, skipped], {str(failed): 0, str(known): 1})
    edit_memory(db, profile, edited, "You own a zebra.")
    skip_memories(db, profile, [skipped])
    newer = add_memory(db, profile, "You own e2.")
    supersede(db, replaced, newer)
    memories, total = list_memories(db, profile)
    assert total == 6 and {memory.id: memory.state for memory in memories} == {
        known: "learnt", failed: "new", edited: "stale", skipped: "stale", replaced: "replaced", newer: "new",
    }  # fmt: skip
    give(db, profile, [known])
    assert {memory.id: memory.state for memory in list_memories(db, profile)[0]}[skipped] == "skipped"


def test_memories_are_found_filtered_and_come_with_their_message(db: Database) -> None:
    profile = create_profile(db, "Ada").id
    save_messages(db, profile, [said("my cat is Biscuit"), said("she sleeps")], "Ada")
    fact = add_facts(db, profile, [NewFact("Your cat is called Biscuit.", 1)])[0]
    add_memory(db, profile, "You like 100 % cocoa_ and 'quotes'.")
    found, total = list_memories(db, profile, "BISCUIT")
    assert total == 1 and found[0].said == "my cat is Biscuit" and found[0].sender == "Ada"
    assert [source["id"] for source in list_sources(db, profile, fact)] == [1]
    for query in ("100 %", "cocoa_", "'QUOTES'"):
        assert [memory.source for memory in list_memories(db, profile, query)[0]] == ["user"], query
    assert list_memories(db, profile, state="pinned") == ([], 0)
    pin_memories(db, profile, [fact])
    assert [memory.id for memory in list_memories(db, profile, state="pinned")[0]] == [fact]
    assert list_memories(db, profile)[0][0].pinned and list_memories(db, profile, limit=1, offset=1)[0][0].id != fact


def test_a_pinned_fact_is_not_replaced_by_a_newer_one(db: Database) -> None:
    profile = create_profile(db, "Ada").id
    old, new = add_facts(db, profile, [NewFact("Your rent is 900 euros."), NewFact("Your rent is 950 euros.")])
    pin_memories(db, profile, [old])
    supersede(db, old, new)
    assert [fact.id for fact in list_facts(db, profile)] == [old]
    pin_memories(db, profile, [old], False)
    supersede(db, old, new)
    assert [fact.id for fact in list_facts(db, profile)] == [new]


def test_what_is_not_to_be_learnt_stays_away_from_study_until_it_is_typed(db: Database) -> None:
    profile = create_profile(db, "Ada").id
    fact = add_memory(db, profile, "You snore.")
    skip_memories(db, profile, [fact])
    add_facts(db, profile, [NewFact("You snore.")])
    assert list_facts(db, profile) == []
    with pytest.raises(DuplicateFact):
        add_memory(db, profile, "   ")
    assert add_memory(db, profile, "you snore") == fact and len(list_facts(db, profile)) == 1
    with pytest.raises(DuplicateFact, match="already"):
        add_memory(db, profile, "You snore!")


def test_no_fact_of_another_profile_can_be_touched(db: Database) -> None:
    ada, ben = create_profile(db, "Ada").id, create_profile(db, "Ben").id
    fact = add_memory(db, ada, "You snore.")
    for touch in (
        lambda: edit_memory(db, ben, fact, "You sing."), lambda: pin_memories(db, ben, [fact]), lambda: skip_memories(db, ben, [fact]),
        lambda: forget_facts(db, ben, [fact]),
    ):  # fmt: skip
        with pytest.raises(UnknownFact):
            touch()
    assert list_sources(db, ben, fact) == [] and list_facts(db, ada)[0].text == "You snore."


def test_several_facts_are_forgotten_together_or_not_at_all(db: Database, home: Path) -> None:
    profile = create_profile(db, "Ada").id
    first, second = add_memory(db, profile, "You hum Marigold songs."), add_memory(db, profile, "You fear Quillbeasts.")
    with pytest.raises(UnknownFact):
        forget_facts(db, profile, [first, 999])
    assert len(list_facts(db, profile)) == 2
    assert forget_facts(db, profile, [first, second])["facts"] == 2
    db.close()
    stored = b"".join(path.read_bytes() for path in home.glob("keepsake.db*"))
    assert b"Marigold" not in stored and b"Quillbeasts" not in stored
