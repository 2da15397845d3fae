"""Training of one adapter: forward, loss, backward, step, look at held-out phrasings, stop when they are known.

In: a PEFT model with fresh LoRAs and encoded examples. Out: the trained model and what was measured on the way.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

import torch
from peft import PeftModel
from torch.nn.functional import cross_entropy

from tuning.adapters import LoraPlan, trainable_parameters
from tuning.bases import LoadedBase
from tuning.errors import InactiveAdapter
from tuning.examples import Example
from tuning.likelihood import Encoded, answer_logits, certainty, encode_example, pad_batch
from tuning.prompts import render_chat

TOKENS_A_BATCH = 1600
WARM_UP = 10
CLIP = 1.0
SURE = 0.8  # least token probability from which an example is only reviewed
REVIEWED = 0.25  # share of the sure examples that an epoch repeats

OnEpoch = Callable[["Epoch"], None]


@dataclass(frozen=True)
class Epoch:
    """What an epoch ended with: mean training loss, the share of held-out recall and never-said answers given to the letter."""

    number: int
    loss: float
    recall: float
    abstention: float


@dataclass
class Training:
    """A finished training: its epochs, seconds and size."""

    epochs: list[Epoch] = field(default_factory=list)
    seconds: float = 0.0
    parameters: int = 0
    first_gradient: float = 0.0


def encode_examples(loaded: LoadedBase, examples: Sequence[Example]) -> list[Encoded]:
    """Tokens of each example in the product's prompt."""
    return [encode_example(loaded, render_chat(example.question, example.notes), example.answer) for example in examples]


def batches(examples: Sequence[Encoded], chosen: Sequence[int], rng: Random) -> list[list[int]]:
    """The numbers of the chosen examples in batches: like lengths together, about `TOKENS_A_BATCH` padded tokens, in random order."""
    order = sorted(chosen, key=lambda number: (len(examples[number]) // 8, rng.random()))
    found: list[list[int]] = []
    current: list[int] = []
    for number in order:
        longest = max([len(examples[number]), *(len(examples[other]) for other in current)])
        if current and longest * (len(current) + 1) > TOKENS_A_BATCH:
            found.append(current)
            current = []
        current.append(number)
    if current:
        found.append(current)
    rng.shuffle(found)
    return found


def choose_examples(sureness: Sequence[float], rng: Random) -> list[int]:
    """What an epoch trains on: everything not yet sure, and a share of the rest so that it is not forgotten.

    Greedy decoding gives an answer once each of its tokens has p > 0.5 (arXiv 2605.30260); well past that there is little to learn.
    """
    return [number for number, sure in enumerate(sureness) if sure < SURE or rng.random() < REVIEWED]


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
) -> Training:
    """Train the LoRAs of `model`; `known` and `unknown` are held-out questions with their answers.

    `on_epoch` and `on_step` (share of the plan done, loss) hear of progress and may raise to stop. Raises InactiveAdapter when the first
    gradient is zero (see `bases.keep_cpu_gradients`).
    """
    rng = Random(seed)
    started = time.monotonic()
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    result = Training(parameters=trainable_parameters(model))
    optimizer = torch.optim.AdamW(parameters, lr=plan.learning_rate, weight_decay=0.0, betas=(0.9, 0.98))
    sureness = [0.0] * len(training)
    step = 0
    for number in range(plan.epochs):
        model.train()
        losses = []
        planned = batches(training, choose_examples(sureness, rng), rng)
        for place, batch in enumerate(planned):
            share = (number + place / len(planned)) / plan.epochs
            optimizer.param_groups[0]["lr"] = plan.learning_rate * min(1.0, (step + 1) / WARM_UP, 1.05 - share)
            logits, tokens, rows = answer_logits(model, *pad_batch(loaded, [training[index] for index in batch]))
            token_losses = cross_entropy(logits.float(), tokens, reduction="none")
            token_losses.mean().backward()
            norm = float(torch.nn.utils.clip_grad_norm_(parameters, CLIP))
            if step == 0:
                result.first_gradient = norm
                if norm == 0.0:
                    raise InactiveAdapter("The first gradient of the adapter is exactly zero: the base does not pass gradients on here.")
            optimizer.step()
            optimizer.zero_grad()
            _note_sureness(sureness, batch, token_losses.detach(), rows)
            losses.append(token_losses.mean().item())
            step += 1
            if on_step:
                on_step(share, losses[-1])
        model.eval()
        mean = sum(losses) / len(losses) if losses else 0.0
        epoch = Epoch(number + 1, mean, _share(loaded, model, known), _share(loaded, model, unknown))
        result.epochs.append(epoch)
        if on_epoch:
            on_epoch(epoch)
        if known and epoch.recall >= 0.99 and epoch.abstention >= 0.99 and number >= 2:
            break
    result.seconds = time.monotonic() - started
    return result


def _note_sureness(sureness: list[float], batch: Sequence[int], token_losses: torch.Tensor, rows: torch.Tensor) -> None:
    """Keep the probability of each example's least likely answer token, as this step saw it."""
    worst = torch.zeros(len(batch), device=token_losses.device).scatter_reduce(0, rows, token_losses, "amax", include_self=True)
    for number, loss in zip(batch, worst.tolist()):
        sureness[number] = math.exp(-loss)


def _share(loaded: LoadedBase, model: PeftModel, examples: Sequence[Encoded]) -> float:
    """The share of examples that greedy decoding would answer to the letter."""
    results = certainty(loaded, model, examples)
    return sum(exact for exact, _ in results) / len(results) if results else 1.0
