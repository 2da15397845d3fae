"""Going on where a killed injection stopped: its examples, its trials, the best trial's weights, and the trial that was half trained.

In: the store. Out: the run to go on with, if its settings and facts are still the same, and what it left. A search's next trial depends
on the list of its trials and the seed alone, so the search that goes on ends as the one that was killed would have.
"""

from collections.abc import Sequence
from typing import Any

from sqlite_utils import Database

from memory.store import Fact, Profile, list_adapters, list_examples, list_facts, list_messages, list_trials, load_run, studied_messages
from memory.store.checkpoints import MATERIAL, interrupted_runs, load_checkpoint
from tuning.bases import Base
from tuning.examples import Example, load_example
from tuning.half import plain
from tuning.prompts import PROMPT_VERSION
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


def up_to_date(db: Database, profile: Profile, base: Base, settings: dict[str, Any]) -> int | None:
    """The number of the profile's adapter if this very job was done and nothing was said since; else None."""
    current = next((adapter for adapter in list_adapters(db, profile.id) if adapter.current), None)
    if current is None or current.run_id is None or current.prompt_version != PROMPT_VERSION:
        return None
    if (current.base_id, current.base_revision) != (base.id, base.revision):
        return None
    run = load_run(db, current.run_id)
    if run.state != "done" or any(run.settings.get(key) != plain(settings[key]) for key in SAME):
        return None
    since = run.finished or current.created
    if any(max(fact.created, fact.changed or "") > since for fact in list_facts(db, profile.id)):
        return None
    studied = studied_messages(db, profile.id, f"{base.id}@{base.revision}/{PROMPT_VERSION}")
    unread = [message for message in list_messages(db, profile.id, only_me=True) if message.id not in studied and not message.excluded]
    return None if unread else current.id
