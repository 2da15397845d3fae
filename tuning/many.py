"""Many profiles at once: each is prepared here, searched by an engine wherever that runs it, and stored here.

In: names of profiles and a budget. Out: an adapter each, and what became of every one. The driver alone writes the store; a second call goes on
where the first stopped, since a profile whose adapter is up to date is passed over. `python -m tuning progress` and the page read the
state of a batch from the store.
"""

import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from memory.errors import KeepsakeError, LeaseLost
from memory.store import (
    Profile,
    beat,
    cancel_requested,
    finish_run,
    list_adapters,
    list_facts,
    list_messages,
    list_profiles,
    load_profile,
    load_run,
    save_trial,
    start_run,
    studied_messages,
)
from memory.store.batches import BatchRun, batch_runs, newest_batch
from tuning.accelerator import accelerator
from tuning.bases import Base, LoadedBase, load_base, resolve_base
from tuning.engines import Done, Engine, Work
from tuning.errors import BadProfileList, Cancelled
from tuning.half import plain
from tuning.inject import BUDGETS, Prepared, Reporter, choose_retrieval, keep, prepare
from tuning.priors import Prior, load_prior
from tuning.prompts import PROMPT_VERSION
from tuning.pulse import Pulse
from tuning.recipe import Recipe, load_recipe
from tuning.resume import SAME, find_resumable
from tuning.sides import RetrievalPlan, Speaker

AHEAD = 2  # profiles prepared beyond what the engine can run at once: workers never wait, and memory stays bounded
WAIT_SECONDS = 0.5

Say = Callable[[dict[str, Any]], None]
Prepare = Callable[[Database, Profile, Reporter, LoadedBase, dict[str, Any]], tuple[Prepared, RetrievalPlan]]


@dataclass
class Batch:
    """One call: what it is to do with every profile, what runs, and what has become of those that ended."""

    db: Database
    loaded: LoadedBase
    engine: Engine
    settings: dict[str, Any]
    say: Say
    prepare: Prepare
    prior: Prior
    pulse: Pulse
    running: dict[int, "Pending"] = field(default_factory=dict)
    ended: list[dict[str, Any]] = field(default_factory=list)

    def tell(self, event: str, name: str, **more: Any) -> None:
        """One line of progress, the same for the log and for programs."""
        counts = {state: sum(row["state"] == state for row in self.ended) for state in ("done", "failed", "skipped")}
        self.say({"event": event, "profile": name, "running": len(self.running), **counts, "of": self.settings["of"], **more})

    def end(self, name: str, state: str, **more: Any) -> None:
        """Note what became of a profile."""
        self.ended.append({"profile": name, "state": state, **more})
        self.tell(state, name, **more)


@dataclass
class Pending:
    """A profile whose search is on its way."""

    profile: Profile
    prepared: Prepared
    plan: RetrievalPlan
    reporter: Reporter
    started: float


def chosen_profiles(db: Database, chosen: str) -> list[str]:
    """The names that `all` or a file with a name a line (# begins a comment) stands for; raises BadProfileList, UnknownProfile."""
    if chosen == "all":
        names = [profile.name for profile in list_profiles(db)]
        if not names:
            raise BadProfileList("There is no profile yet: import a chat first.")
        return names
    try:
        lines = Path(chosen).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadProfileList(
            f'The list of profiles "{chosen}" cannot be read ({error}): give `all` or a file with a name a line.'
        ) from error
    names = list(dict.fromkeys(name for line in lines if (name := line.partition("#")[0].strip())))
    if not names:
        raise BadProfileList(f'The list "{chosen}" names no profile: write a name a line.')
    for name in names:
        load_profile(db, name)  # a wrong name is told before any work begins
    return names


def inject_many(
    db: Database,
    names: Sequence[str],
    open_engine: Callable[[Callable[[int, float, str], bool]], Engine],
    budget: str = "quick",
    trials: int | None = None,
    minutes: float | None = None,
    base_id: str | None = None,
    precision: str = "auto",
    seed: int = 0,
    say: Say = lambda event: None,
    loaded: LoadedBase | None = None,
    prepare_profile: "Prepare | None" = None,
    recipe: Recipe | None = None,
    sampler: str = "gp",
    side_by_side: int | None = None,
) -> dict[str, Any]:
    """Inject every named profile; returns counts and a row a profile (state done, failed or skipped). A failure ends only its own profile.

    `open_engine` makes the engine from the function that hears of progress. `side_by_side` is how many trials of one profile run at once (by
    default as many as the cluster has places a profile: which trial wins depends on it, so it is fixed once for the call). Raises what opening the engine or the base raises.
    """
    started = time.monotonic()
    chosen = BUDGETS[budget]
    loaded = loaded or load_base(resolve_base(base_id), precision)
    settings: dict[str, Any] = {
        "budget": budget, "trials": trials or chosen.trials, "minutes": minutes or chosen.minutes, "base": loaded.base.id,
        "revision": loaded.base.revision, "seed": seed, "recipe": (recipe or Recipe()).row(), "mode": "full", "sampler": sampler,
        "batch": uuid.uuid4().hex, "of": len(names),
    }  # fmt: skip
    engine = open_engine(lambda key, share, detail: _hear(batch, key, share, detail))
    engine.use(loaded)
    width = side_by_side or (max(1, min(settings["trials"], engine.slots // len(names))) if engine.name == "ray" else 1)
    settings["side_by_side"] = width
    # One prior for the whole batch: what its own profiles teach would make the winners depend on who was first.
    batch = Batch(db, loaded, engine, settings, say, prepare_profile or prepare_here, load_prior(db, loaded), Pulse(db))
    try:
        with batch.pulse:
            _run(batch, deque(names), {"epochs": chosen.epochs, "rounds": chosen.rounds})
    except BaseException:
        for key in batch.running:
            finish_run(db, key, "cancelled")
        raise
    finally:
        batch.engine.close()
    counts = {state: sum(row["state"] == state for row in batch.ended) for state in ("done", "failed", "skipped")}
    return {
        "engine": batch.engine.name, "ok": not counts["failed"], **counts, "of": len(names), "seconds": round(time.monotonic() - started, 1), "batch": settings["batch"],
        "base": loaded.base.id, "revision": loaded.base.revision, "profiles": sorted(batch.ended, key=lambda row: names.index(row["profile"])),
    }  # fmt: skip


def _run(batch: Batch, waiting: deque[str], more: dict[str, Any]) -> None:
    """Back-pressure: no more is prepared than the engine can take up soon; in between, what has ended is stored."""
    # Here one profile after the other, so that others in the queue for the accelerator are not kept out by all of them.
    while waiting and batch.engine.name == "local":
        name = waiting.popleft()
        told: list[str] = []
        with accelerator(partial(_tell_waiting, batch, name, told)):
            _begin(batch, name, more)
            while batch.running:
                _collect(batch, WAIT_SECONDS)
    while waiting or batch.running:
        room = batch.engine.slots + AHEAD
        while waiting and len(batch.running) < room:
            _begin(batch, waiting.popleft(), more)
            _collect(batch, 0.0)
        _collect(batch, WAIT_SECONDS)


def _tell_waiting(batch: Batch, name: str, told: list[str], said: str) -> None:
    if said not in told:
        told.append(said)
        batch.tell("waiting", name, **{"for": said})


def _begin(batch: Batch, name: str, more: dict[str, Any]) -> None:
    """Prepare a profile and give its search to the engine, unless its adapter is up to date."""
    started = time.monotonic()
    run_id = None
    try:
        profile = load_profile(batch.db, name)
        if (adapter := up_to_date(batch.db, profile, batch.loaded.base, batch.settings)) is not None:
            batch.end(name, "skipped", adapter=adapter)
            return
        resumes = find_resumable(batch.db, profile.id, batch.settings)
        run_id = start_run(batch.db, profile.id, "inject", batch.settings | ({"resumes": resumes} if resumes else {}))
        reporter = Reporter(batch.db, run_id, name)
        batch.pulse.add(run_id, reporter.watch, judged=batch.engine.name == "local")  # elsewhere silence tells nothing of the work
        beat(batch.db, run_id, state="running", stage="load", progress=0.0)
        prepared, plan = batch.prepare(batch.db, profile, reporter, batch.loaded, batch.settings | more | {"resumes": resumes})
        reporter.tell("search", 0.3, f"waiting for a place ({batch.engine.name})", force=True)
        work = make_work(batch, run_id, prepared, more["epochs"])
        batch.running[run_id] = Pending(profile, prepared, plan, reporter, started)
        batch.engine.submit(work)
        batch.tell("begun", name)
    except KeepsakeError as error:
        if run_id is not None:
            batch.running.pop(run_id, None)
            batch.pulse.drop(run_id)
        if run_id is not None and not isinstance(error, LeaseLost):
            finish_run(batch.db, run_id, "cancelled" if isinstance(error, Cancelled) else "failed", error=str(error))
        batch.end(name, "failed", error=str(error))


def make_work(batch: Batch, run_id: int, prepared: Prepared, epochs: int) -> Work:
    """What a worker needs of a profile; its facts only where the recipe has the base teach them."""
    settings, base, recipe = batch.settings, batch.loaded.base, load_recipe(batch.settings["recipe"])
    options = {"recipe": recipe, "prior": batch.prior, "sampler": settings["sampler"], "facts": prepared.facts if recipe.distil else []}
    return Work(
        run_id, base.id, base.revision, batch.loaded.precision, tuple(prepared.examples), settings["trials"], epochs, settings["minutes"],
        settings["seed"], options, settings["side_by_side"],
    )  # fmt: skip


def prepare_here(
    db: Database, profile: Profile, reporter: Reporter, loaded: LoadedBase, settings: dict[str, Any]
) -> tuple[Prepared, RetrievalPlan]:
    """Study, examples, and the retrieval plan, which needs the store and the bare base but no adapter."""
    prepared = prepare(db, profile, reporter, loaded, settings)
    return prepared, choose_retrieval(Speaker(db, profile, loaded), prepared.examples)


def _collect(batch: Batch, seconds: float) -> None:
    for done in batch.engine.wait(seconds):
        pending = batch.running.pop(done.key, None)
        batch.pulse.drop(done.key)
        if pending is not None:  # an engine that told it twice changes nothing
            _store(batch, pending, done)


def _store(batch: Batch, pending: Pending, done: Done) -> None:
    name, run_id = pending.profile.name, done.key
    try:
        if done.found is None or done.found.best is None:
            finish_run(batch.db, run_id, "cancelled" if done.cancelled else "failed", error=done.error)
            batch.end(name, "failed", error=done.error, node=done.node)
            return
        for trial in done.found.trials:
            save_trial(batch.db, run_id, trial.number, trial.plan, trial.values, trial.state, trial.seconds, trial.parameters)
        base = batch.loaded.base
        kept = keep(batch.db, pending.profile, run_id, pending.prepared, done.found, pending.plan, base, done.precision)
        seconds = round(time.monotonic() - pending.started, 1)
        result = kept | {"seconds": seconds, "peak_memory_mb": done.peak_memory_mb, "node": done.node}
        finish_run(batch.db, run_id, "done", result=result)
        batch.end(
            name, "done", adapter=kept["adapter"], best=kept["best"], facts=kept["facts"], bytes=kept["bytes"], seconds=seconds,
            search_seconds=done.seconds, peak_memory_mb=done.peak_memory_mb, node=done.node, run=run_id,
        )  # fmt: skip
    except KeepsakeError as error:  # forgotten meanwhile, or the disk is full: told, and the others go on
        batch.end(name, "failed", error=str(error), node=done.node)


def _hear(batch: Batch, key: int, share: float, detail: str) -> bool:
    """Pass a worker's progress on to the run; False once the person cancelled it."""
    pending = batch.running.get(key)
    if pending is None or cancel_requested(batch.db, key):
        return False
    pending.reporter.watch.move()
    if detail:  # not through the reporter, which would wait while one profile is paused
        beat(batch.db, key, stage="search", progress=round(0.3 + 0.6 * share, 4), detail=detail)
    return True


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


def batch_progress(db: Database) -> dict[str, Any]:
    """How far the newest batch is: counts by state and a row a profile; empty rows if there was none."""
    settings = newest_batch(db)
    runs: list[BatchRun] = batch_runs(db, settings["batch"]) if settings else []
    states = ("done", "running", "queued", "failed", "cancelled", "interrupted")
    return {
        "batch": settings["batch"] if settings else None,
        "of": settings["of"] if settings else 0,
        **{state: sum(run.state == state for run in runs) for state in states},
        "profiles": [asdict(run) for run in runs],
    }
