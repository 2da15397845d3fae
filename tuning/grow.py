"""Grow, not restart: new facts trained on top of the adapter that there is, with replay of the old ones; and the same again without some.

In: a profile with an adapter and its run's examples. Out: material and a one-trial search whose LoRAs start from the current weights.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from sqlite_utils import Database

from memory.store import Adapter, Fact, Profile, current_adapter, list_adapters, list_examples, list_facts
from memory.store.checkpoints import injected_runs
from tuning.adapters import LoraPlan, from_adapter
from tuning.bases import LoadedBase
from tuning.errors import NoAdapter, NothingToLearn
from tuning.examples import Example, load_example
from tuning.likelihood import certainty, encode_example
from tuning.material import Material, Tell, gather_material
from tuning.negatives import NEAR, nearest_facts
from tuning.priors import Prior, load_prior
from tuning.prompts import NEVER_TOLD, render_chat
from tuning.recipe import Recipe
from tuning.scores import normal_words
from tuning.search import SearchResult, TrialResult
from tuning.space import default_plan, first_parameters
from tuning.study import StudyReport
from tuning.trial import OnProgress, Task, make_task, run_trial, score_answers

REPLAYED = 12  # training examples of an old fact that are gone through again; what the weights are still sure of only now and then
RATE = 0.5  # of the plan's learning rate: the weights are not new
EPOCHS = 0.6  # of the plan's epochs


def grown_material(
    db: Database, profile: Profile, loaded: LoadedBase, recipe: Recipe, seed: int, rounds: int, tell: Tell
) -> tuple[Material, tuple[int, ...]]:
    """Examples of the facts that the current adapter does not know, beside all old ones that still hold; and which facts are new."""
    adapter = _current(db, profile, loaded)
    new = gather_material(db, profile, loaded, recipe, seed, rounds, tell, leave_out=adapter.fact_ids)
    if not new.facts:
        raise NothingToLearn(f'The adapter of "{profile.name}" already knows every fact: there is nothing to grow.')
    active = {fact.id: fact for fact in list_facts(db, profile.id)}
    old = [load_example(row) for row in list_examples(db, adapter.run_id or 0)]
    old = still_true(loaded, [example for example in old if example.fact_id is None or example.fact_id in active], new)
    taught = sorted({*new.taught, *(fact for fact in adapter.fact_ids)})
    return Material(list(active.values()), [*old, *new.examples], new.study, taught), tuple(fact.id for fact in new.facts)


def still_true(loaded: LoadedBase, old: Sequence[Example], new: Material) -> list[Example]:
    """The old examples that the new facts leave true: a question that was never answered may be answered now."""
    asked = {" ".join(normal_words(example.question)) for example in new.examples if example.kind == "recall"}
    doubtful = [example for example in old if example.kind == "unknown"]
    notes = nearest_facts([example.question for example in doubtful], new.facts, min(NEAR, len(new.facts))) if doubtful else []
    declined = certainty(
        loaded,
        loaded.model,
        [encode_example(loaded, render_chat(example.question, lines), NEVER_TOLD) for example, lines in zip(doubtful, notes)],
    )
    answered = {example.question for example, (exact, _) in zip(doubtful, declined) if not exact}
    return [
        example
        for example in old
        if example.kind != "unknown" or (example.question not in answered and " ".join(normal_words(example.question)) not in asked)
    ]


def select_replay(examples: Sequence[Example], fresh: Sequence[int], rng: Random) -> list[Example]:
    """What a growing adapter trains on: everything about new facts, much of every old one, the negatives, the neutral replay."""
    new, chosen, counts = set(fresh), [], dict[int, int]()
    for example in rng.sample(list(examples), len(examples)):
        if example.split != "train":
            continue
        if example.kind == "recall" and example.fact_id not in new:
            number = example.fact_id or 0
            counts[number] = counts.get(number, 0) + 1
            if counts[number] > REPLAYED:
                continue
        chosen.append(example)
    return chosen


def grow_search(
    db: Database,
    profile: Profile,
    loaded: LoadedBase,
    examples: Sequence[Example],
    fresh: Sequence[int],
    facts: Sequence[Fact],
    recipe: Recipe,
    settings: dict[str, Any],
    deadline: float,
    on_trial: Callable[[TrialResult], None],
    on_progress: OnProgress,
) -> SearchResult:
    """One trial that starts from the current adapter; its values also hold recall on held-out questions of old and new facts."""
    adapter = _current(db, profile, loaded)
    plan = grown_plan(adapter, loaded)
    rng = Random(settings["seed"])
    trained = select_replay(examples, fresh, rng)
    held_out = [example for example in examples if example.split != "train"]
    task = make_task(loaded, [*trained, *held_out], recipe, facts)
    before = _old_recall(task, adapter, examples, fresh)
    outcome, kept = run_trial(task, 0, plan, settings["seed"], deadline, None, None, on_progress, adapter)
    loaded.frozen.clear()
    assert kept is not None
    outcome.values["old_recall_before"] = before
    grown = from_adapter(loaded, adapter, kept.weights)
    try:
        outcome.values["old_recall"] = score_answers(loaded, _test(examples, fresh, new=False))["recall"]
        outcome.values["new_recall"] = score_answers(loaded, _test(examples, fresh, new=True))["recall"]
    finally:
        grown.unload()
    outcome.values["replayed"] = sum(example.fact_id not in set(fresh) for example in trained)
    on_trial(outcome)
    return SearchResult([outcome], outcome, kept.weights, kept.peft_config, kept.proof, "none", f"adapter {adapter.id}, grown")


def grown_plan(adapter: Adapter, loaded: LoadedBase) -> LoraPlan:
    """The plan of the current adapter with a gentler rate and fewer epochs."""
    row = adapter.metrics.get("plan")
    plan = plan_of_row(row) if row else default_plan(loaded, 8)
    return LoraPlan(plan.layer_sets, plan.rank, plan.learning_rate * RATE, plan.alpha, max(4, round(plan.epochs * EPOCHS)))


def plan_of_row(row: dict[str, Any]) -> LoraPlan:
    """The plan that a trial's stored row describes."""
    return LoraPlan(tuple(row["layer_sets"]), int(row["rank"]), float(row["learning_rate"]), int(row["alpha"]), int(row["epochs"]))


def _old_recall(task: Task, adapter: Adapter, examples: Sequence[Example], fresh: Sequence[int]) -> float:
    model = from_adapter(task.loaded, adapter)
    try:
        return score_answers(task.loaded, _test(examples, fresh, new=False))["recall"]
    finally:
        model.unload()


def _test(examples: Sequence[Example], fresh: Sequence[int], new: bool) -> list[Example]:
    return [
        example for example in examples if example.split == "test" and example.kind == "recall" and (example.fact_id in set(fresh)) == new
    ]


def _current(db: Database, profile: Profile, loaded: LoadedBase) -> Adapter:
    adapter = current_adapter(db, profile.id)
    if adapter is None or adapter.run_id is None or not list_examples(db, adapter.run_id):
        raise NoAdapter(f'The profile "{profile.name}" has no adapter that could grow: inject first, without --grow.')
    if (adapter.base_id, adapter.base_revision) != (loaded.base.id, loaded.base.revision):
        raise NoAdapter(f'The adapter of "{profile.name}" belongs to another base ({adapter.base_id}): inject first, without --grow.')
    return adapter


def repeated_material(db: Database, profile: Profile) -> Material:
    """The examples of the last injection that left any, without those of facts that are gone: what `again` trains on."""
    active = list_facts(db, profile.id)
    for run in injected_runs(db, profile.id):
        examples = [load_example(row) for row in list_examples(db, run)]
        if examples:
            known = {fact.id for fact in list_facts(db, profile.id, active_only=False)}
            taught = {number for example in examples for number in (example.fact_id, *example.fact_ids) if number in known}
            facts = [fact for fact in active if fact.id in taught]
            if facts:
                return Material(facts, examples, StudyReport(), sorted(taught))
    raise NothingToLearn(f'The profile "{profile.name}" has no earlier injection to repeat: inject without --again.')


def repeated_prior(db: Database, profile: Profile, loaded: LoadedBase) -> Prior:
    """The plan of the profile's newest adapter or finished run on this base, as trial 0."""
    rows = [adapter.metrics.get("plan") for adapter in list_adapters(db, profile.id) if adapter.base_id == loaded.base.id]
    rows += list(injected_runs(db, profile.id).values())
    row = next((row for row in rows if row and "layer_sets" in row), None)
    return Prior(first_parameters(plan_of_row(row)), [], "the plan of the last injection") if row else load_prior(db, loaded)
