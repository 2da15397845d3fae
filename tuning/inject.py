"""One injection from messages to adapter, as the stages of a run; its state lives in the store, so that a page can watch it.

In: a profile with messages or facts, and a budget. Out: a stored adapter and the result that the command prints.
"""

import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlite_utils import Database

from memory.errors import KeepsakeError
from memory.store import (
    Fact,
    Profile,
    beat,
    cancel_requested,
    current_adapter,
    finish_run,
    list_facts,
    save_adapter,
    save_examples,
    save_trial,
    start_run,
)
from tuning.bases import Base, LoadedBase, load_base, resolve_base
from tuning.errors import Cancelled, NothingToLearn
from tuning.examples import Example, build_examples, distinct_phrasings
from tuning.prompts import PROMPT_VERSION, is_abstention
from tuning.scores import holds_answer
from tuning.search import SearchResult, TrialResult, default_plan, search
from tuning.sides import RetrievalPlan, Speaker
from tuning.study import StudyReport, ask_about, study_messages


@dataclass(frozen=True)
class Budget:
    """What one position of the dial stands for: trials of the study at most, epochs of a trial, minutes in all, rounds of questions."""

    trials: int
    epochs: int
    minutes: float
    rounds: int


BUDGETS = {"quick": Budget(2, 8, 3.0, 2), "normal": Budget(8, 12, 20.0, 3), "thorough": Budget(30, 16, 90.0, 4)}
SEARCH_SHARE = 0.88  # of the minutes, until the search must end: choosing the retrieval plan and saving come after
RETRIEVAL_PLANS = (
    RetrievalPlan(2, ("facts",)),
    RetrievalPlan(4, ("facts",)),
    RetrievalPlan(4, ("messages",)),
    RetrievalPlan(4, ("facts", "messages")),
    RetrievalPlan(8, ("facts", "messages")),
)
BEAT_SECONDS = 0.7


class Reporter:
    """Tells the store how far a run is, at most every `BEAT_SECONDS`, and stops the work when the user cancels."""

    def __init__(self, db: Database, run_id: int) -> None:
        self.db, self.run_id, self.last = db, run_id, 0.0

    def tell(self, stage: str, progress: float, detail: str = "", loss: float | None = None, force: bool = False) -> None:
        """Note stage and progress (0 to 1 over the whole run); raises Cancelled when asked to stop."""
        if not force and time.monotonic() - self.last < BEAT_SECONDS:
            return
        self.last = time.monotonic()
        fields: dict[str, Any] = {"stage": stage, "progress": round(progress, 4)}
        fields |= {"detail": detail} if detail else {}
        fields |= {"loss": round(loss, 4)} if loss is not None else {}
        beat(self.db, self.run_id, **fields)
        if cancel_requested(self.db, self.run_id):
            raise Cancelled("The injection was cancelled; the profile keeps the adapter that it had.")
        print(f"{100 * progress:5.1f} % {stage}" + (f": {detail}" if detail else ""), file=sys.stderr, flush=True)


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
) -> dict[str, Any]:
    """Study, examples, search, proof, save: the whole injection under one run; returns what the command prints."""
    chosen = BUDGETS[budget]
    trials, minutes = trials or chosen.trials, minutes or chosen.minutes
    base = loaded.base if loaded else resolve_base(base_id)
    settings = {"budget": budget, "trials": trials, "minutes": minutes, "base": base.id, "revision": base.revision, "seed": seed}
    run_id = start_run(db, profile.id, "inject", settings)
    try:
        result = _run_stages(db, profile, run_id, settings | {"epochs": chosen.epochs, "rounds": chosen.rounds}, precision, loaded)
        finish_run(db, run_id, "done", result=result)
        return result
    except (Cancelled, KeyboardInterrupt):
        finish_run(db, run_id, "cancelled")
        raise
    except KeepsakeError as error:
        finish_run(db, run_id, "failed", error=str(error))
        raise
    except BaseException as error:
        finish_run(db, run_id, "failed", error=f"Something unexpected went wrong ({type(error).__name__}: {error}).")
        raise


def _run_stages(
    db: Database, profile: Profile, run_id: int, settings: dict[str, Any], precision: str, loaded: LoadedBase | None
) -> dict[str, Any]:
    started = time.monotonic()
    deadline = started + 60 * SEARCH_SHARE * settings["minutes"]
    reporter = Reporter(db, run_id)
    beat(db, run_id, state="running", stage="load", progress=0.0)
    loaded = loaded or load_base(resolve_base(settings["base"]), precision)
    reporter.tell("load", 0.02, f"{loaded.base.id} in {loaded.precision} on {loaded.device}", force=True)
    prepared = prepare(db, profile, reporter, loaded, settings)
    found = _search(db, run_id, reporter, loaded, prepared.examples, settings, deadline)
    reporter.tell("retrieval", 0.92, "choosing what retrieval brings", force=True)
    plan = choose_retrieval(Speaker(db, profile, loaded), prepared.examples)
    reporter.tell("save", 0.98, "storing the adapter", force=True)
    return keep(db, profile, run_id, prepared, found, plan, loaded.base, loaded.precision) | {
        "seconds": round(time.monotonic() - started, 1),
        "peak_memory_mb": peak_memory_mb(),
    }


@dataclass(frozen=True)
class Prepared:
    """What the search of a run starts from: the facts, the stored examples, and what study dropped."""

    facts: list[Fact]
    examples: list[Example]
    study: StudyReport

    @property
    def counts(self) -> dict[str, int]:
        """Examples by split."""
        return {split: sum(example.split == split for example in self.examples) for split in ("train", "validation", "test")}


def prepare(db: Database, profile: Profile, reporter: Reporter, loaded: LoadedBase, settings: dict[str, Any]) -> Prepared:
    """Study the messages, ask about the facts, build and store the examples; raises NothingToLearn."""
    reporter.tell("study", 0.02, "reading the messages", force=True)
    study = StudyReport()
    study_messages(
        db,
        profile.id,
        loaded,
        study,
        lambda share: reporter.tell("study", 0.02 + 0.13 * share, f"{100 * share:.0f} % of the messages read"),
    )
    facts = list_facts(db, profile.id)
    if not facts:
        raise NothingToLearn(
            f'The profile "{profile.name}" holds no facts: import a chat in which the person says something about themselves, '
            "check which sender is meant, or fill in the profile form."
        )
    reporter.tell("questions", 0.15, f"{len(facts)} facts", force=True)
    questions = ask_about(
        loaded, facts, study, settings["seed"], lambda share: reporter.tell("questions", 0.15 + 0.15 * share), settings["rounds"]
    )
    examples = build_examples(loaded, facts, questions, settings["seed"])
    if not distinct_phrasings(examples):
        examples = _without_trained_phrasings(examples)
    save_examples(db, reporter.run_id, [example.row() for example in examples])
    prepared = Prepared(facts, examples, study)
    reporter.tell("examples", 0.3, ", ".join(f"{count} {split}" for split, count in prepared.counts.items()), force=True)
    return prepared


def keep(
    db: Database, profile: Profile, run_id: int, prepared: Prepared, found: SearchResult, plan: RetrievalPlan, base: Base, precision: str
) -> dict[str, Any]:
    """Store the winner of a search as the profile's adapter; returns what the command prints."""
    best = found.best
    assert best is not None  # trial 0 is never pruned
    metrics = {
        "validation": best.values, "proof": found.proof, "retrieval": asdict(plan), "plan": best.plan, "examples": prepared.counts,
    }  # fmt: skip
    adapter_id = save_adapter(
        db, profile.id, run_id, found.weights, found.peft_config, base.id, base.revision, PROMPT_VERSION,
        [fact.id for fact in prepared.facts], metrics,
    )  # fmt: skip
    return {
        "adapter": adapter_id,
        "base": base.id,
        "revision": base.revision,
        "precision": precision,
        "trials": [asdict(trial) for trial in found.trials],
        "best": {**best.plan, **best.values, "trial": best.number, "parameters": best.parameters},
        "facts": len(prepared.facts),
        "examples": prepared.counts,
        "study": {**asdict(prepared.study), "dropped": dict(prepared.study.dropped)},
        "retrieval": asdict(plan),
        "proof": found.proof,
        "bytes": len(found.weights),
        "run": run_id,
    }


def _search(
    db: Database,
    run_id: int,
    reporter: Reporter,
    loaded: LoadedBase,
    examples: Sequence[Example],
    settings: dict[str, Any],
    deadline: float,
) -> SearchResult:
    """The search stage: trials are stored as they end."""
    trials = settings["trials"]

    def on_trial(trial: TrialResult) -> None:
        save_trial(db, run_id, trial.number, trial.plan, trial.values, trial.state, trial.seconds, trial.parameters)
        said = (
            f"trial {trial.number}: recall {trial.values['recall']:.0%}, invents {trial.values['false_claims']:.0%}"
            if trial.state == "complete"
            else f"trial {trial.number}: stopped early"
        )
        reporter.tell("search", 0.3 + 0.6 * (trial.number + 1) / trials, said, force=True)

    def on_progress(number: int, share: float, loss: float) -> None:
        reporter.tell("search", 0.3 + 0.6 * (number + share) / trials, f"trial {number + 1} of {trials}", loss)

    return search(loaded, examples, trials, settings["epochs"], deadline, settings["seed"], on_trial, on_progress)


def _without_trained_phrasings(examples: Sequence[Example]) -> list[Example]:
    """Held-out questions that are also trained on (two facts may share a question) are taken out of training."""
    from tuning.scores import normal_words

    held_out = {" ".join(normal_words(example.question)) for example in examples if example.split != "train"}
    return [example for example in examples if example.split != "train" or " ".join(normal_words(example.question)) not in held_out]


def choose_retrieval(speaker: Speaker, examples: Sequence[Example]) -> RetrievalPlan:
    """The retrieval plan that answers most validation questions right, less what it invents; the baseline is meant to be good."""
    held_out = [example for example in examples if example.split == "validation"]
    known = [example for example in held_out if example.kind == "recall"][:30]
    unknown = [example for example in held_out if example.kind == "unknown"][:10]
    best, best_score = RetrievalPlan(), -2.0
    for plan in RETRIEVAL_PLANS if known else ():
        speaker.plan = plan
        replies = [answer.text for answer in speaker.answer("rag", [example.question for example in [*known, *unknown]], 40)]
        hits = sum(holds_answer(reply, example.answer, example.question) for example, reply in zip(known, replies)) / len(known)
        claims = sum(not is_abstention(reply) for reply in replies[len(known) :]) / max(1, len(unknown))
        if hits - claims > best_score:
            best, best_score = plan, hits - claims
    return best


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
    "BUDGETS", "Budget", "Prepared", "Reporter", "adapter_facts", "choose_retrieval", "default_plan", "inject", "keep", "peak_memory_mb",
    "prepare",
]  # fmt: skip
