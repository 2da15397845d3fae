"""The Optuna study that chooses how many LoRAs, in which layers, of which rank, at which learning rate.

In: a loaded base and examples in splits. Out: the best adapter's bytes and every trial. Trial 0 is the best configuration known for
this base; later ones are Bayesian (a Gaussian process); bad ones are pruned; the winner is chosen on held-out answers, not loss.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.trial import TrialState

from tuning.adapters import LAYER_SETS, LoraPlan, attach, detach, prove_active, to_bytes
from tuning.bases import LoadedBase
from tuning.examples import Example
from tuning.generate import generate
from tuning.likelihood import encode_example
from tuning.prompts import is_abstention, render_chat
from tuning.scores import holds_answer
from tuning.train import Epoch, Training, encode_examples, train

RANKS = (4, 8, 16, 32)
MOST_LORAS = 3
LEAST_EPOCHS = 5  # of trial 0, whatever the clock says: an adapter of less knows nothing
VALIDATION_MOST = 72  # questions asked for real at the end of a trial

OnTrial = Callable[["TrialResult"], None]
OnProgress = Callable[[int, float, float], None]  # trial number, share of it done, loss


class OutOfTime(Exception):
    """The budget of minutes is spent in the middle of a training."""


@dataclass(frozen=True)
class TrialResult:
    """One trial: its plan, what its held-out answers were worth, its cost. `state` is complete or pruned."""

    number: int
    plan: dict[str, Any]
    values: dict[str, Any]
    state: str
    seconds: float
    parameters: int


@dataclass
class SearchResult:
    """The study's outcome: the winner's weights and proof, and all trials."""

    trials: list[TrialResult] = field(default_factory=list)
    best: TrialResult | None = None
    weights: bytes = b""
    peft_config: dict[str, Any] = field(default_factory=dict)
    proof: dict[str, float] = field(default_factory=dict)


def default_plan(loaded: LoadedBase, epochs: int) -> LoraPlan:
    """Trial 0. Pocket's was measured (docs/injection.md); for other bases the values of PRAG (arXiv 2501.15915) and QLoRA's usual rate."""
    if loaded.base.id == "pocket":
        return LoraPlan(("all",), 16, 4e-3, 32, epochs)
    return LoraPlan(("all",), 8, 3e-4, 16, epochs)


def suggest_plan(trial: optuna.Trial, loaded: LoadedBase, epochs: int) -> LoraPlan:
    """A plan from the search space: number of LoRAs, a layer set for each, a common rank, a learning rate on a log scale."""
    centre = default_plan(loaded, epochs).learning_rate
    count = trial.suggest_int("lora_count", 1, MOST_LORAS)
    layer_sets = tuple(str(trial.suggest_categorical(f"layers_{index}", LAYER_SETS)) for index in range(MOST_LORAS))[:count]
    rank = int(trial.suggest_categorical("rank", RANKS))
    rate = trial.suggest_float("learning_rate", centre / 5, centre * 4, log=True)
    return LoraPlan(layer_sets, rank, rate, 2 * rank, epochs)


def first_parameters(plan: LoraPlan) -> dict[str, Any]:
    """The search-space parameters of a plan, to enqueue it."""
    layers = {f"layers_{index}": plan.layer_sets[min(index, plan.lora_count - 1)] for index in range(MOST_LORAS)}
    return {"lora_count": plan.lora_count, "rank": plan.rank, "learning_rate": plan.learning_rate} | layers


def search(
    loaded: LoadedBase,
    examples: Sequence[Example],
    trials: int,
    epochs: int,
    deadline: float,
    seed: int,
    on_trial: OnTrial | None = None,
    on_progress: OnProgress | None = None,
) -> SearchResult:
    """Run up to `trials` trials until `deadline` (monotonic seconds); trial 0 always leaves an adapter.

    Raises what `on_trial` and `on_progress` raise (a cancelled run), with the base left as it was.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    training = encode_examples(loaded, [example for example in examples if example.split == "train"])
    held_out = [example for example in examples if example.split == "validation"]
    result = SearchResult()
    sampler = optuna.samplers.GPSampler(seed=seed, n_startup_trials=2, warn_independent_sampling=False)
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=optuna.pruners.MedianPruner(1, 2))
    study.enqueue_trial(first_parameters(default_plan(loaded, epochs)))
    lengths: list[float] = []
    for number in range(trials):
        # A trial that cannot end in time is not begun: half a trial tells nothing.
        if number and time.monotonic() + (sum(lengths) / len(lengths)) > deadline:
            break
        trial = study.ask()
        plan = suggest_plan(trial, loaded, epochs)
        started = time.monotonic()
        outcome = _run_trial(loaded, trial, plan, training, held_out, deadline, seed + number, result, on_progress)
        lengths.append(time.monotonic() - started)
        study.tell(
            trial,
            outcome.values["score"] if outcome.state == "complete" else None,
            TrialState.COMPLETE if outcome.state == "complete" else TrialState.PRUNED,
        )
        result.trials.append(outcome)
        if on_trial:
            on_trial(outcome)
    return result


def _run_trial(
    loaded: LoadedBase,
    trial: optuna.Trial,
    plan: LoraPlan,
    training: Sequence[Any],
    held_out: Sequence[Example],
    deadline: float,
    seed: int,
    result: SearchResult,
    on_progress: OnProgress | None,
) -> TrialResult:
    """Train one plan, ask it the held-out questions, keep it if it is the best so far."""
    started = time.monotonic()
    known = [_encode(loaded, example) for example in held_out if example.kind == "recall"][:VALIDATION_MOST]
    unknown = [_encode(loaded, example) for example in held_out if example.kind == "unknown"][: VALIDATION_MOST // 2]
    model = attach(loaded, plan, seed)
    epochs: list[Epoch] = []

    def on_epoch(epoch: Epoch) -> None:
        epochs.append(epoch)
        trial.report(epoch.recall + epoch.abstention - 1, epoch.number)
        if trial.number and trial.should_prune():
            raise optuna.TrialPruned

    def on_step(share: float, loss: float) -> None:
        if on_progress:
            on_progress(trial.number, share, loss)
        if time.monotonic() > deadline and (trial.number or len(epochs) >= LEAST_EPOCHS):
            raise OutOfTime

    try:
        state, training_result = "complete", Training()
        try:
            training_result = train(loaded, model, plan, training, known, unknown, seed, on_epoch, on_step)
        except optuna.TrialPruned:
            state = "pruned"
        except OutOfTime:
            model.eval()  # what was learnt until now still counts
        values: dict[str, Any] = {"epochs": len(epochs), "loss": round(epochs[-1].loss, 4) if epochs else None}
        values["first_gradient"] = training_result.first_gradient
        parameters = sum(parameter.numel() for name, parameter in model.named_parameters() if "lora_" in name)
        if state == "complete":
            values |= score_answers(loaded, held_out)
        outcome = TrialResult(trial.number, plan.describe(loaded.layers), values, state, time.monotonic() - started, parameters)
        if state == "complete" and (result.best is None or values["score"] > result.best.values["score"]):
            result.proof = prove_active(model, loaded, training[0].prompt)
            result.weights, result.peft_config = to_bytes(model, loaded.base)
            result.best = outcome
        return outcome
    finally:
        detach(model)


def score_answers(loaded: LoadedBase, held_out: Sequence[Example]) -> dict[str, float]:
    """Recall and false claims of what the model says to held-out questions; score is recall minus false claims."""
    known = [example for example in held_out if example.kind == "recall"][:VALIDATION_MOST]
    unknown = [example for example in held_out if example.kind == "unknown"][: VALIDATION_MOST // 2]
    replies = generate(loaded, [render_chat(example.question) for example in [*known, *unknown]])
    hits = sum(holds_answer(reply, example.answer, example.question) for example, reply in zip(known, replies))
    claims = sum(not is_abstention(reply) for reply in replies[len(known) :])
    recall = hits / len(known) if known else 0.0
    false_claims = claims / len(unknown) if unknown else 0.0
    return {
        "recall": round(recall, 4),
        "false_claims": round(false_claims, 4),
        "score": round(recall - false_claims, 4),
        "known": len(known),
        "unknown": len(unknown),
    }


def _encode(loaded: LoadedBase, example: Example) -> Any:
    return encode_example(loaded, render_chat(example.question), example.answer)
