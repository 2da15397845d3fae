"""Hidden states that do not change while LoRAs are trained: those below the lowest one, once an example, for all epochs and trials.

In: tokens of an example and where in the model its states stand. Out: the states, or None where they are not kept. They stay in memory, up
to a budget, and never go to a file: they are the person's words in another form, and files are what encryption and forgetting have to reach.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

BUDGET = 256 * 2**20  # bytes

Place = tuple[int, bool]  # layer, and whether its attention is done


@dataclass
class FrozenStates:
    """States by place, tokens and first position; when the budget is spent the rest goes without."""

    budget: int = BUDGET
    used: int = 0
    states: dict[tuple[Place, tuple[int, ...]], tuple[int, Tensor]] = field(default_factory=dict)

    def find(self, place: Place, tokens: Sequence[int], start: int) -> Tensor | None:
        """The states of an example's tokens from `start` on, (tokens, width), if they are kept."""
        first, states = self.states.get((place, tuple(tokens)), (0, None))
        return None if states is None or first > start else states[start - first :]

    def keep(self, place: Place, tokens: Sequence[int], start: int, states: Tensor) -> bool:
        """Keep the states of an example's tokens from `start` on; False where the budget does not allow it."""
        key = (place, tuple(tokens))
        _, old = self.states.get(key, (0, None))
        size = states.nbytes - (old.nbytes if old is not None else 0)
        if self.used + size > self.budget:
            return False
        self.states[key] = (start, states.clone())
        self.used += size
        return True

    def clear(self) -> None:
        """Forget all of it."""
        self.states.clear()
        self.used = 0
