"""Training of one adapter: forward, loss, backward, step, look at held-out phrasings, stop when they are known.

In: a PEFT model with LoRAs and encoded examples. Out: the trained model and what was measured on the way.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor

from tuning.adapters import LoraPlan, trainable_parameters
from tuning.bases import LoadedBase
from tuning.clock import worked
from tuning.distil import Lesson
from tuning.errors import InactiveAdapter
from tuning.examples import Example
from tuning.half import Loop
from tuning.kept import Epoch, Kept, Training
from tuning.likelihood import Encoded, certainty, encode_example
from tuning.prompts import render_chat
from tuning.recipe import Recipe
from tuning.step import add_gradient

TOKENS_A_BATCH = 1600
LEAST_STEPS = 12  # of an epoch: a small chat in two or three large batches would end its training while it still warms up
LEAST_TOKENS = 200
WARM_UP = 10
CLIP = 1.0
SURE = 0.8  # least token probability from which an example is only reviewed
REVIEWED = 0.25  # share of the sure examples that an epoch repeats
GREEDY = 0.5  # a token of more than this probability is what greedy decoding says, whatever the others are (arXiv 2605.30260)
LEARNT = 0.99  # share of the examples that must be past it to stop
PATIENCE = 2  # epochs without a better held-out result

OnEpoch = Callable[["Epoch"], None]


def encode_examples(loaded: LoadedBase, examples: Sequence[Example], recipe: Recipe | None = None) -> list[Encoded]:
    """Tokens of each example in the product's prompt, the answers weighted as the recipe says."""
    weight = recipe.value_weight if recipe else 1.0
    found = []
    for example in examples:
        chat, own = render_chat(example.question, example.notes), weight if example.kind == "recall" else 1.0
        encoded = encode_example(loaded, chat, example.answer, own, example.question)
        found.append(replace(encoded, replayed=example.kind == "neutral"))
    return found


def batches(examples: Sequence[Encoded], chosen: Sequence[int], rng: Random) -> list[list[int]]:
    """The numbers of the chosen examples in batches: like lengths together, in random order, about `TOKENS_A_BATCH` padded tokens or, of few
    examples, as many as leave `LEAST_STEPS` batches of them all."""
    most = min(TOKENS_A_BATCH, max(LEAST_TOKENS, sum(map(len, examples)) // LEAST_STEPS))
    order = sorted(chosen, key=lambda number: (len(examples[number]) // 8, rng.random()))
    found: list[list[int]] = []
    current: list[int] = []
    for number in order:
        longest = max([len(examples[number]), *(len(examples[other]) for other in current)])
        if current and longest * (len(current) + 1) > most:
            found.append(current)
            current = []
        current.append(number)
    if current:
        found.append(current)
    rng.shuffle(found)
    return found


def choose_examples(sureness: Sequence[float], rng: Random, always: Sequence[bool]) -> list[int]:
    """What an epoch trains on: everything not yet sure or wanted always, and a share of the rest so that it is not forgotten."""
    return [number for number, sure in enumerate(sureness) if always[number] or sure < SURE or rng.random() < REVIEWED]


def train(
    loaded: LoadedBase,
    model: PeftModel,
    plan: LoraPlan,
    training: Sequence[Encoded],
    known: Sequence[Encoded],
    unknown: Sequence[Encoded],
    seed: int,
    on_epoch: OnEpoch | None = None,
    on_step: Callable[[float, float], None] | None = None,
    recipe: Recipe | None = None,
    lessons: Sequence[Lesson | None] = (),
    deadline: float | None = None,
    least_epochs: int = 0,
    begun: tuple[bytes, dict[str, Any]] | None = None,
    keep: Callable[[Loop], None] | None = None,
    sureness: Sequence[float] = (),
) -> Training:
    """Train the LoRAs of `model`; `known` and `unknown` are held-out questions with their answers, `lessons` the teacher's for `training`.

    With a `deadline` (seconds of `clock.worked`) that the plan will miss, the learning rate falls towards the deadline instead of the last epoch; past
    it, towards the end of the `least_epochs` that are trained whatever the clock says.

    `on_epoch` and `on_step` (share of the plan done, loss) hear of progress and may raise to stop. `keep` sees the loop after every step; `begun`
    is a snapshot of the loop of an equal training that was broken off, which goes on from there. `sureness`: how sure weights that are not new are of each
    example already (the probability of its least likely answer token). Raises InactiveAdapter when the first
    gradient is zero (see `bases.keep_cpu_gradients`), OutOfMemory.
    """
    recipe = recipe or Recipe()
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=plan.learning_rate, weight_decay=0.0, betas=(0.9, 0.98))
    result = Training(parameters=trainable_parameters(model))
    loop = Loop(parameters, optimizer, Random(seed), list(sureness) or [0.0] * len(training), Kept(parameters), result)
    if begun:
        loop.restore(*begun)
        for epoch in result.epochs:
            if on_epoch:
                on_epoch(epoch)
    looking = recipe.early_stop and bool(known)
    replayed = [example.replayed for example in training]  # never sure enough: what pulls the base from its own answers goes on for as long
    while loop.epoch < plan.epochs and not result.stopped:
        model.train()
        if loop.planned is None:
            loop.planned = batches(training, choose_examples(loop.sureness, loop.rng, replayed), loop.rng)
        while loop.place < len(loop.planned):
            epochs = loop.epoch + loop.place / len(loop.planned)
            share = epochs / plan.epochs
            optimizer.param_groups[0]["lr"] = plan.learning_rate * _rate(loop, epochs, share, deadline, least_epochs)
            _step(loaded, model, loop, training, lessons, recipe)
            if keep:
                keep(loop)
            if on_step:
                on_step(share, loop.losses[-1])
        model.eval()
        mean = sum(loop.losses) / len(loop.losses) if loop.losses else 0.0
        learnt = sum(sure > GREEDY for sure in loop.sureness) / max(1, len(loop.sureness))
        epoch = Epoch(loop.epoch + 1, mean, _share(loaded, model, known), _share(loaded, model, unknown), learnt)
        result.epochs.append(epoch)
        loop.end_epoch()
        if looking:
            loop.kept.note(epoch)
        if on_epoch:
            on_epoch(epoch)
        result.stopped = _reason_to_stop(result.epochs, loop.kept) if looking else ""
    if looking:
        result.best = loop.kept.restore()
    result.most, result.seconds = loop.most, worked() - loop.started
    return result


def _step(
    loaded: LoadedBase, model: PeftModel, loop: Loop, training: Sequence[Encoded], lessons: Sequence[Lesson | None], recipe: Recipe
) -> None:
    """One batch: gradient, clipping, a step of the optimiser, and what it showed. Raises InactiveAdapter, OutOfMemory."""
    assert loop.planned is not None
    batch = loop.planned[loop.place]
    taught = [lessons[index] for index in batch] if recipe.distil and lessons else []
    found = add_gradient(loaded, model, [training[index] for index in batch], taught, recipe.distil, loop.most)
    loop.most = found.most
    norm = float(torch.nn.utils.clip_grad_norm_(loop.parameters, CLIP))
    if loop.step == 0:
        loop.result.first_gradient = norm
        if norm == 0.0:
            raise InactiveAdapter("The first gradient of the adapter is exactly zero: the base does not pass gradients on here.")
    loop.optimizer.step()
    loop.optimizer.zero_grad()
    _note_sureness(loop.sureness, batch, found.token_losses, found.rows)
    loop.losses.append(found.token_losses.mean().item())
    loop.step, loop.place = loop.step + 1, loop.place + 1


def _rate(loop: Loop, epochs: float, share: float, deadline: float | None, least_epochs: int) -> float:
    """What to multiply the learning rate with: it warms up, then falls to nothing at the end of the plan, or of the time if that is sooner."""
    late = _late(loop.started, deadline)
    done = max(share, late if late < 1 or loop.epoch >= least_epochs else epochs / least_epochs)
    return min(1.0, (loop.step + 1) / WARM_UP, 1.05 - done)


def _late(started: float, deadline: float | None) -> float:
    """The share of the time that is over, once most of it is: before that a plan that fits must not depend on the clock."""
    if deadline is None:
        return 0.0
    share = (worked() - started) / max(1e-6, deadline - started)
    return min(1.0, share) if share > 0.6 else 0.0


def _reason_to_stop(epochs: Sequence[Epoch], kept: Kept) -> str:
    """Why training may end before its plan, or an empty text."""
    last = epochs[-1]
    if last.number < 3:
        return ""
    if last.recall >= LEARNT and last.abstention >= LEARNT:
        return "every held-out question is answered"
    waited = last.number - kept.epoch
    if last.learnt >= LEARNT and waited >= 1:
        return "every answer token has p > 0.5 and held-out questions no longer improve"
    return "held-out questions no longer improve" if waited > PATIENCE and last.learnt > 0.9 else ""


def _note_sureness(sureness: list[float], batch: Sequence[int], token_losses: Tensor, rows: Tensor) -> None:
    """Keep the probability of each example's least likely answer token, as this step saw it."""
    worst = torch.zeros(len(batch), device=token_losses.device).scatter_reduce(0, rows, token_losses, "amax", include_self=True)
    for number, loss in zip(batch, worst.tolist()):
        sureness[number] = math.exp(-loss)


def _share(loaded: LoadedBase, model: PeftModel, examples: Sequence[Encoded]) -> float:
    """The share of examples that greedy decoding would answer to the letter."""
    results = certainty(loaded, model, examples, kept=loaded.frozen)
    return sum(exact for exact, _ in results) / len(results) if results else 1.0
