"""Going on where a killed injection stopped: its examples, its trials, the best trial's weights, and the trial that was half trained.

In: the store. Out: the run to go on with, if its settings and facts are still the same, and what it left. A search's next trial depends
on the list of its trials and the seed alone, so the search that goes on ends as the one that was killed would have.
"""

from collections.abc import Sequence
from typing import Any

from sqlite_utils import Database

from memory.store import Fact, list_examples, list_trials
from memory.store.checkpoints import MATERIAL, interrupted_runs, load_checkpoint
from tuning.examples import Example, load_example
from tuning.half import plain
from tuning.search import SearchResult
from tuning.trial import TrialResult

SAME = ("budget", "trials", "base", "revision", "seed", "recipe", "mode", "sampler")


def find_resumable(db: Database, profile_id: int, settings: dict[str, Any]) -> int | None:
    """The number of the killed run that these settings go on with, or None: it must have come as far as its examples."""
    # One that was killed before it came as far as the one that it went on with hides nothing: that one is gone on with again.
    runs = interrupted_runs(db, profile_id, "inject")
    with_material = [run for run in runs if load_checkpoint(db, run.id, MATERIAL)]
    run = next((run for run in with_material if load_checkpoint(db, run.id, "prior")), next(iter(with_material), None))
    if run is None or any(run.settings.get(name) != plain(settings[name]) for name in SAME):
        return None
    return run.id


def resumed_examples(db: Database, run_id: int, facts: Sequence[Fact]) -> tuple[list[Example], list[int]] | None:
    """The examples of a killed run and the facts that they quote; None if the facts are no longer those that they were made of."""
    found = load_checkpoint(db, run_id, MATERIAL)
    if found is None or sorted(found[1]["facts"]) != sorted(fact.id for fact in facts):
        return None
    return [load_example(row) for row in list_examples(db, run_id)], list(found[1]["taught"])


def resumed_search(db: Database, run_id: int) -> SearchResult | None:
    """The trials of a killed run up to the last whose consequences were all stored; None if there are none."""
    trials = [
        TrialResult(row.number, row.params, row.values, row.state, row.seconds or 0.0, row.parameters or 0)
        for row in list_trials(db, run_id)
    ]
    found = load_checkpoint(db, run_id, "best")
    if not trials or found is None:
        return None
    weights, about = found
    best = next((trial for trial in trials if trial.number == about["number"]), None)
    # Killed between a new best's weights and its row: that trial is run again.
    return SearchResult(trials, best, weights, about["peft_config"], about["proof"]) if best else None
