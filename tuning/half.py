"""A half-trained trial as bytes: everything that the rest of its training depends on, so that a killed trial ends as it would have.

In: the loop of a training between two steps. Out: safetensors (LoRA weights, the optimiser's moments, the best epoch's weights, the states of
the random generators) and plain numbers as JSON (where in the data it is, what was measured). No text of a person is in either.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from tuning.clock import worked
from tuning.kept import WHOLE, Epoch, Kept, Training

SAVE_SECONDS = 20.0  # between two saves at the least
COST = 40.0  # a save may take one in so many seconds of training
LARGEST = 900_000_000  # bytes that a row of the store holds

Save = Callable[[bytes, dict[str, Any]], Any]


class SliceOver(BaseException):
    """The time that this process was lent is over; what was trained is saved. No failure, so no Exception: the run is interrupted, and goes on."""


@dataclass
class Loop:
    """A training between two steps: `planned` are the batches of this epoch (None before they are drawn), `place` the next of them,
    `most` how many examples go through the model at once."""

    parameters: list[torch.nn.Parameter]
    optimizer: torch.optim.Optimizer
    rng: Random
    sureness: list[float]
    kept: Kept
    result: Training
    epoch: int = 0
    place: int = 0
    step: int = 0
    most: int = WHOLE
    planned: list[list[int]] | None = None
    losses: list[float] = field(default_factory=list)
    started: float = field(default_factory=worked)

    def end_epoch(self) -> None:
        """On to the next epoch, whose batches are not drawn yet."""
        self.epoch, self.place, self.planned, self.losses = self.epoch + 1, 0, None, []

    def snapshot(self) -> tuple[bytes, dict[str, Any]]:
        """All of it as bytes and numbers."""
        tensors: dict[str, Tensor] = {f"p{n}": parameter for n, parameter in enumerate(self.parameters)}
        for n, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"m{n}": state["exp_avg"], f"v{n}": state["exp_avg_sq"], f"t{n}": state["step"]}
        tensors |= {f"k{n}": weight for n, weight in enumerate(self.kept.weights)}
        tensors |= {f"r{n}": state for n, state in enumerate(_torch_states())}
        numbers = {name: getattr(self, name) for name in ("epoch", "place", "step", "most", "planned", "losses", "sureness")}
        numbers |= {"rng": self.rng.getstate(), "best": [self.kept.score, self.kept.epoch], "seconds": worked() - self.started}
        numbers |= {"epochs": [asdict(epoch) for epoch in self.result.epochs], "first_gradient": self.result.first_gradient}
        return save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}), numbers

    @torch.no_grad()
    def restore(self, data: bytes, numbers: dict[str, Any]) -> None:
        """Become what a snapshot of a loop of the same plan and data was."""
        tensors = load(data)
        for n, parameter in enumerate(self.parameters):
            parameter.copy_(tensors[f"p{n}"])
        state = {
            n: {"exp_avg": tensors[f"m{n}"], "exp_avg_sq": tensors[f"v{n}"], "step": tensors[f"t{n}"]} for n in range(len(self.parameters))
        }
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})
        kept = [tensors[f"k{n}"].to(parameter) for n, parameter in enumerate(self.parameters) if f"k{n}" in tensors]
        self.kept.weights, (self.kept.score, self.kept.epoch) = kept, numbers["best"]
        _set_torch_states([tensors[f"r{n}"] for n in range(len(tensors)) if f"r{n}" in tensors])
        version, inner, gauss = numbers["rng"]
        self.rng.setstate((version, tuple(inner), gauss))
        for name in ("epoch", "place", "step", "most", "planned", "losses", "sureness"):
            setattr(self, name, numbers[name])
        self.result.epochs = [Epoch(**epoch) for epoch in numbers["epochs"]]
        self.result.first_gradient = numbers["first_gradient"]
        self.started = worked() - numbers["seconds"]


@dataclass
class Keeper:
    """Saves the state of the trial that runs, now and then; hands out that of a killed one (`half`: bytes and numbers), once."""

    save: Save
    half: tuple[bytes, dict[str, Any]] | None = None
    last: float = field(default_factory=time.monotonic)
    cost: float = 0.0
    leave_at: float | None = None  # on the monotonic clock: then the state is saved and SliceOver raised

    def begin(self, about: dict[str, Any]) -> tuple[bytes, dict[str, Any]] | None:
        """What was kept of this very trial (`about`: its number, plan and precision), or None."""
        half, self.half = self.half, None
        self.last = time.monotonic()
        return half if half and half[1]["about"] == about else None

    def note(self, loop: Loop, of_trial: dict[str, Any]) -> None:
        """A step was done: save the loop with what is known `of_trial`, if it is time. Raises SliceOver."""
        started = time.monotonic()
        leaves = self.leave_at is not None and started >= self.leave_at
        if not leaves and started - self.last < max(SAVE_SECONDS, COST * self.cost):
            return
        data, numbers = loop.snapshot()
        if len(data) <= LARGEST:
            self.save(data, {**of_trial, "loop": numbers})
        self.last = time.monotonic()
        self.cost = self.last - started
        if leaves:
            raise SliceOver


def plain(value: Any) -> Any:
    """A value as JSON gives it back: tuples become lists."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _torch_states() -> list[Tensor]:
    return [torch.get_rng_state(), *(torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [])]


def _set_torch_states(states: list[Tensor]) -> None:
    torch.set_rng_state(states[0])
    if torch.cuda.is_available() and len(states) == 1 + torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states[1:])
