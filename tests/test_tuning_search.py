"""The Optuna study on a tiny real base: trial 0 is the default, later ones come from the space, the best is kept, the base is untouched."""

from dataclasses import replace

import pytest
import torch

from tuning.adapters import LAYER_SETS, LoraPlan
from tuning.clock import worked
from tuning.errors import Cancelled
from tuning.examples import Example
from tuning.priors import Observation, Prior, best_parameters, load_prior, observations_of, read_prior, write_prior
from tuning.prompts import NEVER_TOLD
from tuning.search import EQUAL, RANKS, SearchResult, TrialResult, default_plan, first_parameters, is_better, next_plan, search
from tuning.space import fits, plan_of

WORDS = ("cat", "dog", "car", "boat", "sister", "garden")


def examples() -> list[Example]:
    rows = []
    for number, word in enumerate(WORDS):
        rows += [
            Example(f"What is my {word} {form}?", f"Your {word} is called Nim{number}.", "recall", "train", number)
            for form in ("called", "named")
        ]
        rows += [Example(f"Name of my {word}?", f"Your {word} is called Nim{number}.", "recall", "validation", number)]
        rows += [Example(f"How old is my {word}?", NEVER_TOLD, "unknown", "validation" if number % 2 else "train")]
    return rows


def test_a_study_keeps_the_best_trial_and_leaves_the_base_as_it_was(tiny):
    ids = torch.tensor([[3, 50, 60, 70]])
    with torch.no_grad():
        before = tiny.model(input_ids=ids).logits
    heard = []
    result = search(tiny, examples(), 4, 2, worked() + 9999, seed=1, on_trial=heard.append)
    assert [trial.number for trial in result.trials] == [0, 1, 2, 3] == [trial.number for trial in heard]
    first = result.trials[0].plan
    default = default_plan(tiny, 2)
    assert (first["lora_count"], first["rank"], first["layer_sets"]) == (default.lora_count, default.rank, list(default.layer_sets))
    for trial in result.trials:
        assert trial.state in ("complete", "pruned") and trial.parameters > 0
        assert trial.plan["rank"] in RANKS and set(trial.plan["layer_sets"]) <= set(LAYER_SETS)
        assert len(trial.plan["layers"]) == trial.plan["lora_count"] <= 3
    complete = [trial for trial in result.trials if trial.state == "complete"]
    assert result.best.values["quality"] >= max(trial.values["quality"] for trial in complete) - EQUAL
    assert result.front and result.front[0] in [trial.number for trial in complete]
    assert result.weights and result.proof["max_logit_change"] > 0
    assert all(config["base_model_name_or_path"] == tiny.base.id for config in result.peft_config["adapters"].values())
    with torch.no_grad():
        assert torch.equal(tiny.model(input_ids=ids).logits, before)


def test_no_second_trial_is_begun_without_time_for_it(tiny):
    result = search(tiny, examples(), 5, 2, worked(), seed=0)
    assert len(result.trials) == 1 and result.best is not None  # trial 0 always leaves an adapter


def test_a_cancelled_search_takes_its_adapter_off(tiny):
    def cancel(number: int, share: float, loss: float) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        search(tiny, examples(), 2, 1, worked() + 60, seed=0, on_progress=cancel)
    assert not any("lora" in name for name, _ in tiny.model.named_parameters())


def test_a_plan_of_several_loras_becomes_parameters_of_the_space():
    parameters = first_parameters(replace(LoraPlan(), layer_sets=("early", "late")))
    assert parameters["lora_count"] == 2 and [parameters[f"layers_{index}"] for index in range(3)] == ["early", "late", "late"]


def told(trials: list[TrialResult]) -> list[tuple]:
    return [(trial.number, trial.plan, trial.values.get("quality"), trial.state) for trial in trials]


@pytest.mark.parametrize("sampler", ["gp", "tpe"])
def test_a_search_that_was_killed_goes_on_as_if_it_had_not_been(tiny, sampler):
    whole = search(tiny, examples(), 4, 2, worked() + 9999, seed=3, sampler=sampler, rungs=False)
    begun = search(tiny, examples(), 2, 2, worked() + 9999, seed=3, sampler=sampler, rungs=False)
    resumed = search(tiny, examples(), 4, 2, worked() + 9999, seed=3, sampler=sampler, rungs=False, resumed=begun)
    assert told(resumed.trials) == told(whole.trials)
    assert resumed.best.number == whole.best.number and resumed.weights == whole.weights


def test_a_trial_behind_on_a_part_of_the_facts_is_stopped_there(tiny):
    from tuning.adapters import LoraPlan
    from tuning.recipe import Recipe
    from tuning.trial import make_task, run_trial

    task = make_task(tiny, examples(), Recipe(), [])
    stopped, kept = run_trial(task, 3, LoraPlan(epochs=3), 0, worked() + 60, prune=lambda score: True)
    assert stopped.state == "pruned" and kept is None and "recall" not in stopped.values and "first_rung" in stopped.values
    ended, kept = run_trial(task, 3, LoraPlan(epochs=3), 0, worked() + 60, prune=lambda score: False)
    assert ended.state == "complete" and kept is not None and {"quality", "forgetting"} <= set(ended.values)
    assert not any("lora" in name for name, _ in tiny.model.named_parameters())


def trial(number: int, quality: float, parameters: int = 100, **suggested) -> TrialResult:
    return TrialResult(number, {}, {"quality": quality, "suggested": suggested}, "complete", 1.0, parameters)


def test_about_equal_quality_goes_to_the_smaller_adapter():
    best = trial(0, 0.5, 100)
    assert is_better(0.6, 900, best) and is_better(0.5, 50, best) and is_better(0.498, 50, best)
    assert not is_better(0.5, 200, best) and not is_better(0.45, 50, best)
    assert SearchResult([trial(0, 0.5, 100), trial(1, 0.6, 200), trial(2, 0.4, 300)]).front == [1, 0]


def test_priors_come_from_earlier_profiles_as_gains_and_can_be_shipped(tiny, tmp_path):
    first = first_parameters(default_plan(tiny, 2))
    other = {**first, "rank": 8}
    runs = [[trial(0, 0.2, **first), trial(1, 0.5, **other)], [trial(0, 0.6, **first), trial(1, 0.7, **other)], [trial(0, 0.1, **first)]]
    seen = observations_of(runs)
    assert [round(row.gain, 2) for row in seen] == [0.0, 0.3, 0.0, 0.1] and best_parameters(seen) == other
    path = tmp_path / "base.json"
    write_prior(path, Prior(other, seen), "a test")
    again = read_prior(path)
    assert again.first == other and again.observations == seen and "a test" in again.source
    assert fits(other, tiny) and not fits({**other, "rank": 7}, tiny) and plan_of(other, 4).rank == 8
    assert load_prior(None, tiny).first == first


def test_observations_of_earlier_profiles_move_what_is_tried_next(tiny):
    first = first_parameters(default_plan(tiny, 2))
    good = [
        Observation({**first, "rank": 4, "lora_count": 2}, 0.4, 50),
        *(Observation({**first, "rank": rank}, -0.3, 500) for rank in (16, 32)),
    ]
    done = [trial(0, 0.3, 200, **first)]
    plain, _ = next_plan(tiny, Prior(first), done, 2, 0, "gp")
    taught, _ = next_plan(tiny, Prior(first, good), done, 2, 0, "gp")
    assert plain != taught
    zeroth, _ = next_plan(tiny, Prior({**first, "rank": 4}), [], 2, 0, "gp")
    assert zeroth.rank == 4
