"""One injection from messages to adapter, as the stages of a run; its state lives in the store, so that a page can watch it.

In: a profile with messages or facts, a budget and a mode. Out: a stored adapter and the result that the command prints.
Modes: `full` studies, searches and trains; `grow` trains new facts into the adapter that there is; `again` trains the last run's examples
once more with its best plan, without what was forgotten since. A full run that was killed goes on where it stopped.
"""

import resource
import sys
import time
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from sqlite_utils import Database

from memory.errors import KeepsakeError, LeaseLost
from memory.store import (
    Fact,
    Profile,
    beat,
    current_adapter,
    data_folder,
    finish_run,
    list_facts,
    save_adapter,
    save_examples,
    save_trial,
    start_run,
)
from memory.store.checkpoints import MATERIAL, drop_checkpoint, drop_checkpoints, load_checkpoint, save_checkpoint, save_weights
from tuning.accelerator import accelerator
from tuning.adapters import detach, from_bytes
from tuning.advice import RETRIEVAL_PLANS, advise, ask_sides, choose_retrieval, count_right, own_test
from tuning.bases import Base, LoadedBase, load_base, resolve_base
from tuning.clock import worked
from tuning.errors import Cancelled
from tuning.examples import Example
from tuning.grow import grow_search, grown_material, repeated_material, repeated_prior
from tuning.half import Keeper
from tuning.material import Material, gather_material
from tuning.priors import load_prior, prior_of
from tuning.prompts import PROMPT_VERSION
from tuning.pulse import Pulse
from tuning.recipe import Recipe, load_recipe
from tuning.reporter import Reporter
from tuning.resume import find_resumable, resumed_examples, resumed_search
from tuning.search import SearchResult, TrialResult, default_plan, search
from tuning.shared import Job, Place, search_shared
from tuning.sides import RetrievalPlan, Speaker, base_of, load_plan
from tuning.study import StudyReport


@dataclass(frozen=True)
class Budget:
    """What one position of the dial stands for: trials of the study at most, epochs of a trial, minutes in all, rounds of questions, and how
    many examples a fact gets."""

    trials: int
    epochs: int
    minutes: float
    rounds: int
    recipe: Recipe


BUDGETS = {
    "quick": Budget(2, 8, 4.0, 2, Recipe(questions_in_all=700, views_a_fact=3, words_in_all=300)),
    "normal": Budget(8, 12, 20.0, 3, Recipe()),
    "thorough": Budget(30, 16, 90.0, 4, Recipe(questions_a_fact=16, questions_in_all=10_000, views_a_fact=10, words_in_all=5000)),
}
MODES = ("full", "grow", "again")
HALF = "trial"  # the checkpoint of the trial that is being trained
SEARCH_SHARE = 0.85  # of the minutes, until the search must end: choosing the retrieval plan, the advice and saving come after


def inject(
    db: Database,
    profile: Profile,
    budget: str = "quick",
    trials: int | None = None,
    minutes: float | None = None,
    base_id: str | None = None,
    precision: str = "auto",
    seed: int = 0,
    loaded: LoadedBase | None = None,
    recipe: Recipe | None = None,
    mode: str = "full",
    sampler: str = "gp",
    restart: bool = False,
    place: Place | None = None,
    leave_at: float | None = None,
) -> dict[str, Any]:
    """Study, examples, search, proof, save: the whole injection under one run; returns what the command prints.

    With `restart` a run that was killed is not gone on with. With a `place` other machines search too (`shared.py`). At `leave_at` (monotonic
    seconds) the trial that is trained is saved and SliceOver raised: the next call goes on with it.
    """
    if place:
        from tuning.shared import check_readable

        check_readable(data_folder())
    chosen = BUDGETS[budget]
    current = current_adapter(db, profile.id) if mode == "grow" else None
    base = loaded.base if loaded else base_of(current) if current and not base_id else resolve_base(base_id)
    settings = {
        "budget": budget, "trials": trials or chosen.trials, "minutes": minutes or chosen.minutes, "base": base.id, "revision": base.revision,
        "seed": seed, "recipe": (recipe or chosen.recipe.within((minutes or chosen.minutes) / chosen.minutes)).row(), "mode": mode, "sampler": sampler,
    }  # fmt: skip
    resumed = find_resumable(db, profile.id, settings) if mode == "full" and not restart else None
    run_id = start_run(db, profile.id, "inject", settings | ({"resumes": resumed} if resumed else {}))
    settings |= {
        "epochs": chosen.epochs,
        "rounds": chosen.rounds,
        "resumes": resumed,
        "place": place,
        "leave_at": leave_at,
    }  # may hold a password: not stored
    reporter = Reporter(db, run_id)
    try:
        with Pulse(db) as pulse:
            pulse.add(run_id, reporter.watch)
            with accelerator(reporter.wait, reporter.turn):
                result = _run_stages(db, profile, reporter, settings, precision, base, loaded)
        finish_run(db, run_id, "done", result=result)
        drop_checkpoints(db, run_id)
        return result
    except (Cancelled, KeyboardInterrupt):
        _end(db, run_id, "cancelled")
        raise
    except LeaseLost:
        raise  # the run is another's: its state and what it has kept are not ours to touch
    except KeepsakeError as error:
        _end(db, run_id, "failed", str(error))
        raise
    except Exception as error:
        _end(db, run_id, "failed", f"Something unexpected went wrong ({type(error).__name__}: {error}).")
        raise
    except BaseException:  # the process is being ended: what it has kept serves the next one
        finish_run(db, run_id, "interrupted", error="Its process was ended: start it again, and it goes on.")
        raise


def _end(db: Database, run_id: int, state: str, error: str | None = None) -> None:
    """End a run that leaves no adapter; its checkpoints go, for they may hold what is forgotten later."""
    finish_run(db, run_id, state, error=error)
    drop_checkpoints(db, run_id)


def _run_stages(
    db: Database, profile: Profile, reporter: Reporter, settings: dict[str, Any], precision: str, base: Base, loaded: LoadedBase | None
) -> dict[str, Any]:
    started, run_id = worked(), reporter.run_id
    beat(db, run_id, state="running", stage="load", progress=0.0, detail="")
    if loaded is None:
        if base.hub:  # said before anything is fetched
            where = f"{base.source}, revision {base.revision}, from the hub unless this machine has it"
            reporter.tell("load", 0.0, where, force=True)
        loaded = load_base(base, precision)
    reporter.tell("load", 0.02, f"{loaded.base.id} in {loaded.precision} on {loaded.device}", force=True)
    prepared = prepare(db, profile, reporter, loaded, settings)
    deadline = started + 60 * SEARCH_SHARE * settings["minutes"]
    found = _search(db, profile, reporter, loaded, prepared, settings, deadline)
    reporter.tell("retrieval", 0.9, "choosing what retrieval brings", force=True)
    plan = _kept_plan(db, profile, settings["mode"]) or choose_retrieval(Speaker(db, profile, loaded), prepared.examples)
    reporter.tell("advice", 0.94, "asking all sides what was held out", force=True)
    advice = advise_person(db, profile, loaded, found, plan, prepared.examples)
    reporter.tell("save", 0.98, "storing the adapter", force=True)
    return keep(db, profile, run_id, prepared, found, plan, loaded.base, loaded.precision, advice) | {
        "mode": settings["mode"],
        "resumed": settings["resumes"],
        "recipe": settings["recipe"],
        "seconds": round(worked() - started, 1),
        "peak_memory_mb": peak_memory_mb(),
    }


def _kept_plan(db: Database, profile: Profile, mode: str) -> RetrievalPlan | None:
    """The retrieval plan of the adapter that grows: a few new facts are no reason to choose anew."""
    current = current_adapter(db, profile.id) if mode == "grow" else None
    row = current.metrics.get("retrieval") if current else None
    return load_plan(row) if row else None


@dataclass(frozen=True)
class Prepared:
    """What the search of a run starts from: the facts, the stored examples, what study dropped, and the facts that the examples quote."""

    facts: list[Fact]
    examples: list[Example]
    study: StudyReport
    taught: tuple[int, ...] = ()
    fresh: tuple[int, ...] = ()  # of a run that grows: the facts that are new

    @property
    def counts(self) -> dict[str, int]:
        """Examples by split."""
        return {split: sum(example.split == split for example in self.examples) for split in ("train", "validation", "test")}


def prepare(db: Database, profile: Profile, reporter: Reporter, loaded: LoadedBase, settings: dict[str, Any]) -> Prepared:
    """Study the messages, ask about the facts, build and store the examples; raises NothingToLearn."""

    def tell(stage: str, share: float, detail: str) -> None:
        reporter.tell(stage, 0.02 + 0.28 * share, detail, force=bool(detail))

    recipe, mode, resumes = load_recipe(settings.get("recipe")), settings.get("mode", "full"), settings.get("resumes")
    fresh: tuple[int, ...] = ()
    if mode == "again":
        material = repeated_material(db, profile)
    elif mode == "grow":
        material, fresh = grown_material(db, profile, loaded, recipe, settings["seed"], settings["rounds"], tell)
    else:
        reuse = (lambda facts: resumed_examples(db, resumes, facts)) if resumes else None
        material = gather_material(db, profile, loaded, recipe, settings["seed"], settings["rounds"], tell, reuse=reuse)
    save_examples(db, reporter.run_id, [example.row() for example in material.examples])
    _note_material(db, reporter.run_id, material)
    prepared = Prepared(material.facts, material.examples, material.study, tuple(material.taught), fresh)
    reporter.tell("examples", 0.3, ", ".join(f"{count} {split}" for split, count in prepared.counts.items()), force=True)
    return prepared


def _note_material(db: Database, run_id: int, material: Material) -> None:
    about = {"facts": [fact.id for fact in material.facts], "taught": material.taught}
    save_checkpoint(db, run_id, MATERIAL, b"", about)


def keep(
    db: Database, profile: Profile, run_id: int, prepared: Prepared, found: SearchResult, plan: RetrievalPlan, base: Base, precision: str,
    advice: dict[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Store the winner of a search as the profile's adapter; returns what the command prints."""
    best = found.best
    assert best is not None  # trial 0 is never pruned
    metrics = {
        "validation": best.values, "proof": found.proof, "retrieval": asdict(plan), "plan": best.plan, "examples": prepared.counts,
        "advice": advice,
    }  # fmt: skip
    facts = prepared.taught or [fact.id for fact in prepared.facts]
    adapter_id = save_adapter(
        db, profile.id, run_id, found.weights, found.peft_config, base.id, base.revision, PROMPT_VERSION, facts, metrics
    )  # fmt: skip
    return {
        "adapter": adapter_id,
        "base": base.id,
        "revision": base.revision,
        "precision": precision,
        "trials": [asdict(trial) for trial in found.trials],
        "best": {**best.plan, **best.values, "trial": best.number, "parameters": best.parameters},
        "search": {"sampler": found.sampler, "prior": found.prior, "front": found.front},
        "facts": len(prepared.facts),
        "new_facts": len(prepared.fresh),
        "examples": prepared.counts,
        "study": {**asdict(prepared.study), "dropped": dict(prepared.study.dropped), "views": dict(prepared.study.views)},
        "retrieval": asdict(plan),
        "advice": advice,
        "proof": found.proof,
        "bytes": len(found.weights),
        "run": run_id,
    }


def _search(
    db: Database, profile: Profile, reporter: Reporter, loaded: LoadedBase, prepared: Prepared, settings: dict[str, Any], deadline: float
) -> SearchResult:
    """The search stage: trials, their curves and the best weights are stored as they come."""
    trials, run_id = settings["trials"] if settings["mode"] == "full" else 1, reporter.run_id

    def on_trial(trial: TrialResult) -> None:
        save_trial(db, run_id, trial.number, trial.plan, trial.values, trial.state, trial.seconds, trial.parameters)
        drop_checkpoint(db, run_id, HALF)
        for number, (_, recall, abstention, _) in enumerate(curve := trial.values.get("curve", []), 1):
            reporter.point(trial.number, number / len(curve), None, recall, abstention)
        said = (
            f"trial {trial.number}: recall {trial.values['recall']:.0%}, invents {trial.values['false_claims']:.0%}"
            if trial.state == "complete"
            else f"trial {trial.number}: stopped early"
        )
        reporter.tell("search", 0.3 + 0.6 * (trial.number + 1) / trials, said, force=True)

    def on_progress(number: int, share: float, loss: float) -> None:
        before = reporter.last
        reporter.tell("search", 0.3 + 0.6 * (number + share) / trials, f"trial {number + 1} of {trials}", loss)
        if reporter.last != before:
            reporter.point(number, share, round(loss, 4))

    def on_best(result: SearchResult) -> None:
        about = {"number": result.best.number if result.best else 0, "peft_config": result.peft_config, "proof": result.proof}
        save_weights(db, run_id, "best", result.weights, about)

    recipe, facts = load_recipe(settings["recipe"]), list_facts(db, profile.id)
    if settings["mode"] == "grow":
        return grow_search(db, profile, loaded, prepared.examples, prepared.fresh, facts, recipe, settings, deadline, on_trial, on_progress)
    # A resumed search keeps the prior that it began with: other profiles may have taught something since.
    begun = load_checkpoint(db, settings["resumes"], "prior") if settings["resumes"] else None
    prior = prior_of(begun[1]) if begun else repeated_prior(db, profile, loaded) if settings["mode"] == "again" else load_prior(db, loaded)
    done = resumed_search(db, settings["resumes"]) if settings["resumes"] else None
    if settings.get("place"):
        until = time.time() + max(0.0, deadline - worked())
        job = Job(
            loaded.base.id, loaded.base.revision, loaded.precision, prepared.examples, trials, settings["epochs"], settings["seed"],
            settings["sampler"], recipe, prior.first, until,
        )  # fmt: skip
        return search_shared(settings["place"], job, loaded, on_trial, on_progress)
    for trial in done.trials if done else ():
        on_trial(trial)
    if done and done.best:
        on_best(done)
    half = load_checkpoint(db, settings["resumes"], HALF) if settings["resumes"] else None
    if half:
        save_weights(db, run_id, HALF, *half)  # killed once more before its first save, it still goes on from there
    save_checkpoint(db, run_id, "prior", b"", prior.row())  # last: from here on this run is the one to go on with
    keeper = Keeper(partial(save_weights, db, run_id, HALF), half, leave_at=settings.get("leave_at"))
    return search(
        loaded, prepared.examples, trials, settings["epochs"], deadline, settings["seed"], on_trial, on_progress, recipe, facts, prior,
        settings["sampler"], done, on_best, keeper=keeper,
    )  # fmt: skip


def advise_person(
    db: Database, profile: Profile, loaded: LoadedBase, found: SearchResult, plan: RetrievalPlan, examples: list[Example]
) -> dict[str, Any]:
    """The answer to "which should I use?" for this person, from their held-out questions."""
    model = from_bytes(loaded, found.weights, found.peft_config)
    try:
        right = ask_sides(Speaker(db, profile, loaded, model, None, plan), examples)
        return {**advise(right), "card": count_right(right, own_test(examples, 0))}
    finally:
        detach(model)


def peak_memory_mb() -> float:
    """Largest resident memory of this process so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 if sys.platform != "darwin" else 1024 * 1024), 1)


def adapter_facts(db: Database, profile: Profile) -> tuple[list[Fact], list[Fact]]:
    """The profile's facts that its current adapter was trained on, and those that it was not."""
    current = current_adapter(db, profile.id)
    trained = set(current.fact_ids) if current else set()
    facts = list_facts(db, profile.id)
    return [fact for fact in facts if fact.id in trained], [fact for fact in facts if fact.id not in trained]


__all__ = [
    "BUDGETS", "MODES", "RETRIEVAL_PLANS", "Budget", "Prepared", "Reporter", "adapter_facts", "advise_person", "choose_retrieval", "default_plan",
    "inject", "keep", "peak_memory_mb", "prepare",
]  # fmt: skip
