"""Views of facts: every kind is made, holds up against its facts, and what does not is dropped and counted."""

import re
from collections import Counter
from random import Random

import pytest

from memory.store import Fact
from tuning.examples import (
    LINES,
    PLAIN,
    Example,
    build_examples,
    distinct_phrasings,
    load_example,
    recall_examples,
    thin_examples,
    with_notes,
)
from tuning.frames import frame_questions, word_forms
from tuning.grammar import naming_of, questions_of, reversals_of, take_apart, yes_no_of
from tuning.negatives import asked_by_absent_words, swapped_questions
from tuning.person import unflip_person
from tuning.recipe import VIEWS, Recipe
from tuning.views import KINDS, View, build_views, check_views, comparable

TEXTS = (
    "Your cat is called Biscuit.", "Your sister is called Mina.", "Your sister lives in Vellmar.", "You are allergic to hazelnuts.",
    "Your rent is 940 euros a month.", "Your brother is called Emil.", "Your sister's birthday is 3 May.", "You fly to Lisbon with Emil.",
)  # fmt: skip
FACTS = [Fact(n, text, None, "study", "active", None, f"2026-03-1{n // 2}", "") for n, text in enumerate(TEXTS)]
OLD = Fact(99, "Your rent is 900 euros a month.", None, "study", "superseded", 4, None, "")


def questions() -> dict[int, list[str]]:
    return {fact.id: frame_questions(fact.text) or ["What did I say about Emil?"] for fact in FACTS}


def views(dropped: Counter[str] | None = None) -> list[View]:
    return build_views(FACTS, questions(), [(OLD, FACTS[4])], dropped if dropped is not None else Counter(), Random(0))


def asked(kind: str) -> dict[str, str]:
    return {view.question: view.answer for view in views() if view.kind == kind}


def test_every_kind_of_view_is_made():
    assert {view.kind for view in views()} == set(KINDS) == set(VIEWS)


def test_a_fact_that_nobody_can_be_asked_for_in_the_second_person_ends_no_injection():
    odd = Fact(1, "Your favourite recipe is your favourite recipe.", None, "study", "active", None, None, "")
    for seed in range(5):
        build_views([odd], {}, [], Counter(), Random(seed))


def test_each_kind_says_what_it_should():
    assert "Whose birthday is 3 May?" in reversals_of(take_apart(TEXTS[6])) and TEXTS[6] in asked("reversal").values()
    assert asked("yes_no")["Is my cat called Biscuit?"] == "Yes, your cat is called Biscuit."
    assert any(answer == "No, your cat is called Biscuit." for answer in asked("yes_no").values())
    assert asked("updated")["Is my rent 900 euros a month now?"] == "No, your rent is 940 euros a month."
    assert asked("two_hop")["Where does Mina live?"] == TEXTS[2]
    assert asked("implicit")["What should I cook tonight?"] == TEXTS[3]
    assert "You told me that on 10 March 2026." in asked("dated").values() or len(asked("dated")) == 2
    assert asked("summary")["What did I tell you on 10 March 2026?"] == f"{TEXTS[0]} {TEXTS[1]}"
    assert any("the user's" in ask for ask in asked("person")) and any(answer.startswith("My ") for answer in asked("person").values())
    assert all(answer.count(".") == 2 for answer in asked("two_fact").values())


def test_a_view_with_a_value_of_its_own_is_dropped_and_counted():
    dropped: Counter[str] = Counter()
    sources = {1: "Your sister is called Mina."}
    made = [
        View("reversal", "Who is Mina to me?", sources[1], (1,)),
        View("reversal", "Who is that Anna?", sources[1], (1,)),
        View("rewrite", "What are my 3 cats called?", sources[1], (1,)),
        View("rewrite", "Your sister is called Mina, right?", sources[1], (1,)),
        View("rewrite", "What is gone?", "x", (7,)),
        View("rewrite", "Who is Mina to me?", "Something else.", (1,)),
    ]
    assert [view.question for view in check_views(made, sources, dropped)] == ["Who is Mina to me?"]
    assert sum(dropped.values()) == 5 and all(reason.split(" view: ")[0] in KINDS for reason in dropped)


@pytest.mark.parametrize(
    ("fact", "ask", "back", "yes"),
    [
        ("Your cat is called Biscuit.", "What name does my cat have?", "Who is Biscuit?", "Is my cat called Biscuit?"),
        ("You are allergic to nuts.", "What am I allergic to?", "What about nuts and me?", "Am I allergic to nuts?"),
        ("You drive a grey Twillow.", "What do I drive?", "What about a grey Twillow and me?", "Do I drive a grey Twillow?"),
        ("Your neighbour plays the tuba.", "What does my neighbour play?", "Who plays the tuba?", "Does my neighbour play the tuba?"),
        ("Your exam is on 26 June.", "When is my exam?", "What is on 26 June?", "Is my exam on 26 June?"),
    ],
)
def test_the_grammar_asks_in_both_directions(fact: str, ask: str, back: str, yes: str):
    parts = take_apart(fact)
    assert parts is not None
    assert ask in questions_of(parts) and back in reversals_of(parts) and yes_no_of(parts, parts.value) == yes


def test_grammar_that_is_not_known_gives_nothing():
    assert take_apart("It rains.") is None and take_apart("You have been vegetarian since 2016.") is None
    assert naming_of("Your mum Birgitta retired in December.") == ("mum", "Birgitta") and naming_of("Your cat sleeps.") is None


def test_a_fact_is_said_in_the_first_person_only_where_that_is_certain():
    assert unflip_person("Your cat loves your garden.") == "My cat loves my garden."
    assert unflip_person("You're allergic to nuts.") == "I am allergic to nuts."
    assert unflip_person("You said that she likes you.") is None


def test_negatives_ask_about_others_in_the_phrasing_of_what_was_said():
    (swapped,) = swapped_questions(["What name does my cat have?"], TEXTS, Random(0))
    assert swapped.startswith("What name does my ") and "cat" not in swapped
    assert swapped_questions(["What am I allergic to?"], TEXTS, Random(0)) == []
    (other,) = swapped_questions(["When do I fly to Lisbon?"], TEXTS, Random(0))
    assert other.startswith("When do I fly to ") and not other.endswith("Lisbon?")
    (day,) = swapped_questions(["What do I do on Friday?"], ["You swim on Friday.", "You cook on Monday."], Random(0))
    assert day.endswith("day?") and "Friday" not in day and "Monday" not in day
    (hour,) = swapped_questions(["Which pill do I take at 5:45?"], ["You take Cidrakine at 5:45."], Random(0))
    assert hour.endswith(":45?") and "5:45" not in hour
    assert swapped_questions(["Is it 4?", "Is it 5?", "Is it 6?", "Is it 7?"], TEXTS, Random(0))[0] not in (
        "Is it 5?",
        "Is it 6?",
        "Is it 7?",
    )


def test_a_sentence_with_a_gap_asks_for_its_value():
    rewrites = asked("rewrite")
    assert rewrites["My cat is called what?"] == "Your cat is called Biscuit."
    assert rewrites["My sister lives in what?"] == "Your sister lives in Vellmar."


def test_held_out_phrasings_of_every_view_are_never_trained_on(tiny):
    examples = build_examples(tiny, FACTS, questions(), 0, views(), Recipe(notes_share=0.5))
    assert distinct_phrasings(examples)
    held_out = {example.view for example in examples if example.split != "train" and example.kind == "recall"}
    assert len(held_out) >= 3 and "direct" in held_out
    trained = [example for example in examples if example.split == "train" and example.kind == "recall"]
    assert 0.2 < sum(bool(example.notes) for example in trained) / len(trained) < 0.8
    assert all(load_example({**example.row(), "id": 1}) == example for example in examples)


def test_notes_are_as_many_lines_as_any_plan_brings_and_some_are_messages():
    plain = [Example(f"Where does my sister live, {n}?", TEXTS[2], "recall", "train", 2) for n in range(60)]
    found = with_notes(plain, FACTS, 1.0, Random(0), lambda asked, count: [[f"message {n}" for n in range(count)] for _ in asked])
    assert {len(example.notes) for example in found} == set(LINES)
    by_message = [example for example in found if example.notes[0].startswith("message")]
    assert 15 < len(by_message) < 45 and all(set(example.notes) <= set(TEXTS) for example in found if example not in by_message)
    assert all(TEXTS[2] in example.notes for example in found if example not in by_message)
    assert {note for example in with_notes(plain, FACTS, 1.0, Random(0)) for note in example.notes} <= set(TEXTS)


def test_things_never_spoken_of_are_asked_for_by_words_as_facts_are(tiny):
    asked = asked_by_absent_words(TEXTS, 40, Random(0))
    assert len(asked) == len(set(asked)) == 40
    everything = " ".join(TEXTS).lower()
    assert "{}?" in word_forms() and not any(word in everything for ask in asked for word in _asked_words(ask))
    examples = build_examples(tiny, FACTS, questions(), 0, views(), Recipe())
    unknown = [example.question for example in examples if example.kind == "unknown" and example.view == "direct"]
    assert len(unknown) > 20 and all(map(_asked_words, unknown))  # this base declines nothing, so that those which need no proof are left


def test_what_older_facts_hold_is_not_never_said_when_new_ones_are_learnt(tiny):
    """A growing adapter was taught "You have never told me that." of what its old facts hold: negatives were looked for beside the new facts alone."""
    old = [
        Fact(n + 10, f"You told of {word}.", None, "study", "active", None, None, "") for n, word in enumerate(every_second_absent_word())
    ]
    examples = build_examples(
        tiny, FACTS[:1], questions(), 0, (), Recipe(negatives=10, replay=0, thinned=0, notes_share=0), None, [*old, FACTS[0]]
    )
    unknown = [example.question for example in examples if example.kind == "unknown"]
    assert len(unknown) > 5 and not {word for ask in unknown for word in _asked_words(ask)} & set(every_second_absent_word())


def every_second_absent_word() -> list[str]:
    """Half of the words that never-said questions would ask by."""
    return sorted({word for ask in asked_by_absent_words([], 10_000, Random(0)) for word in _asked_words(ask)})[::2]


def _asked_words(question: str) -> list[str]:
    """The word that a question asks by, if it has one of those turns of phrase."""
    forms = [re.escape(form).replace(re.escape("{}"), r"([\w'-]+)") for form in word_forms()]
    return [match[1].lower() for form in forms if (match := re.fullmatch(form, question, re.IGNORECASE))]


def test_a_cap_keeps_some_of_each_kind():
    recipe = Recipe(questions_a_fact=2, views_a_fact=3, words_a_fact=2)
    trained = [example for example in recall_examples(FACTS, questions(), views(), recipe, Random(0)) if example.split == "train"]
    counts = Counter(example.fact_id for example in trained)
    assert max(counts.values()) <= 7
    assert len({example.view for example in trained if example.fact_id == 0}) >= 3


@pytest.mark.parametrize(("facts", "trained"), [(2, 12), (50, 6), (400, 4)])
def test_many_facts_get_fewer_questions_each_but_never_too_few(facts: int, trained: int):
    many = [Fact(n, f"Your code {n} is {n * 7}.", None, "study", "active", None, None, "") for n in range(facts)]
    asks = {fact.id: [f"What is code {fact.id}, number {n}?" for n in range(20)] for fact in many}
    made = recall_examples(many, asks, [], Recipe(questions_a_fact=12, questions_in_all=300), Random(0))
    counts = Counter(example.fact_id for example in made if example.split == "train")
    assert set(counts.values()) == {trained}


def test_thinned_questions_keep_words_of_their_own_and_no_answer_of_another_fact():
    recall = recall_examples(FACTS, questions(), views(), Recipe(), Random(0))
    thinned = thin_examples(recall, 1.0, Random(1))
    assert len(thinned) > 10 and {example.split for example in thinned} == {"train"}
    plain = {example.question: example for example in recall if example.split == "train"}
    for example in thinned:
        whole = [other.question for other in plain.values() if other.fact_id == example.fact_id and other.view in PLAIN]
        assert any(set(example.question.split()) < set(question.split()) for question in whole)
    answers: dict[str, set[str]] = {}
    for example in thinned:
        answers.setdefault(example.question.lower(), set()).add(example.answer)
    assert all(len(found) == 1 for found in answers.values())
    assert thin_examples(recall, 0.0, Random(1)) == []


def test_views_that_are_switched_off_are_not_trained_on(tiny):
    examples = build_examples(tiny, FACTS, questions(), 0, views(), Recipe(views=("reversal",), negatives=0, replay=0, thinned=0))
    assert {example.view for example in examples} == {"direct", "reversal"}


@pytest.mark.parametrize(
    ("fact", "subject", "value"),
    [
        ("Your rent is 1,080 euros, heating not included.", "rent", "1,080 euros"),
        ("Your brother Emil lives in Trieste now, he's a marine biologist there.", "brother", "Trieste"),
        ("Your doctor is Dr Imre Falk, he always hums.", "doctor", "Dr Imre Falk"),
        ("Your Portuguese class is on Wednesdays, with a teacher called Ana.", "Portuguese class", "Wednesdays"),
    ],
)
def test_what_was_said_beside_a_value_is_no_part_of_it(fact: str, subject: str, value: str):
    """Read in the views of a long chat: "Is my rent 1080 euros, heating not included?" and "Where does my brother Emil live?"."""
    parts = take_apart(fact)
    assert parts is not None and (parts.subject, parts.value) == (subject, value)


def test_a_false_value_is_one_that_the_fact_could_have():
    """Read there as well: "Is my boss O negative?" and "Do I grow a terrible noise?"."""
    boss, blood = take_apart("Your boss is Casimir Holt."), take_apart("You are O negative.")
    assert not comparable(boss, blood) and comparable(boss, take_apart("Your doctor is Imre Falk."))
    grow, make = take_apart("You grow rhubarb."), take_apart("You play cards.")
    assert not comparable(grow, make) and comparable(grow, take_apart("You grow mint."))


def test_verbs_follow_their_person():
    assert "Remind me what the user studies." in questions_of(take_apart("You study geology."), "third")
    assert not questions_of(take_apart("You have 3300 euros."))  # "What do I have?" would fit many facts
    assert "Where do I climb?" in questions_of(take_apart("You climb at Ironmoss."))
