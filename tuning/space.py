"""The search space: how many LoRAs, in which layers each, of which rank, at which learning rate and scale.

In: an Optuna trial or a plan. Out: the other. The ranges stand here because the paper does not publish its own.
"""

from typing import Any

import optuna

from tuning.adapters import LAYER_SETS, LoraPlan
from tuning.bases import LoadedBase

RANKS = (4, 8, 16, 32)
MOST_LORAS = 3
SCALES = (1.0, 2.0, 4.0)  # alpha / rank
RATES = (1 / 5, 3 / 2)  # of the learning rate known to be good: twice as much and a training often diverges


def default_plan(loaded: LoadedBase, epochs: int) -> LoraPlan:
    """What is best where nothing was ever searched. Pocket's was measured (docs/injection.md); for other bases the values of PRAG
    (arXiv 2501.15915) and QLoRA's usual rate."""
    if loaded.base.id == "pocket":
        return LoraPlan(("all",), 16, 4e-3, 32, epochs)
    return LoraPlan(("all",), 8, 3e-4, 16, epochs)


def suggest_plan(trial: optuna.Trial, loaded: LoadedBase, epochs: int) -> LoraPlan:
    """A plan from the space: number of LoRAs, a layer set for each, a common rank, learning rate on a log scale, scale."""
    centre = default_plan(loaded, epochs).learning_rate
    count = trial.suggest_int("lora_count", 1, MOST_LORAS)
    layer_sets = tuple(str(trial.suggest_categorical(f"layers_{index}", LAYER_SETS)) for index in range(MOST_LORAS))[:count]
    rank = int(trial.suggest_categorical("rank", RANKS))
    rate = trial.suggest_float("learning_rate", centre * RATES[0], centre * RATES[1], log=True)
    scale = float(trial.suggest_categorical("scale", SCALES))
    return LoraPlan(layer_sets, rank, rate, round(scale * rank), epochs)


def distributions(loaded: LoadedBase) -> dict[str, optuna.distributions.BaseDistribution]:
    """The space as Optuna's distributions, to put earlier trials into a study."""
    centre = default_plan(loaded, 1).learning_rate
    layers = {f"layers_{index}": optuna.distributions.CategoricalDistribution(LAYER_SETS) for index in range(MOST_LORAS)}
    return {
        "lora_count": optuna.distributions.IntDistribution(1, MOST_LORAS),
        **layers,
        "rank": optuna.distributions.CategoricalDistribution(RANKS),
        "learning_rate": optuna.distributions.FloatDistribution(centre * RATES[0], centre * RATES[1], log=True),
        "scale": optuna.distributions.CategoricalDistribution(SCALES),
    }


def first_parameters(plan: LoraPlan) -> dict[str, Any]:
    """The search-space parameters of a plan, to enqueue it."""
    layers = {f"layers_{index}": plan.layer_sets[min(index, plan.lora_count - 1)] for index in range(MOST_LORAS)}
    scale = min(SCALES, key=lambda scale: abs(scale - plan.alpha / plan.rank))
    return {"lora_count": plan.lora_count, "rank": plan.rank, "learning_rate": plan.learning_rate, "scale": scale} | layers


def plan_of(parameters: dict[str, Any], epochs: int) -> LoraPlan:
    """The plan that search-space parameters stand for."""
    count, rank = int(parameters["lora_count"]), int(parameters["rank"])
    layer_sets = tuple(str(parameters[f"layers_{index}"]) for index in range(count))
    return LoraPlan(layer_sets, rank, float(parameters["learning_rate"]), round(float(parameters["scale"]) * rank), epochs)


def fits(parameters: dict[str, Any], loaded: LoadedBase) -> bool:
    """Whether parameters of an earlier search lie in today's space for this base."""
    space = distributions(loaded)
    if set(parameters) != set(space):
        return False
    try:
        return all(space[name]._contains(space[name].to_internal_repr(value)) for name, value in parameters.items())
    except ValueError:
        return False
