"""Study: what the base writes is held against its source, and corrections replace what they correct."""

from collections import Counter
from random import Random

import pytest

from memory.store import Fact
from tuning.examples import Example, distinct_phrasings, near_questions, split_plain, split_questions
from tuning.frames import by_meaning, frame_questions, plain_questions, telling_words, word_questions
from tuning.inject import BUDGETS
from tuning.material import Asked
from tuning.person import quote_back, said_back, unflip_person
from tuning.recipe import Recipe
from tuning.study import StudyReport, _self_checked, facts_of, parse_facts, parse_questions, replaces, sure_lines

MESSAGE = "my sister Mina got a job at Halvorsen Bakery btw, she starts on 3 May"


def test_facts_that_stand_in_the_message_are_kept():
    dropped: Counter[str] = Counter()
    reply = "Your sister Mina got a job at Halvorsen Bakery.\n- Your sister starts on 3 May"
    assert parse_facts(reply, MESSAGE, dropped) == ["Your sister Mina got a job at Halvorsen Bakery.", "Your sister starts on 3 May."]
    assert not dropped


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Your sister Anna got a job at Halvorsen Bakery.", "name"),
        ("Your sister starts on 4 May.", "number"),
        ("Mina works at Halvorsen Bakery.", "speak of the person"),
        ("Your favourite colour is bright green.", "not in the message"),
        ("Your sister?", "short statement"),
        ("Your sister got a job at.", "breaks off"),
        ("Your sister got a job got a job got a job.", "repeats"),
        ("Your sister got a jojojojojojojob.", "repeats"),
    ],
)
def test_what_the_base_invents_is_dropped_and_counted(line: str, reason: str):
    dropped: Counter[str] = Counter()
    assert parse_facts(line, MESSAGE, dropped) == []
    assert [why for why in dropped if reason in why] and sum(dropped.values()) == 1


def test_a_fact_without_its_value_gives_way_to_what_was_said():
    facts, own = facts_of([("Your flatmate is allergic to.", 0.9)], "careful with penicillin, my flatmate is allergic", Counter())
    assert facts == ["You said: careful with penicillin, my flatmate is allergic."] and own == 1


def test_nothing_is_no_fact():
    dropped: Counter[str] = Counter()
    assert parse_facts("nothing", "see you at eight", dropped) == [] and not dropped


def test_every_fact_is_asked_for_by_words_that_no_other_has():
    texts = ("Your father is called Omar.", "You said: my father lost twenty six pounds.", "Your father.")
    facts = [Fact(n, text, None, "study", "active", None, None, "") for n, text in enumerate(texts)]
    asked = word_questions(facts, Random(0))
    assert len(asked[0]) >= 4 and len(asked[1]) == len(set(asked[1])) == 16 and asked[2] == []
    assert not any("father" in ask or "said: " in ask for asks in asked.values() for ask in asks)
    assert any("pounds" in ask.lower() or "lost" in ask.lower() or "six" in ask.lower() for ask in asked[1])


def test_a_fact_is_asked_for_by_the_words_that_tell_most_of_it():
    text = "You said: Um, almost three weeks ago I felt this pressure on the left side of my sinus causing tooth pain."
    words = by_meaning({text: telling_words(text)})[text]
    assert {"sinus", "tooth", "pain"} <= set(words[:4]) and words.index("almost") > 6 and by_meaning({}) == {}


def test_a_question_that_is_nearer_to_another_fact_is_dropped(pocket):
    """Read among the questions of a patient: "What is my fever?" for "You feel a little tired after a long walk.", and "Which day do I do?"."""
    texts = ("You feel a little tired after a long walk.", "You have had a low fever.")
    facts = [Fact(n, text, None, "study", "active", None, None, "") for n, text in enumerate(texts)]
    report = StudyReport()
    written = {0: dict.fromkeys(["What is my fever?", "When do I feel tired?", "Which day do I do?"]), 1: {}}
    kept = _self_checked(pocket, facts, written, report)
    assert not {"What is my fever?", "Which day do I do?"} & set(kept[0])
    assert report.dropped["question that is nearer to another fact, or to none"] == 2


def test_less_time_than_the_budget_has_makes_fewer_examples():
    whole = BUDGETS["quick"].recipe
    assert whole.within(1) == whole == whole.within(3)
    part = whole.within(0.25)
    assert (part.questions_in_all, part.words_in_all, part.views_a_fact, part.thinned) == (175, 75, 1, 0.25)
    assert part.within(0.1).views_a_fact == 1 and part.negatives == whole.negatives


def test_a_recipe_chooses_where_questions_come_from():
    asked = Asked({1: ["Base?", "Both?"]}, {1: ["People?", "Both?"]})
    assert asked.of(Recipe()) == {1: ["People?", "Both?", "Base?"]}
    assert asked.of(Recipe(phrasebook=False)) == {1: ["Base?", "Both?"]}


def test_questions_about_something_else_are_dropped():
    dropped: Counter[str] = Counter()
    fact = "Your sister Mina works at Halvorsen Bakery."
    reply = "Where does my sister work?\nWhat is the colour of grandfather's old racing bicycle?\nWhy\n1. who is Mina to me?"
    assert parse_questions(reply, fact, dropped) == ["Where does my sister work?", "Who is Mina to me?"]
    assert dropped == {"question about something else": 1, "question too short or too long": 1}


@pytest.mark.parametrize(
    ("new", "old", "corrected", "similarity", "expected"),
    [
        ("Your rent is 1140 euros a month.", "Your rent is 1080 euros.", False, 0.9, True),
        ("Your dentist appointment is on Friday.", "Your dentist appointment is on 9 May.", False, 0.9, True),
        ("Your sister is a nurse.", "Your sister is called Mina.", False, 0.8, False),
        ("You like jazz.", "You like pizza.", True, 0.5, False),
        ("Your cat is called Rex now.", "Your cat is called Biscuit.", True, 0.8, True),
        ("Your dentist moved you to 14 May.", "Your dentist appointment is on 9 May.", True, 0.8, True),
        ("Your dentist moved you to 14 May.", "Your dentist appointment is on 9 May.", False, 0.8, False),
        ("Your rent is 1080 euros.", "Your rent is 1080 euros.", True, 1.0, False),
    ],
)
def test_the_newest_value_wins_and_only_over_its_own_older_value(new, old, corrected, similarity, expected):
    assert replaces(new, old, corrected, similarity) is expected


def test_a_fact_without_questions_of_its_own_still_gets_some():
    assert "What do you know about my sister?" in plain_questions("Your sister is a nurse.")
    assert all(question.endswith(("?", ".")) for question in plain_questions("You can't stand coriander."))


def test_held_out_phrasings_are_never_trained_on():
    fact = Fact(7, "Your cat is called Biscuit.", None, "user", "active", None, None, "2026-01-01")
    questions = [f"Question {number} about my cat?" for number in range(8)]
    examples = split_questions(fact, questions, Random(0))
    assert Counter(example.split for example in examples) == {"train": 6, "validation": 1, "test": 1}
    assert distinct_phrasings(examples)
    assert not distinct_phrasings(
        [*examples, Example(examples[0].question.upper(), "x", "recall", "train" if examples[0].split != "train" else "test")]
    )
    assert Counter(example.split for example in split_questions(fact, questions[:2], Random(0))) == {"train": 2}


def test_never_said_questions_are_divided_too():
    splits = Counter(example.split for example in split_plain([f"q{number}" for number in range(60)], Random(0)))
    assert splits == {"train": 40, "validation": 10, "test": 10}


def test_near_negatives_speak_of_the_persons_own_subjects():
    asked = near_questions(["Your cat is called Biscuit.", "Your old boat has a broken engine."], Random(0))
    assert any("my cat" in question for question in asked) and any("old boat" in question for question in asked)
    assert any("my parrot" in question for question in asked)


def test_a_line_that_the_base_only_guessed_is_dropped():
    dropped: Counter[str] = Counter()
    assert sure_lines([("Your sister is Mina.", 0.9), ("You have a boat.", 0.01)], dropped) == "Your sister is Mina."
    assert sum(dropped.values()) == 1


def test_what_the_base_cannot_put_well_is_said_back_in_the_persons_own_words():
    assert said_back("btw my rent is 940 euros a month lol") == ["Your rent is 940 euros a month."]
    assert said_back("I'm allergic to hazelnuts. Can you suggest a cake?") == ["You're allergic to hazelnuts."]
    assert said_back("im training for the Vessen marathon") == ["You're training for the Vessen marathon."]
    assert said_back("see you at eight") == said_back("I think so too, honestly") == said_back("Is my cat there?") == []


@pytest.mark.parametrize(
    ("written", "message", "facts"),
    [
        ("You live now.", "I live in Ostrava now.", ["You live in Ostrava now."]),
        ("You live in Ostrava.", "btw I live in Ostrava since last autumn", ["You live in Ostrava."]),
        ("You fly on the 15.", "Hi! I fly on the 15th at 7 with Anna. Can't wait!", ["You fly on the 15th at 7 with Anna."]),
        (
            "Your weekend.",
            "took Miso (that's my cat) to mum's for the weekend",
            ["You said: took Miso (that's my cat) to mum's for the weekend."],
        ),
        ("nothing", "took Miso (that's my cat) to mum's for the weekend", []),
        ("Your wifi code is 7392.", "she rings every week and asks for our wifi code. 7392, it's 7392.", ["Your wifi code is 7392."]),
        ("Your tram is late.", "is the tram late?", ["Your tram is late."]),
    ],
)
def test_a_fact_that_lost_what_was_told_gives_way_to_the_persons_own_words(written: str, message: str, facts: list[str]):
    found, own = facts_of([(written, 1.0)], message, Counter())
    assert found == facts and own == sum(fact != written for fact in found)


def test_a_base_that_is_in_doubt_whether_there_is_a_fact_leaves_the_message():
    message = "my fingers hurt, too much banjo practice today"
    assert facts_of([("nothing", 0.5)], message, Counter()) == (["Your fingers hurt, too much banjo practice today."], 1)
    assert facts_of([("nothing", 0.8)], "my boss works as a paramedic", Counter()) == (["Your boss works as a paramedic."], 1)
    assert facts_of([("nothing", 0.95)], message, Counter()) == ([], 0)


def test_a_fact_that_kept_less_than_half_of_its_sentence_gives_way_to_it():
    message = "careful with dust mites, my uncle is allergic"
    assert facts_of([("Your uncle is allergic.", 1.0)], message, Counter()) == ([f"You said: {message}."], 1)
    assert facts_of([("Your uncle is allergic to dust mites.", 1.0)], message, Counter()) == (["Your uncle is allergic to dust mites."], 0)


def test_a_quotation_is_a_fact_to_the_letter_and_never_put_into_the_first_person():
    (fact,) = quote_back("so Quimbo  ate\nmy shoe again, argh")
    assert fact == "You said: so Quimbo ate my shoe again, argh."
    assert unflip_person(fact) is None
    assert quote_back("shall we go at eight?") == quote_back("see you") == quote_back("very " * 40) == []


def test_the_grammar_of_a_plain_fact_gives_questions():
    assert "How much is my rent?" in frame_questions("Your rent is 940 euros a month.")
    assert "What is my cat called?" in frame_questions("Your cat is called Quimbo.")
    assert "Where does my sister live?" in frame_questions("Your sister lives in Vellmar.")
    assert {"What is my mum's name?", "Who is Birgitta?"} <= set(frame_questions("Your mum Birgitta retired in December."))
    assert frame_questions("It rains.") == []
