"""One search on several machines: the trials of a profile lie in a database that Optuna reads, and whoever has time runs the next one.

In: any Optuna storage URL. The owner (`inject --storage URL`) puts the examples into the study, runs trials and stores the winner; helpers (`join`)
run trials. Optuna's own heartbeat notices a process that died in a trial and queues that trial again. The weights of a winner that ran
elsewhere are trained again here, from its plan and seed: a database is no place for them.
"""

import json
import socket
import time
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import uniform
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError, SQLAlchemyError

from memory.store import is_encrypted
from memory.store.studies import purge_file
from tuning.bases import LoadedBase, load_base, resolve_at
from tuning.clock import worked
from tuning.errors import SharedStudyFailed
from tuning.examples import Example, load_example
from tuning.recipe import Recipe, load_recipe
from tuning.search import SearchResult, is_better, make_sampler
from tuning.space import suggest_plan
from tuning.trial import Kept, TrialResult, make_task, run_trial

HEARTBEAT_SECONDS = 20  # a process that is silent for three of them is taken for dead
RETRIES = 3
CONNECTS = 12  # tries to make the tables, each of which another process may be first with
PATIENCE_SECONDS = 120.0  # that a helper waits for the owner to put the examples there
_DONE = (TrialState.COMPLETE, TrialState.PRUNED)
_TAKEN = (*_DONE, TrialState.RUNNING)

Hear = Callable[[int, float, float], None]


class _Surplus(Exception):
    """A trial that two processes began for the same last place."""


@dataclass(frozen=True)
class Place:
    """A shared study: its database, its name there (which says nothing of the person), seconds between heartbeats."""

    url: str
    study: str = field(default_factory=lambda: f"keepsake-{uuid.uuid4().hex[:12]}")
    heartbeat: int = HEARTBEAT_SECONDS

    @property
    def shown(self) -> str:
        """The address without a password."""
        head, at, tail = self.url.rpartition("@")
        return f"{head.partition('://')[0]}://...@{tail}" if at else self.url


@dataclass
class Job:
    """What every process of a study needs: the base, the examples, how many trials, until when (seconds since 1970)."""

    base: str
    revision: str
    precision: str
    examples: list[Example]
    trials: int
    epochs: int
    seed: int
    sampler: str
    recipe: Recipe
    first: dict[str, Any]
    until: float

    def row(self) -> dict[str, Any]:
        """As the study keeps it."""
        return {**asdict(self), "examples": [example.row() for example in self.examples], "recipe": self.recipe.row()}


def load_job(row: dict[str, Any]) -> Job:
    """The job that a study keeps."""
    return Job(**{**row, "examples": [load_example(example) for example in row["examples"]], "recipe": load_recipe(row["recipe"])})


def search_shared(place: Place, job: Job, loaded: LoadedBase, on_trial: Callable[[TrialResult], None], on_progress: Hear) -> SearchResult:
    """The owner's part: open the study, run trials beside its helpers until there are enough, return the winner with its weights."""
    with _explained(place):
        study = _open(place, job.sampler, job.seed, create=True)
        if "job" not in study.user_attrs:
            study.set_user_attr("job", json.dumps(job.row()))
            study.enqueue_trial(job.first)
        elif load_job(json.loads(study.user_attrs["job"])).examples != job.examples:
            raise SharedStudyFailed(f"The study {place.study} was begun with other examples: choose another name with --study.")
        kept = run_share(study, job, loaded, place, on_progress)
        trials = [_result(trial) for trial in study.get_trials(deepcopy=False) if trial.state in _DONE]
        study.set_user_attr("job", "")  # what was made from the person's messages does not stay in the database
        _purge(place)
    for trial in trials:
        on_trial(trial)
    return _winner(trials, kept, job, loaded, on_progress)


def join(
    place: Place,
    precision: str = "auto",
    say: Callable[[str], None] = lambda text: None,
    on_progress: Hear = lambda number, share, loss: None,
) -> dict[str, Any]:
    """A helper's part: wait for the examples, run trials until there are enough; returns what this process did."""
    started, limit = time.monotonic(), time.monotonic() + PATIENCE_SECONDS
    with _explained(place):
        while True:
            try:
                study = _open(place, "gp", 0, create=False)
                attributes = study.user_attrs
            except KeyError:
                attributes = {}
            if attributes.get("job") == "":
                return {"study": place.study, "trials": 0, "seconds": 0.0, "of": None, "said": "The study has ended."}
            if "job" in attributes:
                break
            if time.monotonic() > limit:
                raise SharedStudyFailed(
                    f"No study {place.study} is at {place.shown}: start it with python -m tuning inject --storage URL --study NAME."
                )
            time.sleep(1.0)
        job = load_job(json.loads(attributes["job"]))
        loaded = load_base(resolve_at(job.base, job.revision), precision if precision != "auto" else job.precision)
        if loaded.base.revision != job.revision:
            raise SharedStudyFailed(
                f"The study wants {job.base} in revision {job.revision}, here is {loaded.base.revision}: install the same version."
            )
        study = _open(place, job.sampler, job.seed + 1 + uuid.uuid4().int % 10_000, create=False)
        say(f"Joined {place.study}: {len(job.examples)} examples, {job.trials} trials in all.")
        done: list[int] = []
        run_share(study, job, loaded, place, on_progress, done)
    return {"study": place.study, "trials": len(done), "numbers": done, "of": job.trials, "seconds": round(time.monotonic() - started, 1)}


def run_share(
    study: optuna.Study, job: Job, loaded: LoadedBase, place: Place, on_progress: Hear, done: list[int] | None = None
) -> dict[int, Kept]:
    """Run trials while the study wants more; returns the weights that this process kept, by trial number."""
    task = make_task(loaded, job.examples, job.recipe, ())
    kept: dict[int, Kept] = {}
    best: list[TrialResult] = []
    left = job.until - time.time()
    deadline = worked() + left

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        if _places_before(study, trial.number) >= job.trials:
            raise _Surplus
        plan = suggest_plan(trial, loaded, job.epochs)
        outcome, weights = run_trial(
            task, trial.number, plan, job.seed + trial.number, deadline, None,
            lambda values, size: is_better(values["quality"], size, best[-1] if best else None), on_progress,
        )  # fmt: skip
        trial.set_user_attr("result", json.dumps(asdict(outcome)))
        trial.set_user_attr("node", socket.gethostname())
        if done is not None:
            done.append(trial.number)
        if weights is not None:
            best.append(outcome)
            kept.clear()
            kept[trial.number] = weights
        if outcome.state != "complete":
            raise optuna.TrialPruned
        return outcome.values["quality"], float(outcome.parameters)

    while time.time() < job.until or not _count(study, _DONE):
        if _count(study, _DONE) >= job.trials or study.user_attrs.get("job") == "":
            break
        if _count(study, _TAKEN) >= job.trials:
            # All places are taken; one may become free again if its process has died.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                optuna.storages.fail_stale_trials(study)
            time.sleep(min(1.0, place.heartbeat / 2))
            continue
        study.optimize(objective, n_trials=1, catch=(_Surplus,))
    return kept


def _winner(trials: Sequence[TrialResult], kept: dict[int, Kept], job: Job, loaded: LoadedBase, on_progress: Hear) -> SearchResult:
    """The best trial of all processes, with its weights: those that are here, or trained again."""
    result = SearchResult(list(trials), sampler=job.sampler, prior="shared study")
    for trial in trials:
        if trial.state == "complete" and is_better(trial.values["quality"], trial.parameters, result.best):
            result.best = trial
    if result.best is None:
        raise SharedStudyFailed("No trial of the shared study came to its end in time: give it more --minutes.")
    weights = kept.get(result.best.number)
    if weights is None:
        task = make_task(loaded, job.examples, job.recipe, ())
        number, plan = result.best.number, _plan(result.best, job.epochs)
        again, weights = run_trial(task, number, plan, job.seed + number, float("inf"), None, None, on_progress)
        result.best = again
    assert weights is not None  # kept without a condition, and a trial without a deadline is complete
    result.weights, result.peft_config, result.proof = weights.weights, weights.peft_config, weights.proof
    return result


def _plan(trial: TrialResult, epochs: int) -> Any:
    from tuning.adapters import LoraPlan

    plan = trial.plan
    return LoraPlan(tuple(plan["layer_sets"]), plan["rank"], plan["learning_rate"], plan["alpha"], epochs, plan["targets"])


def _result(trial: FrozenTrial) -> TrialResult:
    return TrialResult(**(json.loads(trial.user_attrs["result"]) | {"number": trial.number}))


def _places_before(study: optuna.Study, number: int) -> int:
    """How many trials with a lower number hold a place; numbers are given by the database, so exactly as many begin as are wanted."""
    return sum(trial.number < number and trial.state in _TAKEN for trial in study.get_trials(deepcopy=False))


def _count(study: optuna.Study, states: Sequence[TrialState]) -> int:
    return sum(trial.state in states for trial in study.get_trials(deepcopy=False))


def _open(place: Place, sampler: str, seed: int, create: bool) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # heartbeats are called experimental
        storage = _connect(place)
        made = make_sampler(sampler, seed)
        if create:
            return optuna.create_study(
                storage=storage, study_name=place.study, sampler=made, directions=["maximize", "minimize"], load_if_exists=True
            )
        return optuna.load_study(storage=storage, study_name=place.study, sampler=made)


def _connect(place: Place) -> optuna.storages.RDBStorage:
    """The database with Optuna's tables. Several processes may make them at once, and only one of them can: the others look again."""
    for _ in range(CONNECTS):
        try:
            return _rdb_storage(place)
        except (IntegrityError, ProgrammingError, OperationalError) as error:
            if not isinstance(error, IntegrityError) and "already exists" not in str(error):
                raise
            time.sleep(uniform(0.1, 0.5))
    return _rdb_storage(place)


def _rdb_storage(place: Place) -> optuna.storages.RDBStorage:
    return optuna.storages.RDBStorage(
        place.url,
        heartbeat_interval=place.heartbeat,
        grace_period=3 * place.heartbeat,
        heartbeat_stale_trial_callback=optuna.storages.RetryFailedTrialCallback(RETRIES),
    )


def check_readable(home: Path) -> None:
    """Raises SharedStudyFailed for an encrypted store: while the study runs, its database would hold the examples in plain text."""
    if is_encrypted(home):
        raise SharedStudyFailed(
            "The store is encrypted, and a shared study writes its examples readable into its database: search without --storage, "
            "or decrypt the store first (python -m memory decrypt)."
        )


def _purge(place: Place) -> None:
    """A SQLite file keeps what was overwritten in its free pages until it is written anew; servers do that by themselves."""
    url = make_url(place.url)
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        purge_file(url.database)


@contextmanager
def _explained(place: Place) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, ImportError, OSError, optuna.exceptions.StorageInternalError) as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())[:200]
        raise SharedStudyFailed(
            f"The database of the shared study cannot be used ({place.shown}: {reason}). Is it running? For PostgreSQL write "
            "postgresql+pg8000://USER:PASSWORD@HOST/DATABASE and pip install -r requirements-scale.txt."
        ) from error
