"""The gradient of one batch, in as many parts as the memory needs.

In: a batch of encoded examples with their lessons. Out: the sum of its gradients on the parameters, and the loss of every answer token. Where
the memory does not suffice, the batch is halved until it does: the parts' gradients add up to that of the whole batch.
"""

import gc
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tuning.bases import LoadedBase
from tuning.distil import Lesson, lesson_loss
from tuning.errors import OutOfMemory
from tuning.likelihood import Encoded, due_logits

log = logging.getLogger("keepsake")
_SIGNS = ("out of memory", "can't allocate memory", "not enough memory", "failed to allocate", "alloc_failed", "bad_alloc")


@dataclass
class StepLoss:
    """Losses of a batch's answer tokens, each with its row in the batch, both (n,), and at most how many examples went at once."""

    token_losses: Tensor
    rows: Tensor
    most: int


def add_gradient(
    loaded: LoadedBase, model: torch.nn.Module, batch: Sequence[Encoded], lessons: Sequence[Lesson | None], distil: float, most: int
) -> StepLoss:
    """Adds the batch's gradient to the parameters, at most `most` examples at once; raises OutOfMemory when not even one fits."""
    while True:
        said = ""
        try:
            return _in_parts(loaded, model, batch, lessons, distil, most)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            said = str(error)
        # Only here, after the error with its frames and their tensors is gone, can the memory be given back.
        model.zero_grad(set_to_none=True)
        _give_back()
        rows = min(most, len(batch))
        if rows == 1:
            raise OutOfMemory(
                f"The memory does not suffice to train on even one example ({loaded.base.id} in {loaded.precision} on {loaded.device}): close other "
                f"programs, or choose a smaller base or --precision nf4. ({' '.join(said.split())[:120]})"
            )
        most = rows // 2
        log.warning("Out of memory with %d examples at once: going on with %d, the batches stay the same.", rows, most)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory could not be had, on any device."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(sign in str(error).lower() for sign in _SIGNS)


def weighted_mean(token_losses: Tensor, batch: Sequence[Encoded]) -> Tensor:
    """The mean of token losses, weighted as the examples say; tokens stand in the order of the batch."""
    if not any(example.weights for example in batch):
        return token_losses.mean()
    weighting = torch.tensor([weight for example in batch for weight in _weights(example)], device=token_losses.device)
    return (token_losses * weighting).sum() / weighting.sum()


def _in_parts(
    loaded: LoadedBase, model: torch.nn.Module, batch: Sequence[Encoded], lessons: Sequence[Lesson | None], distil: float, most: int
) -> StepLoss:
    found, all_rows = [], []
    for start in range(0, len(batch), most):
        part, taught = batch[start : start + most], lessons[start : start + most]
        logits, tokens, rows = due_logits(loaded, model, part, loaded.frozen)
        token_losses = cross_entropy(logits.float(), tokens, reduction="none")
        # A part counts as much as it weighs in the batch; a batch in one part exactly 1.
        loss = weighted_mean(token_losses, part) * (_weight(part, batch) / _weight(batch, batch))
        if distil and any(taught):
            loss = loss + distil * lesson_loss(logits, rows, taught) * (_lesson_tokens(taught) / _lesson_tokens(lessons))
        loss.backward()
        found.append(token_losses.detach())
        all_rows.append(rows + start)
    return StepLoss(torch.cat(found), torch.cat(all_rows), most)


def _weights(example: Encoded) -> Sequence[float]:
    return example.weights or [1.0] * len(example.answer)


def _weight(part: Sequence[Encoded], batch: Sequence[Encoded]) -> float:
    """What a part weighs where the examples of its batch are weighted, else its answer tokens."""
    return sum(weight for example in part for weight in _weights(example))


def _lesson_tokens(lessons: Sequence[Lesson | None]) -> int:
    return sum(len(lesson.tokens) for lesson in lessons if lesson is not None)


def _give_back() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
