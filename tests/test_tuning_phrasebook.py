"""The phrasebook: facts get the questions that people ask about such facts, and no others."""

from collections import Counter

import numpy as np
import pytest

from memory.store import Fact
from pocket.banks import load_relations
from pocket.phrasebook import make_rows
from tuning.phrasebook import entries, make_vectors, overview, questions_like, statements
from tuning.scores import normal_words
from tuning.slots import Entry, fit_slots, subjects_of

BIRTHDAY = Entry(
    ("{a}'s birthday is on {v}",), ("When was my {a} born?",), {"a": "person", "v": "date"}, {"person": ("aunt", "best friend")}
)


def facts(*texts: str) -> list[Fact]:
    return [Fact(number, text, None, "study", "active", None, None, "") for number, text in enumerate(texts, 7)]


def test_the_book_is_what_the_training_banks_give():
    assert [(list(entry.said), list(entry.ask), entry.slots) for entry in entries()] == [
        (row["said"], row["ask"], row["slots"]) for row in make_rows()
    ]


def test_the_vectors_are_those_of_the_book():
    texts, owners = statements(entries())
    vectors, numbers = overview()
    assert len(texts) == len(vectors) and numbers.tolist() == owners
    some = entries()[:20]
    assert np.abs(make_vectors(some).astype(int) - np.round(127 * vectors[: len(statements(some)[0])]).astype(int)).max() <= 1


def test_the_book_holds_no_phrasing_of_the_exam():
    exam = {" ".join(normal_words(ask)) for relation in load_relations("exam") for ask in relation.ask}
    assert not exam & {" ".join(normal_words(ask)) for entry in entries() for ask in entry.ask}


def test_a_quoted_message_gets_the_questions_of_its_kind():
    found = questions_like(facts("You said: note to self: cake for my flatmate on 2 August, birthday!", "Your rent is 940 euros."))
    assert "When is my flatmate's birthday?" in found[7] and len(found[7]) >= 5
    assert all("flatmate" in ask for ask in found[7])
    assert any("rent" in ask for ask in found[8]) and not any("flatmate" in ask for ask in found[8])


def test_a_question_that_another_fact_answers_better_is_left_out_and_counted():
    dropped: Counter[str] = Counter()
    both = questions_like(facts("Your rent is 940 euros.", "You pay the landlord your rent on the first."), dropped)
    assert "How much rent do I pay?" in both[7] and "How much rent do I pay?" not in both.get(8, ())
    assert dropped["question of the phrasebook that another fact answers better"] > 0


def test_what_is_about_somebody_else_is_never_asked_as_the_persons_own():
    found = questions_like(facts("You said: tickets for Thuskiat for my flatmate, the favourite band."))
    assert all("flatmate" in ask for asks in found.values() for ask in asks)


def test_nothing_like_it_gets_no_question():
    assert questions_like(facts("You said: qua dolor eheu nemo respondet mihi umquam.")) == {}
    assert questions_like([]) == {}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("my aunt turns a year older on 12 May", {"a": "aunt", "v": "12 May"}),
        ("cake for my best friend on August 2nd", {"a": "best friend", "v": "August 2nd"}),
        ("cake for my flatmate on 2 August", {"a": "flatmate", "v": "2 August"}),
        ("on 2 August there is cake", {"v": "2 August"}),
        ("my aunt likes cake", None),
    ],
)
def test_slots_are_filled_from_the_text_or_the_kind_does_not_fit(text: str, values: dict[str, str] | None):
    assert fit_slots(BIRTHDAY, text, frozenset({"flatmate", "aunt"})) == values


def test_whom_a_text_calls_mine_is_read_in_both_persons():
    assert subjects_of("my younger sister met your dentist") == ["younger sister", "younger", "dentist"]
