"""Many profiles at once: each is prepared here, searched by an engine wherever that runs it, and stored here.

In: names of profiles and a budget. Out: an adapter each, and what became of every one. The driver alone writes the store; a second call goes on
where the first stopped, since a profile whose adapter is up to date is passed over. `python -m tuning progress` and the page read the
state of a batch from the store.
"""

import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from memory.errors import KeepsakeError, LeaseLost, UnknownRun
from memory.store import (
    Profile,
    beat,
    cancel_requested,
    find_profile,
    finish_run,
    list_profiles,
    load_profile,
    save_trial,
    start_run,
)
from memory.store.batches import end_batch, note_begun, note_ended, start_batch
from memory.store.checkpoints import drop_checkpoints
from tuning.accelerator import Turn, accelerator
from tuning.bases import Base, LoadedBase, load_base, resolve_base
from tuning.engines import Done, Engine, Work
from tuning.errors import BadProfileList, Cancelled
from tuning.inject import BUDGETS, Prepared, Reporter, choose_retrieval, keep, prepare
from tuning.priors import Prior, load_prior
from tuning.pulse import Pulse
from tuning.recipe import Recipe, load_recipe
from tuning.resume import find_resumable, up_to_date
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
    turn: Turn | None = None
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
        "revision": loaded.base.revision, "seed": seed, "mode": "full",
        "recipe": (recipe or chosen.recipe.within((minutes or chosen.minutes) / chosen.minutes)).row(), "sampler": sampler,
        "batch": uuid.uuid4().hex, "of": len(names),
    }  # fmt: skip
    profile_ids = [load_profile(db, name).id for name in names]
    engine = open_engine(lambda key, share, detail: _hear(batch, key, share, detail))
    engine.use(loaded)
    settings["side_by_side"] = side_by_side or _width(db, names, engine, loaded.base, settings)
    # One prior for the whole batch: what its own profiles teach would make the winners depend on who was first.
    batch = Batch(db, loaded, engine, settings, say, prepare_profile or prepare_here, load_prior(db, loaded), Pulse(db))
    start_batch(db, settings["batch"], engine.name, profile_ids)
    ended = "interrupted"
    try:
        with batch.pulse:
            _run(batch, deque(names), {"epochs": chosen.epochs, "rounds": chosen.rounds})
        ended = "done"
    except KeyboardInterrupt:
        ended = "cancelled"
        raise
    finally:
        for key in list(batch.running):
            _end_run(batch, key, ended, "The call for many profiles was ended: start it again, and it goes on.")
        end_batch(db, settings["batch"], ended)
        batch.engine.close()
    counts = {state: sum(row["state"] == state for row in batch.ended) for state in ("done", "failed", "skipped")}
    return {
        "engine": batch.engine.name, "ok": not counts["failed"], **counts, "of": len(names), "seconds": round(time.monotonic() - started, 1), "batch": settings["batch"],
        "base": loaded.base.id, "revision": loaded.base.revision, "profiles": sorted(batch.ended, key=lambda row: names.index(row["profile"])),
    }  # fmt: skip


def _width(db: Database, names: Sequence[str], engine: Engine, base: Base, settings: dict[str, Any]) -> int:
    """How many trials of a profile run at once: what the cluster has room for beside the other profiles that are still to be done."""
    if engine.name != "ray" or engine.slots <= 1:
        return 1
    todo = sum(up_to_date(db, load_profile(db, name), base, settings) is None for name in names)
    return max(1, min(settings["trials"], engine.slots // max(1, todo)))


def _run(batch: Batch, waiting: deque[str], more: dict[str, Any]) -> None:
    """Back-pressure: no more is prepared than the engine can take up soon; in between, what has ended is stored."""
    # Here one profile after the other, so that others in the queue for the accelerator are not kept out by all of them.
    while waiting and batch.engine.name == "local":
        name = waiting.popleft()
        told: list[str] = []
        with accelerator(partial(_tell_waiting, batch, name, told)) as batch.turn:
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
            note_ended(batch.db, batch.settings["batch"], profile.id, "skipped")
            batch.end(name, "skipped", adapter=adapter)
            return
        resumes = find_resumable(batch.db, profile.id, batch.settings)
        run_id = start_run(batch.db, profile.id, "inject", batch.settings | ({"resumes": resumes} if resumes else {}))
        note_begun(batch.db, batch.settings["batch"], profile.id, run_id)
        reporter = Reporter(batch.db, run_id, name, batch.turn)
        batch.pulse.add(run_id, reporter.watch, judged=batch.engine.name == "local")  # elsewhere silence tells nothing of the work
        beat(batch.db, run_id, state="running", stage="load", progress=0.0)
        prepared, plan = batch.prepare(batch.db, profile, reporter, batch.loaded, batch.settings | more | {"resumes": resumes})
        reporter.tell("search", 0.3, f"waiting for a place ({batch.engine.name})", force=True)
        work = make_work(batch, run_id, prepared, more["epochs"])
        batch.running[run_id] = Pending(profile, prepared, plan, reporter, started)
        batch.engine.submit(work)
        batch.tell("begun", name)
    except Exception as error:  # noqa: BLE001 - one profile's bug must not end the others
        _fail(batch, name, run_id, error)


def _fail(batch: Batch, name: str, run_id: int | None, error: Exception) -> None:
    """A profile without an adapter: the reason goes to its run, or to the batch where there is none, and the others go on."""
    said = str(error) if isinstance(error, KeepsakeError) else f"Something unexpected went wrong ({type(error).__name__}: {error})."
    if run_id is None:
        if profile := find_profile(batch.db, name):
            note_ended(batch.db, batch.settings["batch"], profile.id, "failed", said)
    else:
        batch.running.pop(run_id, None)
        _end_run(batch, run_id, "cancelled" if isinstance(error, Cancelled) else "failed", said)
    batch.end(name, "failed", error=said)


def _end_run(batch: Batch, run_id: int, state: str, error: str | None) -> None:
    """End a run that leaves no adapter; what it kept serves the next call only if it was interrupted."""
    batch.pulse.drop(run_id)
    try:
        finish_run(batch.db, run_id, state, error=error)
        if state != "interrupted":
            drop_checkpoints(batch.db, run_id)
    except (LeaseLost, UnknownRun):
        return  # it is another's now, or went with its profile


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
    """The only place where what a worker found is written; what cannot be (forgotten meanwhile, a full disk) is told, and the others go on."""
    name, run_id = pending.profile.name, done.key
    if done.found is None or done.found.best is None:
        _end_run(batch, run_id, "cancelled" if done.cancelled else "failed", done.error)
        batch.end(name, "failed", error=done.error, node=done.node)
        return
    try:
        for trial in done.found.trials:
            save_trial(batch.db, run_id, trial.number, trial.plan, trial.values, trial.state, trial.seconds, trial.parameters)
        kept = keep(batch.db, pending.profile, run_id, pending.prepared, done.found, pending.plan, batch.loaded.base, done.precision)
        seconds = round(time.monotonic() - pending.started, 1)
        finish_run(batch.db, run_id, "done", result=kept | {"seconds": seconds, "peak_memory_mb": done.peak_memory_mb, "node": done.node})
        drop_checkpoints(batch.db, run_id)
    except Exception as error:  # noqa: BLE001 - as in _begin
        _fail(batch, name, run_id, error)
        return
    batch.end(
        name, "done", adapter=kept["adapter"], best=kept["best"], facts=kept["facts"], bytes=kept["bytes"], seconds=seconds,
        search_seconds=done.seconds, peak_memory_mb=done.peak_memory_mb, node=done.node, run=run_id,
    )  # fmt: skip


def _hear(batch: Batch, key: int, share: float, detail: str) -> bool:
    """Pass a worker's progress on to the run; False once the person cancelled it, or the run is not ours any more."""
    pending = batch.running.get(key)
    try:
        if pending is None or cancel_requested(batch.db, key):
            return False
        pending.reporter.watch.move()
        if batch.engine.name == "local":  # elsewhere all profiles would stand still with one
            pending.reporter.listen()
        if detail:
            beat(batch.db, key, stage="search", progress=round(0.3 + 0.6 * share, 4), detail=detail)
    except (LeaseLost, UnknownRun):  # its profile was deleted, or another took it over: that ends this search and no other
        return False
    return True
