"""What a training leaves: its epochs, and the weights of the one that did best on held-out questions.

In: what an epoch ended with. Out: the record of a training, and the best weights put back.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

WHOLE = 1 << 30  # examples at once: every batch in one part


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
    """A finished training: its epochs, seconds and size; `best` is the epoch whose weights were kept, `stopped` why it ended early,
    `most` how many examples the memory let through the model at once."""

    epochs: list[Epoch] = field(default_factory=list)
    seconds: float = 0.0
    parameters: int = 0
    first_gradient: float = 0.0
    best: int = 0
    stopped: str = ""
    most: int = WHOLE


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
