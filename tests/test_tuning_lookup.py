"""What stands in a prompt for a question: different lines, oldest first, and a name stands for whom it names."""

from pathlib import Path

import pytest
from sqlite_utils import Database

from memory.store import NewFact, Profile, add_facts, create_profile, open_store
from tuning.lookup import look_up, names_in

FACTS = (
    "Your sister is called Mina.", "Your sister works in a bakery.", "Your neighbour works in a bank.", "Your brother Emil plays chess.",
    "Your flight to Rome is late.", "Your aunt's name is May.", "Your cat is called Biscuit.", "Your colleague is called Jo.", "Your cousin is called Jo.",
)  # fmt: skip


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return open_store(tmp_path)


@pytest.fixture
def ana(db: Database) -> Profile:
    profile = create_profile(db, "ana")
    add_facts(db, profile.id, [NewFact(text, said_at=f"2026-01-0{number + 1}") for number, text in enumerate(FACTS)])
    return profile


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("Where does Mina work?", {"Mina": "sister"}),
        ("where does mina work?", {"Mina": "sister"}),
        ("What is Emil's hobby, and what does Biscuit eat?", {"Emil": "brother", "Biscuit": "cat"}),
        ("Where does my sister Mina work?", {}),  # said already
        ("May I ask where I work?", {"May": "aunt"}),  # a capital is all that tells; "may I" is no name
        ("Where may I work?", {}),
        ("When do I fly to Rome?", {}),  # "flight to" is not called Rome
        ("Where does Jo live?", {}),  # two of them
        ("Where do I live?", {}),
    ],
)
def test_names_that_a_fact_gives_are_known(db: Database, ana: Profile, question: str, names: dict[str, str]) -> None:
    assert names_in(db, ana.id, question) == names


def test_what_was_said_of_a_sister_is_found_by_her_name_and_names_her(db: Database, ana: Profile) -> None:
    hits, lines = look_up(db, ana.id, "Where does Mina work?", 1)
    assert (
        lines == ["Your sister is called Mina.", "Your sister (Mina) works in a bakery."]
        and hits[0].text == "Your sister works in a bakery."
    )
    assert look_up(db, ana.id, "Where does my sister work?", 1)[1] == [
        "Your sister works in a bakery."
    ]  # nothing is added where no name is asked for
