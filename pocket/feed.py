"""Batches for the trainer, made ahead by other processes while the model trains.

In: a packer. Out: an iterator of packed batches with the positions whose logits are computed. Batch number i depends on (seed, i) alone, whoever makes it.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from pocket.tokens import Batch, Packer

SCORED = 0.45  # share of a batch's positions whose logits are computed: all of the assistant's, then a sample of the rest

Scored = tuple[np.ndarray, np.ndarray, np.ndarray]


def select_positions(batch: Batch, generator: np.random.Generator) -> Scored:
    """Flat positions to score, their target ids and weights; always the same count, so that compiled shapes hold."""
    inside = batch.documents[:, 1:] == batch.documents[:, :-1]
    weight = np.where(inside & (batch.documents[:, 1:] >= 0), batch.weights[:, 1:], 0.0)
    weight = np.pad(weight, ((0, 0), (0, 1))).ravel()
    targets = np.pad(batch.ids[:, 1:], ((0, 0), (0, 1))).ravel()
    order = np.argsort(-(weight + 0.05 * generator.random(weight.shape) * (weight > 0)), kind="stable")
    chosen = np.sort(order[: int(SCORED * weight.size)])
    return chosen, targets[chosen], weight[chosen]


class Batches(Dataset):
    """Batch and scored positions of every step for one of the workers; all workers' rows of a step have one length."""

    def __init__(self, packer: Packer, rank: int, workers: int) -> None:
        self.packer, self.rank, self.workers = packer, rank, workers

    def __getitem__(self, step: int) -> tuple[Batch, Scored]:
        number = step * self.workers + self.rank
        batch = self.packer.batch(number, self.packer.length(step))
        return batch, select_positions(batch, np.random.default_rng(number))


def feed(packer: Packer, start: int, stop: int, rank: int, workers: int, feeders: int) -> Iterator[tuple[Batch, Scored]]:
    """The batches of steps `start` to `stop` in order, made by `feeders` processes."""
    steps: Any = range(start, stop)
    ahead: dict[str, Any] = {"num_workers": feeders, "prefetch_factor": 4, "multiprocessing_context": "fork"} if feeders else {}
    return iter(DataLoader(Batches(packer, rank, workers), batch_size=None, sampler=steps, collate_fn=_as_it_is, **ahead))


def _as_it_is(made: Any) -> Any:
    torch.set_num_threads(1)
    return made
