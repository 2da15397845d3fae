"""The evaluation: persons are the same for a seed, rows are scored right, a whole small measurement runs, and the page is made of raw files."""

import json
from collections import Counter

import pytest

from benchmarks import ablations, growth, lines, locomo, quality, tables
from benchmarks.chats import _person, ask_about, cross_domain
from benchmarks.growth import is_measured
from benchmarks.histories import make_person
from benchmarks.measures import score_answer, summarise, with_interval
from benchmarks.people import ME, Asked, Person, import_person
from memory.store import open_store
from tuning.frames import frame_questions
from tuning.recipe import VIEWS


def test_a_generated_person_is_the_same_for_a_seed_and_asks_every_kind():
    person = make_person(60, 3)
    assert person == make_person(60, 3) != make_person(60, 4)
    kinds = Counter(asked.kind for asked in person.questions)
    assert {"direct", "reworded", "reversal", "two_hop", "implicit", "updated", "unknown"} <= set(kinds) and len(person.profile) == 60
    said = " ".join(text for _, text in person.messages).lower()
    assert all(asked.answer.lower() in said for asked in person.questions if asked.kind in ("direct", "updated"))
    assert len(make_person(600, 0).profile) == 600


def test_a_question_never_has_two_answers():
    for seed in range(3):
        answers: dict[str, set[str]] = {}
        for asked in make_person(200, seed).questions:
            answers.setdefault(asked.question, set()).add(asked.answer)
        assert all(len(found) == 1 for found in answers.values())


def test_answers_are_scored_by_kind():
    values = ["Biscuit", "Vellmar"]
    hit = score_answer(Asked("What is my cat called?", "Biscuit", "direct", "Your cat is called Biscuit."), "It is Biscuit.", values)
    wrong = score_answer(Asked("Where does Mina live?", "Vellmar", "two_hop", "Your sister lives in Vellmar."), "Biscuit.", values)
    declined = score_answer(Asked("How old is my dog?", "", "unknown"), "You have never told me that.", values)
    claimed = score_answer(Asked("Who is my boss?", "", "unknown"), "Your boss is Biscuit.", values)
    style = score_answer(Asked("Write my reply.", "See you there", "style", "See you there"), "See you there", values)
    sums = summarise([hit, wrong, declined, claimed, style])
    assert (sums["recall"], sums["recall_direct"], sums["recall_two_hop"], sums["false_claims"]) == (0.5, 1.0, 0.0, 0.5)
    assert sums["style_rougeL"] == 1.0 and sums["recall_reversal"] is None
    assert sums["persona_precision"] == pytest.approx(1 / 3) and sums["persona_recall"] == 0.5
    assert with_interval({"a": [None]}) is None and with_interval({"a": [0.5, None]})[0] == 0.5


def test_persons_of_chats_hold_a_reply_out():
    chat = [
        ("Sam", "Any pets?"),
        (ME, "I have a spotted lizard called Umber."),
        ("Sam", "How sweet!"),
        (ME, "He sleeps all day under his lamp."),
    ]
    person = _person("p", "persona", [(ME, "My brother restores harpsichords.")], [chat])
    other = _person("q", "persona", [(ME, "I collect antique barometers.")], [])
    assert [asked.answer for asked in person.questions] == ["He sleeps all day under his lamp."]
    assert not any("under his lamp" in text for _, text in person.messages)
    ask_about(person, [other], 0)
    assert {"style", "direct", "reworded", "unknown"} == {asked.kind for asked in person.questions}
    assert all(asked.answer.lower() in " ".join(person.profile).lower() for asked in person.questions if asked.kind == "direct")
    crossed = cross_domain(person, [other], 0)
    assert all("doctor" in asked.question.lower() or "medical" in asked.question.lower() for asked in crossed.questions)


def test_a_whole_measurement_runs_and_its_page_is_made_of_the_raw_files(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(quality, "load_base", lambda base: tiny)
    monkeypatch.setattr(quality, "resolve_base", lambda base: base)
    monkeypatch.setattr("tuning.inject.choose_retrieval", lambda speaker, examples: speaker.plan)
    # What an untrained base writes is noise that takes long; the questions of the grammar serve here.
    monkeypatch.setattr("tuning.material.ask_about", lambda loaded, facts, *_: {fact.id: frame_questions(fact.text) for fact in facts})
    options = quality.build_parser().parse_args(
        [
            "--datasets",
            "history",
            "--facts",
            "4",
            "--profiles",
            "1",
            "--seeds",
            "1",
            "--budget",
            "quick",
            "--trials",
            "1",
            "--results",
            str(tmp_path / "quality"),
        ]
    )
    assert quality.run_all(options) == 1 and quality.run_all(options) == 0  # what is measured is not measured again
    (path,) = (tmp_path / "quality").glob("*.json")
    row = json.loads(path.read_text())
    assert set(row["sides"]) == set(quality.SIDES) and len(row["texts"]) == row["asked"]
    assert row["sides"]["milp"]["cost"]["parameters"] > 0 and row["sides"]["adapter"]["forgetting"]["prompts"] > 10
    page = tmp_path / "results.md"
    assert "1 raw files" in tables.write_results(tmp_path, page)
    text = page.read_text()
    assert "history-4: 1 persons, 1 seeds" in text and "MiLP as published" in text and "LoCoMo" in text and "Break-even" in text


def test_questions_in_a_trained_phrasing_are_left_out():
    from tuning.examples import Example

    person = make_person(20, 0)
    seen = person.questions[0]
    asked, count = quality.unseen(person, [Example(seen.question.upper(), "x", "recall", "train", 1)])
    assert count >= 1 and seen not in asked


def test_every_ablation_has_variants_and_views_are_left_out_one_by_one():
    names = [variant.name for variant in ablations.variants("views")]
    assert names[1:] == ["no views", *(f"without {kind}" for kind in VIEWS)]
    assert all(len(ablations.variants(name)) >= 2 for name in ablations.NAMES)


def test_growth_holds_back_messages_that_state_new_facts():
    before, after = growth.split_history(make_person(40, 1), 5)
    assert len(after.messages) == 5 and not any(message in before.messages for message in after.messages)
    assert not any(growth.is_correction(text) for _, text in after.messages)


LOCOMO = [
    {
        "conversation": {
            "speaker_a": "Ana", "speaker_b": "Bo", "session_1_date_time": "1:56 pm on 8 May, 2023",
            "session_1": [{"speaker": "Ana", "dia_id": "D1:1", "text": "My dog ate a shoe."}, {"speaker": "Bo", "dia_id": "D1:2", "text": "Oh no"}],
        },
        "qa": [
            {"question": "What did Ana's dog eat?", "answer": "a shoe", "evidence": ["D1:1"], "category": 4},
            {"question": "Where does Ana work?", "adversarial_answer": "a bakery", "category": 5},
        ],
    }
]  # fmt: skip


def test_locomo_is_read_as_published_and_asked_in_the_first_person(tmp_path):
    path = tmp_path / "locomo.json"
    path.write_text(json.dumps(LOCOMO))
    (row,) = locomo.load_conversations(path)
    assert locomo.write_chat(row["conversation"], tmp_path / "chat.jsonl") == ["Ana", "Bo"]
    assert '"2023-05-08T13:56:00"' in (tmp_path / "chat.jsonl").read_text()
    assert locomo.questions_for("Ana", "Bo", row["qa"]) == [("What did my dog eat?", "a shoe", 4), ("Where do I work?", "a bakery", 5)]
    assert locomo.word_f1("Your dog ate a shoe.", "a shoe") == pytest.approx(0.4)
    path.write_text("{}")
    with pytest.raises(locomo.BadLocomo, match="published file"):
        locomo.load_conversations(path)


def test_the_shipped_prior_fits_its_base_and_persons_join_into_one(tmp_path):
    from types import SimpleNamespace

    from benchmarks.prior import join
    from tuning.priors import PRIORS, read_prior
    from tuning.space import default_plan, first_parameters, fits

    base = SimpleNamespace(base=SimpleNamespace(id="pocket"))
    shipped = read_prior(PRIORS / "pocket.json")
    assert shipped is not None and fits(shipped.first, base) and all(fits(seen.parameters, base) for seen in shipped.observations)
    first = first_parameters(default_plan(base, 1))
    better = {**first, "rank": 8}

    def trial(number: int, quality: float, suggested: dict) -> dict:
        return {"number": number, "state": "complete", "parameters": 10, "values": {"quality": quality, "suggested": suggested}}

    rows = [{"trials": [trial(0, 0.3, first), trial(1, 0.5, better)]}, {"trials": [trial(0, 0.6, first), trial(1, 0.7, better)]}]
    joined = join(rows, first)
    assert joined.first == better and sorted(round(seen.gain, 2) for seen in joined.observations) == [0.0, 0.0, 0.1, 0.2]
    assert join([{"trials": [trial(0, 0.3, first)]}], first).first == first


def test_lines_are_counted_as_there_where_they_hold_the_answer(tiny, home):
    person = Person("ana", "history", [("Me", "My cat is called Biscuit."), ("Me", "I live in Vellmar.")], [])
    person.questions += [Asked("What is my cat called?", "Biscuit", "direct"), Asked("How tall am I?", "", "unknown")]
    person.questions += [Asked("Who is my dentist?", "Aumann", "direct"), Asked("Write my reply.", "Sure!", "style")]
    db = open_store()
    rows = lines.read_lines(tiny, db, import_person(db, person), person)
    assert set(rows) == {"1", "2", "4", "8"} and all((row["known"], row["unknown"], row["there"]) == (2, 1, 0.5) for row in rows.values())
    asked = lines.askable(person)
    assert [one.kind for one in asked] == ["direct", "direct", "unknown"]
    assert lines.judge(asked, ["It is Biscuit.", "I do not know.", "Two metres."]) == {"known": 2, "right": 0.5, "unknown": 1, "invents": 1}


def test_growth_of_other_weights_is_measured_anew(tmp_path):
    path = tmp_path / "row.json"
    assert not is_measured(path, "new")
    path.write_text(json.dumps({"revision": "old"}))
    assert is_measured(path, "old") and not is_measured(path, "new")
