"""Pocket's optimisers: Muon for the free matrices, AdamW for the rest, the seeded circuits slowly; shared by several processes.

In: a model and the workers' group. Out: one object with `step`, `state`, `load`. Muon orthogonalises the momentum of a matrix by a Newton-Schulz
iteration (Jordan et al. 2024). torch.optim.Muon does that in bfloat16, which a CPU without AVX512-BF16 or AMX runs ten times slower than
float32, so it is written here in the model's own type, with the matrices divided among the workers.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

MOMENTUM = 0.95
DECAY = 0.02
COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic iteration; the figures are those of the published method
ITERATIONS = 5


def orthogonalise(matrix: Tensor) -> Tensor:
    """A matrix of the same shape whose singular values are all near 1."""
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    wide = wide / wide.norm().clamp(min=1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = wide @ wide.T
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    return wide if matrix.shape[0] <= matrix.shape[1] else wide.T


def seeded_names(layers: int) -> set[str]:
    """Prefixes of the parameters that hold circuits at the start: attention of layers 0 to 4, feed-forward of layers 0 and 1."""
    return {f"model.layers.{layer}.self_attn" for layer in range(min(5, layers))} | {f"model.layers.{layer}.mlp" for layer in (0, 1)}


class Optimizers:
    """Muon and AdamW over one model, and what is trained `beside` it; every worker holds the same state and applies the same update."""

    def __init__(self, model: nn.Module, layers: int, rank: int = 0, workers: int = 1, beside: Iterable[nn.Parameter] = ()) -> None:
        prefixes = seeded_names(layers)
        self.matrices: list[nn.Parameter] = []
        groups: dict[str, list[nn.Parameter]] = {"rest": list(beside), "seeded": []}
        for name, parameter in model.named_parameters():
            if any(name.startswith(prefix) for prefix in prefixes) or "embed" in name:
                groups["seeded"].append(parameter)
            elif parameter.ndim == 2:
                self.matrices.append(parameter)
            else:
                groups["rest"].append(parameter)
        self.momenta = [torch.zeros_like(matrix) for matrix in self.matrices]
        self.adam = torch.optim.AdamW([{"params": groups["rest"]}, {"params": groups["seeded"]}], betas=(0.9, 0.98), weight_decay=0.0)
        self.rank, self.workers = rank, workers

    def step(self, muon_rate: float, adam_rate: float, seeded_rate: float) -> None:
        """One update of everything from the gradients in place, which are then cleared."""
        for group, rate in zip(self.adam.param_groups, (adam_rate, seeded_rate)):
            group["lr"] = rate
        self.adam.step()
        updates = [torch.zeros_like(matrix) for matrix in self.matrices]
        for number, (matrix, momentum) in enumerate(zip(self.matrices, self.momenta)):
            assert matrix.grad is not None
            momentum.lerp_(matrix.grad, 1 - MOMENTUM)
            if number % self.workers == self.rank:
                updates[number] = orthogonalise(matrix.grad.lerp(momentum, MOMENTUM))
        add_up(updates, self.workers)
        with torch.no_grad():
            for matrix, update in zip(self.matrices, updates):
                matrix.mul_(1 - muon_rate * DECAY)
                matrix.add_(update, alpha=-muon_rate * max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5)
                matrix.grad = None
        self.adam.zero_grad()

    def state(self) -> dict[str, Any]:
        """What a checkpoint must hold to go on exactly."""
        return {"adam": self.adam.state_dict(), "momenta": self.momenta}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.adam.load_state_dict(state["adam"])
        for momentum, saved in zip(self.momenta, state["momenta"]):
            momentum.copy_(saved)


def add_up(tensors: Sequence[Tensor], workers: int) -> None:
    """Replace each tensor by its sum over the workers, in one message."""
    if workers > 1:
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        dist.all_reduce(flat)
        start = 0
        for tensor in tensors:
            tensor.copy_(flat[start : start + tensor.numel()].view_as(tensor))
            start += tensor.numel()
