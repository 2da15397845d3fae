"""The Optuna study on a tiny real base: trial 0 is the default, later ones come from the space, the best is kept, the base is untouched."""

import time
from dataclasses import replace

import pytest
import torch

from tuning.adapters import LAYER_SETS, LoraPlan
from tuning.errors import Cancelled
from tuning.examples import Example
from tuning.prompts import NEVER_TOLD
from tuning.search import RANKS, default_plan, first_parameters, search

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
    result = search(tiny, examples(), 4, 2, time.monotonic() + 120, seed=1, on_trial=heard.append)
    assert [trial.number for trial in result.trials] == [0, 1, 2, 3] == [trial.number for trial in heard]
    first = result.trials[0].plan
    default = default_plan(tiny, 2)
    assert (first["lora_count"], first["rank"], first["layer_sets"]) == (default.lora_count, default.rank, list(default.layer_sets))
    for trial in result.trials:
        assert trial.state in ("complete", "pruned") and trial.parameters > 0
        assert trial.plan["rank"] in RANKS and set(trial.plan["layer_sets"]) <= set(LAYER_SETS)
        assert len(trial.plan["layers"]) == trial.plan["lora_count"] <= 3
    complete = [trial for trial in result.trials if trial.state == "complete"]
    assert result.best.values["score"] == max(trial.values["score"] for trial in complete)
    assert result.weights and result.proof["max_logit_change"] > 0
    assert all(config["base_model_name_or_path"] == tiny.base.id for config in result.peft_config["adapters"].values())
    with torch.no_grad():
        assert torch.equal(tiny.model(input_ids=ids).logits, before)


def test_no_second_trial_is_begun_without_time_for_it(tiny):
    result = search(tiny, examples(), 5, 2, time.monotonic(), seed=0)
    assert len(result.trials) == 1 and result.best is not None  # trial 0 always leaves an adapter


def test_a_cancelled_search_takes_its_adapter_off(tiny):
    def cancel(number: int, share: float, loss: float) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        search(tiny, examples(), 2, 1, time.monotonic() + 60, seed=0, on_progress=cancel)
    assert not any("lora" in name for name, _ in tiny.model.named_parameters())


def test_a_plan_of_several_loras_becomes_parameters_of_the_space():
    parameters = first_parameters(replace(LoraPlan(), layer_sets=("early", "late")))
    assert parameters["lora_count"] == 2 and [parameters[f"layers_{index}"] for index in range(3)] == ["early", "late", "late"]
