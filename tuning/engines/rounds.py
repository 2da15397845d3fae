"""Trials of one study side by side: rounds of so many plans, each round run at once wherever there is room, then told together.

In: a work, how many trials a round has, and a function that runs a round. Out: the same as `search.search`. The plans of a round depend on the
rounds before it and the seed alone, so the local engine finds the very same winner for the same width, only later.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean

from tuning.adapters import LoraPlan
from tuning.bases import LoadedBase
from tuning.clock import worked
from tuning.engines.work import Work, loaded_base
from tuning.inject import SEARCH_SHARE
from tuning.priors import Prior
from tuning.recipe import Recipe
from tuning.search import RUNGS_FROM, SearchResult, first_rung_pruner, is_better, next_plan
from tuning.space import default_plan, first_parameters
from tuning.trial import Kept, Task, TrialResult, make_task, run_trial


@dataclass(frozen=True)
class Turn:
    """One trial of a round, as a worker gets it; `earlier` are the trials that it may be pruned by."""

    number: int
    plan: LoraPlan
    suggested: dict[str, object]
    earlier: tuple[TrialResult, ...]


Played = tuple[TrialResult, Kept | None]
PlayRound = Callable[[Sequence[Turn]], list[Played]]


def search_in_rounds(loaded: LoadedBase, work: Work, width: int, play: PlayRound) -> SearchResult:
    """Search with rounds of `width` trials until there are enough or the time is over; raises what `play` raises."""
    prior: Prior = work.options.get("prior") or Prior(first_parameters(default_plan(loaded, work.epochs)))
    sampler = str(work.options.get("sampler", "gp"))
    result = SearchResult(sampler=sampler, prior=prior.source)
    deadline = worked() + 60 * SEARCH_SHARE * work.minutes
    rounds: list[float] = []
    while len(result.trials) < work.trials:
        if rounds and worked() + mean(rounds) > deadline:
            break
        begun = worked()
        turns = plan_round(loaded, work, prior, sampler, result.trials, min(width, work.trials - len(result.trials)))
        for turn, (outcome, kept) in zip(turns, play(turns)):
            outcome.values["suggested"] = turn.suggested
            result.trials.append(outcome)
            if kept is not None and is_better(outcome.values["quality"], outcome.parameters, result.best):
                result.best, result.weights, result.peft_config, result.proof = outcome, kept.weights, kept.peft_config, kept.proof
        rounds.append(worked() - begun)
    return result


def plan_round(loaded: LoadedBase, work: Work, prior: Prior, sampler: str, done: Sequence[TrialResult], count: int) -> list[Turn]:
    """The plans of a round. A plan that is proposed but not yet run counts as an average trial, so that the next one lies elsewhere."""
    complete = [trial for trial in done if trial.state == "complete"]
    quality = mean([trial.values["quality"] for trial in complete]) if complete else 0.0
    size = round(mean([trial.parameters for trial in complete])) if complete else 0
    believed, turns = list(done), []
    for _ in range(count):
        plan, suggested = next_plan(loaded, prior, believed, work.epochs, work.seed, sampler)
        turns.append(Turn(len(believed), plan, suggested, tuple(done)))
        believed.append(TrialResult(len(believed), {}, {"quality": quality, "suggested": suggested}, "complete", 0.0, size))
    return turns


def play_turn(work: Work, turn: Turn, loaded: LoadedBase | None = None, task: Task | None = None) -> Played:
    """Run one trial of a round, here or on a node."""
    loaded = loaded or loaded_base(work.base_id, work.revision, work.precision)
    task = task or task_of(work, loaded)
    prune = first_rung_pruner(turn.earlier) if work.trials >= RUNGS_FROM else None
    deadline = worked() + 60 * SEARCH_SHARE * work.minutes
    return run_trial(task, turn.number, turn.plan, work.seed + turn.number, deadline, prune)


def task_of(work: Work, loaded: LoadedBase) -> Task:
    """The examples of a work, encoded."""
    return make_task(loaded, work.examples, work.options.get("recipe") or Recipe(), work.options.get("facts") or ())
