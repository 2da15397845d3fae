"""Training of one adapter: forward, loss, backward, step, look at held-out phrasings, stop when they are known.

In: a PEFT model with LoRAs and encoded examples. Out: the trained model and what was measured on the way.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

import torch
from peft import PeftModel
from torch import Tensor
from torch.nn.functional import cross_entropy

from tuning.adapters import LoraPlan, trainable_parameters
from tuning.bases import LoadedBase
from tuning.distil import Lesson, lesson_loss
from tuning.errors import InactiveAdapter
from tuning.examples import Example
from tuning.likelihood import Encoded, answer_logits, certainty, encode_example, pad_batch
from tuning.prompts import render_chat
from tuning.recipe import Recipe

TOKENS_A_BATCH = 1600
WARM_UP = 10
CLIP = 1.0
SURE = 0.8  # least token probability from which an example is only reviewed
REVIEWED = 0.25  # share of the sure examples that an epoch repeats
GREEDY = 0.5  # a token of more than this probability is what greedy decoding says, whatever the others are (arXiv 2605.30260)
LEARNT = 0.99  # share of the examples that must be past it to stop
PATIENCE = 2  # epochs without a better held-out result

OnEpoch = Callable[["Epoch"], None]


@dataclass(frozen=True)
class Epoch:
    """What an epoch ended with: mean training loss, the share of held-out recall and never-said answers given to the letter.

    `learnt` is the share of training examples whose every answer token had p > 0.5 when last seen.
    """

    number: int
    loss: float
    recall: float
    abstention: float
    learnt: float = 0.0


@dataclass
class Training:
    """A finished training: its epochs, seconds and size; `best` is the epoch whose weights were kept, `stopped` why it ended early."""

    epochs: list[Epoch] = field(default_factory=list)
    seconds: float = 0.0
    parameters: int = 0
    first_gradient: float = 0.0
    best: int = 0
    stopped: str = ""


def encode_examples(loaded: LoadedBase, examples: Sequence[Example], recipe: Recipe | None = None) -> list[Encoded]:
    """Tokens of each example in the product's prompt, the answers weighted as the recipe says."""
    weight = recipe.value_weight if recipe else 1.0
    return [
        encode_example(
            loaded,
            render_chat(example.question, example.notes),
            example.answer,
            weight if example.kind == "recall" else 1.0,
            example.question,
        )
        for example in examples
    ]


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
    """What an epoch trains on: everything not yet sure, and a share of the rest so that it is not forgotten."""
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
    recipe: Recipe | None = None,
    lessons: Sequence[Lesson | None] = (),
    deadline: float | None = None,
    least_epochs: int = 0,
) -> Training:
    """Train the LoRAs of `model`; `known` and `unknown` are held-out questions with their answers, `lessons` the teacher's for `training`.

    With a `deadline` (monotonic seconds) that the plan will miss, the learning rate falls towards the deadline instead of the last epoch; past
    it, towards the end of the `least_epochs` that are trained whatever the clock says.

    `on_epoch` and `on_step` (share of the plan done, loss) hear of progress and may raise to stop. Raises InactiveAdapter when the first
    gradient is zero (see `bases.keep_cpu_gradients`).
    """
    recipe, rng = recipe or Recipe(), Random(seed)
    started = time.monotonic()
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    result = Training(parameters=trainable_parameters(model))
    optimizer = torch.optim.AdamW(parameters, lr=plan.learning_rate, weight_decay=0.0, betas=(0.9, 0.98))
    sureness = [0.0] * len(training)
    kept = Kept(parameters)
    step = 0
    for number in range(plan.epochs):
        model.train()
        losses = []
        planned = batches(training, choose_examples(sureness, rng), rng)
        for place, batch in enumerate(planned):
            share = (number + place / len(planned)) / plan.epochs
            late = _late(started, deadline)
            rate_share = max(share, late if late < 1 or number >= least_epochs else (number + place / len(planned)) / least_epochs)
            optimizer.param_groups[0]["lr"] = plan.learning_rate * min(1.0, (step + 1) / WARM_UP, 1.05 - rate_share)
            logits, tokens, rows = answer_logits(model, *pad_batch(loaded, [training[index] for index in batch]))
            token_losses = cross_entropy(logits.float(), tokens, reduction="none")
            loss = weighted_mean(token_losses, [training[index] for index in batch])
            if recipe.distil and lessons:
                loss = loss + recipe.distil * lesson_loss(logits, rows, [lessons[index] for index in batch])
            loss.backward()
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
        learnt = sum(sure > GREEDY for sure in sureness) / max(1, len(sureness))
        epoch = Epoch(number + 1, mean, _share(loaded, model, known), _share(loaded, model, unknown), learnt)
        result.epochs.append(epoch)
        if recipe.early_stop and known:
            kept.note(epoch)
        if on_epoch:
            on_epoch(epoch)
        result.stopped = _reason_to_stop(result.epochs, kept) if recipe.early_stop and known else ""
        if result.stopped:
            break
    if recipe.early_stop and known:
        result.best = kept.restore()
    result.seconds = time.monotonic() - started
    return result


def _late(started: float, deadline: float | None) -> float:
    """The share of the time that is over, once most of it is: before that a plan that fits must not depend on the clock."""
    if deadline is None:
        return 0.0
    share = (time.monotonic() - started) / max(1e-6, deadline - started)
    return min(1.0, share) if share > 0.6 else 0.0


@dataclass
class Kept:
    """The weights of the epoch that did best on held-out questions."""

    parameters: list[torch.nn.Parameter]
    score: float = -1.0
    epoch: int = 0
    weights: list[Tensor] = field(default_factory=list)

    def note(self, epoch: Epoch) -> None:
        """Keep the weights if no earlier epoch did better; a later one is preferred on equal scores, being surer."""
        score = epoch.recall + epoch.abstention - 1
        if score >= self.score:
            self.score, self.epoch = score, epoch.number
            self.weights = [parameter.detach().clone() for parameter in self.parameters]

    @torch.no_grad()
    def restore(self) -> int:
        """Put the kept weights back; returns their epoch."""
        for parameter, weight in zip(self.parameters, self.weights):
            parameter.copy_(weight)
        return self.epoch


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


def weighted_mean(token_losses: Tensor, batch: Sequence[Encoded]) -> Tensor:
    """The mean of token losses, weighted as the examples say; tokens stand in the order of the batch."""
    if not any(example.weights for example in batch):
        return token_losses.mean()
    weights = [weight for example in batch for weight in (example.weights or [1.0] * len(example.answer))]
    weighting = torch.tensor(weights, device=token_losses.device)
    return (token_losses * weighting).sum() / weighting.sum()


def _note_sureness(sureness: list[float], batch: Sequence[int], token_losses: Tensor, rows: Tensor) -> None:
    """Keep the probability of each example's least likely answer token, as this step saw it."""
    worst = torch.zeros(len(batch), device=token_losses.device).scatter_reduce(0, rows, token_losses, "amax", include_self=True)
    for number, loss in zip(batch, worst.tolist()):
        sureness[number] = math.exp(-loss)


def _share(loaded: LoadedBase, model: PeftModel, examples: Sequence[Encoded]) -> float:
    """The share of examples that greedy decoding would answer to the letter."""
    results = certainty(loaded, model, examples)
    return sum(exact for exact, _ in results) / len(results) if results else 1.0
