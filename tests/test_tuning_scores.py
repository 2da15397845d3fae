"""Scores against values worked out by hand."""

import pytest

from tuning.scores import holds_answer, persona_f1, rouge, wilson_interval


@pytest.mark.parametrize(
    ("reply", "answer", "question"),
    [
        ("Your cat is called Biscuit.", "Biscuit", "What is my cat called?"),
        ("Your exam is on the 14th of May.", "14 May", "When is my exam?"),
        ("It costs $1,140 a month.", "1140 euros | 1140", ""),
        ("You have three cats.", "3", "How many cats do I have?"),
        ("You are allergic to hazelnut.", "hazelnuts", ""),
        ("Your café is called Zoë's.", "Zoe", ""),
        ("You live at 27 Larkspur Quay.", "Your address is 27 Larkspur Quay.", "What is my address?"),
    ],
)
def test_an_answer_is_found_in_a_reply(reply: str, answer: str, question: str):
    assert holds_answer(reply, answer, question)


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("Your cat is called Rex.", "Biscuit"),
        ("You have never told me that.", "told"),
        ("Your exam is on 15 May.", "14 May"),
        ("", "Biscuit"),
        ("It costs 11400 euros.", "1140 euros"),
    ],
)
def test_a_wrong_reply_is_not_a_hit(reply: str, answer: str):
    assert not holds_answer(reply, answer)


def test_rouge_by_hand():
    scores = rouge("your cat is called Biscuit", "the cat is Biscuit")
    assert scores["rouge1"] == pytest.approx(2 * 3 / (5 + 4))
    assert scores["rouge2"] == pytest.approx(2 * 1 / (4 + 3))
    assert scores["rougeL"] == pytest.approx(2 * 3 / 9)
    assert rouge("", "x") == {"rouge1": 0.0, "rouge2": 0.0, "rougeL": 0.0}


def test_persona_f1_counts_values_over_all_replies():
    scores = persona_f1(["Your cat is Biscuit.", "You live in Oslo."], ["Biscuit", "Bergen"], ["Biscuit", "Oslo", "Bergen"])
    assert scores == {"persona_precision": 0.5, "persona_recall": 0.5, "persona_f1": 0.5}


def test_a_value_inside_a_longer_one_is_counted_once():
    assert persona_f1(["It is on 14 May."], ["14 May"], ["14 May", "May", "14"])["persona_precision"] == 1.0


def test_wilson_interval_by_hand():
    low, high = wilson_interval(8, 10)
    assert (low, high) == (pytest.approx(0.4902, abs=1e-3), pytest.approx(0.9433, abs=1e-3))
    assert wilson_interval(0, 0) == [0.0, 1.0]
