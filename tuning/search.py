"""The Optuna study that chooses how many LoRAs, in which layers, of which rank, at which learning rate.

In: a loaded base and examples in splits. Out: the best adapter's bytes and every trial. Trial 0 is the best configuration known for this
base (`priors.py`); later ones come from a Gaussian process or TPE with two objectives: quality, and cost in trainable parameters.
A trial begins on a part of the facts and ends there if it is behind (`trial.py`). Killed, a search goes on exactly where it stopped:
its state is the list of trials, and the sampler of trial n depends on that list and the seed alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import optuna
from optuna.trial import TrialState

from memory.store import Fact
from tuning.adapters import LoraPlan
from tuning.bases import LoadedBase
from tuning.clock import worked
from tuning.examples import Example
from tuning.half import Keeper
from tuning.priors import Prior
from tuning.recipe import Recipe
from tuning.space import MOST_LORAS, RANKS, default_plan, distributions, first_parameters, suggest_plan
from tuning.trial import Kept, OnProgress, Task, TrialResult, make_task, run_trial, score_answers

SAMPLERS = ("gp", "tpe", "random")
EQUAL = 0.005  # qualities nearer than this count as equal: the smaller adapter wins
RUNGS_FROM = 3  # trials from which beginning on a part of the facts pays

OnTrial = Callable[[TrialResult], None]


@dataclass
class SearchResult:
    """The study's outcome: the winner's weights and proof, all trials, and those that no other beats in quality and cost at once."""

    trials: list[TrialResult] = field(default_factory=list)
    best: TrialResult | None = None
    weights: bytes = b""
    peft_config: dict[str, Any] = field(default_factory=dict)
    proof: dict[str, float] = field(default_factory=dict)
    sampler: str = "gp"
    prior: str = ""

    @property
    def front(self) -> list[int]:
        """Numbers of the complete trials on the Pareto front of quality and trainable parameters, best quality first."""
        done = [trial for trial in self.trials if trial.state == "complete"]
        beaten = {
            trial.number
            for trial in done
            for other in done
            if other.values["quality"] >= trial.values["quality"]
            and other.parameters <= trial.parameters
            and (other.values["quality"], -other.parameters) > (trial.values["quality"], -trial.parameters)
        }
        kept = [trial for trial in done if trial.number not in beaten]
        return [trial.number for trial in sorted(kept, key=lambda trial: -trial.values["quality"])]


def search(
    loaded: LoadedBase,
    examples: Sequence[Example],
    trials: int,
    epochs: int,
    deadline: float,
    seed: int,
    on_trial: OnTrial | None = None,
    on_progress: OnProgress | None = None,
    recipe: Recipe | None = None,
    facts: Sequence[Fact] = (),
    prior: Prior | None = None,
    sampler: str = "gp",
    resumed: SearchResult | None = None,
    on_best: Callable[[SearchResult], None] | None = None,
    rungs: bool | None = None,
    keeper: Keeper | None = None,
) -> SearchResult:
    """Run up to `trials` trials until `deadline` (seconds of `clock.worked`); trial 0 always leaves an adapter.

    `resumed` holds the trials of a search that was killed, with the best one's weights: it goes on after them. `on_best` hears of every
    new best, so that its weights can be kept; the `keeper` keeps the trial that runs. Raises what the callbacks raise (a cancelled run), with the base left as it was.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    prior = prior or Prior(first_parameters(default_plan(loaded, epochs)))
    task = make_task(loaded, examples, recipe or Recipe(), facts)
    result = resumed or SearchResult()
    result.sampler, result.prior = sampler, prior.source
    rungs = trials >= RUNGS_FROM if rungs is None else rungs
    while len(result.trials) < trials:
        number = len(result.trials)
        lengths = [trial.seconds for trial in result.trials]
        # A trial that cannot end in time is not begun: half a trial tells nothing.
        if number and worked() + sum(lengths) / len(lengths) > deadline:
            break
        plan, suggested = next_plan(loaded, prior, result.trials, epochs, seed, sampler)
        outcome, kept = run_trial(
            task, number, plan, seed + number, deadline, first_rung_pruner(result.trials) if rungs else None,
            lambda values, parameters: is_better(values["quality"], parameters, result.best), on_progress,
            keeper=keeper,
        )  # fmt: skip
        outcome.values["suggested"] = suggested
        result.trials.append(outcome)
        if kept is not None:
            result.best, result.weights, result.peft_config, result.proof = outcome, kept.weights, kept.peft_config, kept.proof
            if on_best:
                on_best(result)
        if on_trial:
            on_trial(outcome)
    loaded.frozen.clear()
    return result


def next_plan(
    loaded: LoadedBase, prior: Prior, trials: Sequence[TrialResult], epochs: int, seed: int, sampler: str
) -> tuple[LoraPlan, dict[str, Any]]:
    """The plan of the next trial and its search-space parameters; depends on the trials so far, the prior and the seed alone."""
    number = len(trials)
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=make_sampler(sampler, 1000 * seed + number))
    space = distributions(loaded)
    first = next((trial for trial in trials if trial.number == 0 and trial.state == "complete"), None)
    if first is not None and sampler != "random":
        for seen in prior.observations:
            values = [first.values["quality"] + seen.gain, float(seen.cost)]
            study.add_trial(optuna.trial.create_trial(params=seen.parameters, distributions=space, values=values))
    for trial in trials:
        if trial.state == "complete":
            values = [trial.values["quality"], float(trial.parameters)]
            study.add_trial(optuna.trial.create_trial(params=trial.values["suggested"], distributions=space, values=values))
        else:
            study.add_trial(optuna.trial.create_trial(params=trial.values["suggested"], distributions=space, state=TrialState.FAIL))
    if not number:
        study.enqueue_trial(prior.first)
    asked = study.ask()
    return suggest_plan(asked, loaded, epochs), dict(asked.params)


def make_sampler(name: str, seed: int) -> optuna.samplers.BaseSampler:
    """A Gaussian process (the default), TPE, or random search to compare with."""
    if name == "tpe":
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=3, multivariate=True)
    if name == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.GPSampler(seed=seed, n_startup_trials=2, warn_independent_sampling=False)


def first_rung_pruner(trials: Sequence[TrialResult]) -> Callable[[float], bool]:
    """Stops a trial whose first rung lies below the median of the earlier ones; the first three always go on."""
    earlier = [trial.values["first_rung"] for trial in trials if "first_rung" in trial.values]
    return lambda score: len(earlier) >= 3 and score < median(earlier)


def is_better(quality: float, parameters: int, best: TrialResult | None) -> bool:
    """Whether a trial beats the best so far: higher quality, or about the same from a smaller adapter."""
    if best is None:
        return True
    gain = quality - best.values["quality"]
    return gain > EQUAL or (abs(gain) <= EQUAL and parameters < best.parameters)


__all__ = [
    "MOST_LORAS", "RANKS", "SAMPLERS", "Kept", "SearchResult", "Task", "TrialResult", "default_plan", "first_parameters", "is_better", "make_sampler",
    "next_plan", "score_answers", "search", "suggest_plan",
]  # fmt: skip
