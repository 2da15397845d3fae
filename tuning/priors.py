"""Priors: what earlier searches on a base have taught, so that a person needs few trials or none.

In: the prior file that ships with the package (`priors/<base>.json`), and the store's earlier runs. Out: the plan of trial 0 and
observations for the sampler, each as its gain over trial 0 of its own profile, since profiles differ in how hard they are.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from memory.store.runs import Trial, earlier_trials
from tuning.bases import LoadedBase
from tuning.space import default_plan, first_parameters, fits

PRIORS = Path(__file__).parent / "priors"
MOST = 24  # observations a study begins with: more would drown the person's own
ENOUGH_PROFILES = 3  # earlier profiles from which their best plan is trusted over the shipped one


@dataclass(frozen=True)
class Observation:
    """One earlier trial: its parameters, its quality less that of trial 0 of the same run, its cost in trainable parameters."""

    parameters: dict[str, Any]
    gain: float
    cost: int


@dataclass
class Prior:
    """What a study begins with; `source` says in words where it comes from."""

    first: dict[str, Any]
    observations: list[Observation] = field(default_factory=list)
    source: str = "the default of this base"

    def row(self) -> dict[str, Any]:
        """As a file or a checkpoint keeps it."""
        rows = [{"parameters": seen.parameters, "gain": seen.gain, "cost": seen.cost} for seen in self.observations]
        return {"first": self.first, "observations": rows, "about": self.source}


def prior_of(row: dict[str, Any]) -> Prior:
    """The prior that a row holds."""
    return Prior(
        row["first"], [Observation(seen["parameters"], seen["gain"], seen["cost"]) for seen in row["observations"]], str(row["about"])
    )


def load_prior(db: Database | None, loaded: LoadedBase) -> Prior:
    """The prior of a base: the store's earlier profiles where there are enough, else the shipped file, else the default plan."""
    prior = Prior(first_parameters(default_plan(loaded, 1)))
    shipped = read_prior(PRIORS / f"{loaded.base.id}.json") if loaded.base.id.isidentifier() else None
    if shipped and fits(shipped.first, loaded):
        prior = shipped
    runs = earlier_trials(db, loaded.base.id) if db is not None else {}
    own = observations_of(runs.values())
    if len(runs) >= ENOUGH_PROFILES and (best := best_parameters(own)) and fits(best, loaded):
        prior = Prior(best, prior.observations, f"{len(runs)} earlier injections on this machine")
    usable = [seen for seen in [*own, *prior.observations] if fits(seen.parameters, loaded)]
    return Prior(prior.first, usable[:MOST], prior.source)


def observations_of(runs: Sequence[Sequence[Trial]] | Any) -> list[Observation]:
    """The completed trials of runs as gains over trial 0 of their run; runs of one trial teach nothing."""
    found = []
    for trials in runs:
        done = [trial for trial in trials if trial.state == "complete" and "quality" in trial.values and "suggested" in trial.values]
        start = next((trial for trial in done if trial.number == 0), None)
        if start is not None and len(done) > 1:
            found += [
                Observation(trial.values["suggested"], round(trial.values["quality"] - start.values["quality"], 4), trial.parameters or 0)
                for trial in done
            ]
    return found


def best_parameters(observations: Sequence[Observation]) -> dict[str, Any] | None:
    """The parameters with the best mean gain; those seen once are pulled halfway to 0, since one lucky profile proves little."""
    gains: dict[str, list[float]] = {}
    for seen in observations:
        gains.setdefault(json.dumps(seen.parameters, sort_keys=True), []).append(seen.gain)
    if not gains:
        return None
    best = max(gains, key=lambda key: sum(gains[key]) / (len(gains[key]) + 1))
    return json.loads(best) if sum(gains[best]) > 0 or len(gains[best]) > 1 else None


def read_prior(path: Path) -> Prior | None:
    """A shipped prior file, or None where there is none."""
    if not path.is_file():
        return None
    prior = prior_of(json.loads(path.read_text()))
    return Prior(prior.first, prior.observations, f"{path.name} ({prior.source})")


def write_prior(path: Path, prior: Prior, about: str) -> None:
    """Write a prior file that `read_prior` reads; `about` says how it was made."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(prior.row() | {"about": about}, indent=1) + "\n")
    part.replace(path)
