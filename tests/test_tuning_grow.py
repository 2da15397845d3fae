"""Growing, repeating and resuming an injection, on a tiny real base, and the advice that a run ends with."""

from dataclasses import asdict, dataclass

import pytest

from memory.errors import StaleAdapter
from memory.store import (
    NewFact,
    add_facts,
    create_profile,
    current_adapter,
    ensure_profile,
    forget_fact,
    list_examples,
    list_facts,
    list_trials,
    open_store,
)
from memory.store.checkpoints import load_checkpoint
from tuning import half
from tuning import search as search_room
from tuning.advice import advise, choose_floor, choose_retrieval
from tuning.errors import NoAdapter, NothingToLearn
from tuning.examples import Example
from tuning.grow import REPLAYED, select_replay
from tuning.inject import HALF, inject
from tuning.priors import Prior
from tuning.prompts import NEVER_TOLD
from tuning.recipe import Recipe
from tuning.scores import bootstrap_interval, paired_interval
from tuning.sides import Answer, RetrievalPlan, Speaker, load_plan, render_side
from tuning.space import default_plan, first_parameters

FACTS = ("Your cat is called Biscuit.", "Your sister lives in Vellmar.", "Your rent is 940 euros.", "You are allergic to hazelnuts.")
SMALL = Recipe(questions_a_fact=3, views_a_fact=3)


@pytest.fixture
def person(home, monkeypatch):
    """A profile with four facts, and questions that are not left to the untrained base."""
    from tuning import material
    from tuning.frames import frame_questions

    monkeypatch.setattr(material, "ask_about", lambda loaded, facts, *_: {fact.id: frame_questions(fact.text) for fact in facts})
    monkeypatch.setattr("tuning.inject.choose_retrieval", lambda speaker, examples: RetrievalPlan(2, ("facts",)))
    db = open_store()
    profile = ensure_profile(db, "ana")
    add_facts(db, profile.id, [NewFact(text, source="user") for text in FACTS])
    return db, profile


def run(person, tiny, **options):
    db, profile = person
    return inject(db, profile, trials=options.pop("trials", 1), minutes=5, loaded=tiny, recipe=SMALL, **options)


def test_a_run_ends_with_advice_and_can_grow_by_a_new_fact(person, tiny):
    db, profile = person
    with pytest.raises(NoAdapter, match="without --grow"):
        run(person, tiny, mode="grow")
    first = run(person, tiny)
    assert set(first["advice"]["shares"]) == {"adapter", "rag", "hybrid"} and "held-out questions" in first["advice"]["sentence"]
    with pytest.raises(NothingToLearn, match="already knows"):
        run(person, tiny, mode="grow")
    (new,) = add_facts(db, profile.id, [NewFact("Your boat is called Juniper.", source="user")])
    grown = run(person, tiny, mode="grow")
    assert grown["new_facts"] == 1 and grown["facts"] == 5
    assert {"new_recall", "old_recall", "old_recall_before"} <= set(grown["best"])
    adapter = current_adapter(db, profile.id)
    assert new in adapter.fact_ids and set(adapter.fact_ids) == {fact.id for fact in list_facts(db, profile.id)}
    assert {row["fact_id"] for row in list_examples(db, grown["run"])} >= set(adapter.fact_ids)  # so that it can grow once more


def test_again_trains_the_same_examples_without_what_was_forgotten(person, tiny):
    db, profile = person
    first = run(person, tiny)
    gone = list_facts(db, profile.id)[0]
    forget_fact(db, profile.id, gone.id)
    with pytest.raises(StaleAdapter):
        run(person, tiny, mode="grow")  # weights that know it may not be built upon
    again = run(person, tiny, mode="again")
    texts = " ".join(row["question"] + row["answer"] for row in list_examples(db, again["run"]))
    assert "Biscuit" not in texts and again["facts"] == 3 and again["best"]["rank"] == first["best"]["rank"]
    assert gone.id not in current_adapter(db, profile.id).fact_ids


def test_a_search_killed_in_the_middle_of_a_trial_is_gone_on_with_to_the_bit(person, tiny, monkeypatch):
    db, profile = person
    monkeypatch.setattr("tuning.inject.load_prior", lambda db, loaded: Prior(first_parameters(default_plan(loaded, 1))))
    monkeypatch.setattr(half, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(half, "COST", 0.0)
    real, steps, died = search_room.run_trial, [], []

    def killed(task, number, *rest, **options):
        rest = list(rest)
        tell = rest[-1]

        def on_progress(trial: int, share: float, loss: float) -> None:
            steps.append(trial)
            if steps.count(1) == 3 and not died:
                died.append(trial)
                monkeypatch.setattr(half, "SAVE_SECONDS", 1e9)  # from here on saving is only slow
                raise SystemExit
            tell(trial, share, loss)

        return real(task, number, *rest[:-1], on_progress, **options)

    monkeypatch.setattr(search_room, "run_trial", killed)
    with pytest.raises(SystemExit):
        run(person, tiny, trials=2, seed=5)
    (dead,) = [row["id"] for row in db.query("SELECT id FROM runs WHERE state = 'interrupted'")]
    with db.conn:  # as a kill leaves it: nobody has looked yet
        db.execute("UPDATE runs SET state = 'running', pid = 1, pid_started = -1000.0 WHERE id = ?", [dead])
    assert load_checkpoint(db, dead, "best") and load_checkpoint(db, dead, HALF) and len(list_trials(db, dead)) == 1
    steps.clear()
    resumed = run(person, tiny, trials=2, seed=5)
    gone_on, here = list(steps), current_adapter(db, profile.id)
    assert resumed["resumed"] == dead and not list(db.query("SELECT * FROM checkpoints"))
    steps.clear()
    whole = run(person, tiny, trials=2, seed=5)
    assert whole["resumed"] is None and steps.count(1) == gone_on.count(1) + 3 and not gone_on.count(0)
    assert [(trial["plan"], trial["values"]) for trial in resumed["trials"]] == [
        (trial["plan"], trial["values"]) for trial in whole["trials"]
    ]
    assert here.weights == current_adapter(db, profile.id).weights


def test_a_forgotten_fact_takes_the_checkpoints_with_it(person, tiny, monkeypatch):
    db, profile = person
    monkeypatch.setattr("tuning.inject.choose_retrieval", lambda *_: (_ for _ in ()).throw(SystemExit))
    with pytest.raises(SystemExit):
        run(person, tiny)
    (dead,) = [row["id"] for row in db.query("SELECT id FROM runs")]
    assert load_checkpoint(db, dead, "best")
    forget_fact(db, profile.id, list_facts(db, profile.id)[0].id)
    assert load_checkpoint(db, dead, "best") is None


def test_a_run_that_fails_keeps_no_weights(person, tiny, monkeypatch):
    db, _ = person

    def broken(*_):
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("tuning.inject.choose_retrieval", broken)
    with pytest.raises(RuntimeError):
        run(person, tiny)
    (row,) = db.query("SELECT id, state FROM runs")
    assert row["state"] == "failed" and load_checkpoint(db, row["id"], "best") is None


def test_growing_replays_some_of_every_old_fact():
    from random import Random

    rows = [Example(f"q{fact}{n}", "a", "recall", "train", fact) for fact in (1, 2, 3) for n in range(6 + 20 * (fact == 2))]
    rows += [Example(f"n{n}", "never", "unknown", "train") for n in range(20)] + [Example("hi", "Hello.", "neutral", "train")]
    chosen = select_replay([*rows, Example("held", "a", "recall", "test", 1)], [3], Random(0))
    counts = {fact: sum(example.fact_id == fact for example in chosen) for fact in (1, 2, 3)}
    assert counts == {1: 6, 2: REPLAYED, 3: 6} and sum(example.kind == "unknown" for example in chosen) == 20
    assert sum(example.kind == "neutral" for example in chosen) == 1 and all(example.split == "train" for example in chosen)


def test_advice_names_the_best_side_only_where_the_interval_supports_it():
    right, wrong = [True] * 40, [False] * 40
    clear = advise({"adapter": [True] * 38 + [False] * 2, "rag": wrong, "hybrid": [True] * 10 + [False] * 30})
    assert clear["side"] == "adapter" and clear["sure"] and clear["differences"]["rag"]["interval"][0] > 0
    equal = advise({"adapter": [True] * 39 + [False], "rag": wrong, "hybrid": right})
    assert (
        equal["best"] == "hybrid"
        and equal["side"] == "adapter"
        and equal["as_good"]
        and not equal["sure"]
        and "cannot be told apart" in equal["sentence"]
    )
    # Ten of fifteen against fourteen cannot be told apart either, but nobody who reads both counts would take the ten.
    few = advise({"adapter": [True] * 10 + [False] * 5, "rag": [False] * 15, "hybrid": [False] + [True] * 14})
    assert few["side"] == few["best"] == "hybrid" and not few["sure"] and "until more questions" in few["sentence"]
    assert advise({})["side"] is None


def test_intervals_resample_persons_and_questions():
    assert bootstrap_interval([[0.5], [0.5]]) == [0.5, 0.5] and bootstrap_interval([]) == [0.0, 1.0]
    low, high = bootstrap_interval([[0.0, 0.2], [0.8, 1.0], [0.4, 0.6]])
    assert 0.0 <= low < 0.5 < high <= 1.0
    assert paired_interval([True] * 10, [False] * 10) == [1.0, 1.0]


@dataclass
class Parrot(Speaker):
    """Says the first line that it reads, and otherwise that it was never told: what a small model does with lines beside the question."""

    def answer(self, side, questions, max_new_tokens=64):
        found = [render_side(self.db, self.profile, self.plan, side, question)[1] for question in questions]
        return [Answer(side, question, notes[0] if notes else NEVER_TOLD, notes, 0, 0.0) for question, notes in zip(questions, found)]


@pytest.fixture
def told(home):
    """A parrot with two facts, and a question about each."""
    db = open_store()
    profile = create_profile(db, "ana")
    add_facts(db, profile.id, [NewFact("Your cat is called Biscuit."), NewFact("Your sister lives in Vellmar.")])
    known = [
        Example("What is the name of my cat?", "Biscuit", "recall", "validation"),
        Example("Where does my sister live?", "Vellmar", "recall", "validation"),
    ]
    return Parrot(db, profile, None, plan=RetrievalPlan(1, ("facts",))), known


def test_of_plans_that_do_as_well_one_that_reads_messages_is_chosen(told):
    """With few questions a plan without messages came first by chance, and what study had missed was lost."""
    speaker, known = told
    plan = choose_retrieval(speaker, known)
    assert plan.sources == ("facts", "messages") and plan.k == 2
    assert choose_retrieval(speaker, []) == RetrievalPlan()


def test_a_plan_far_behind_is_not_asked_every_question(told, monkeypatch):
    speaker, known = told
    asked: dict[RetrievalPlan, int] = {}
    answer = type(speaker).answer

    def count(speaker, side, questions, max_new_tokens=64):
        asked[speaker.plan] = asked.get(speaker.plan, 0) + len(questions)
        return answer(speaker, side, questions, max_new_tokens)

    monkeypatch.setattr(type(speaker), "answer", count)
    monkeypatch.setattr("tuning.advice.choose_floor", lambda speaker, plan, known, unknown: plan)
    assert choose_retrieval(speaker, known * 30).k == 2
    blind = RetrievalPlan(4, ("messages",))  # the parrot has no messages
    assert asked[blind] == 20 and asked[RetrievalPlan(2, ("facts", "messages"))] == 60


def test_a_floor_that_helps_little_is_not_raised(told):
    """A floor fitted to questions made from facts left a chat partner's own questions all without lines: retrieval recalled nothing."""
    speaker, known = told
    asked = ["When is the plumber coming?", *[known[0].question] * 19]  # one in twenty is helped by a floor
    unknown = [Example(question, NEVER_TOLD, "unknown", "validation") for question in asked]
    assert choose_floor(speaker, speaker.plan, known[:1], unknown).least == 0


def test_lines_beside_the_question_are_not_read_once_a_floor_was_chosen(told):
    speaker, known = told
    unknown = [
        Example(question, NEVER_TOLD, "unknown", "validation") for question in ("When is the plumber coming?", "How heavy is my piano?")
    ]
    plan = choose_floor(speaker, speaker.plan, known, unknown)
    assert plan.least > 0 and load_plan(asdict(plan)) == plan and load_plan({"k": 1, "sources": ["facts"]}).least == 0
    speaker.plan = plan
    assert [answer.text for answer in speaker.answer("rag", [row.question for row in [*known, *unknown]])] == [
        "Your cat is called Biscuit.", "Your sister lives in Vellmar.", NEVER_TOLD, NEVER_TOLD,
    ]  # fmt: skip
    assert choose_floor(speaker, RetrievalPlan(1, ("facts",)), known, []).least == 0  # nothing to weigh it against
