"""What makes training and answering fast, each a switch that changes the time and not the result.

In: nothing, or switches by name. Out: the `Speed` that is in force. `python -m benchmarks.injection` measures what each is worth;
tests/test_tuning_speed.py holds that losses, gradients and answers are the same with each on and off.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Speed:
    """The switches; all are on by default.

    `prefix`: what all prompts of a batch begin with is computed once. `joint`: Keepsake's own pass over a Llama's layers, one product for
    query, key and value, one for gate and up, LoRAs folded into the weight they stand on. `last`: in that pass the last layer is computed
    only where an answer token is due. `frozen`: what lies below the lowest LoRA is computed once an example and kept over epochs and trials.
    `pair`: both answers of a blind pair are written in one batch. `conversation`: the next turn reads only what is new in its prompt.
    `decode`: answers are written by Keepsake's own pass over a Llama's layers too.
    """

    prefix: bool = True
    joint: bool = True
    last: bool = True
    frozen: bool = True
    pair: bool = True
    conversation: bool = True
    decode: bool = True


_in_force = [Speed()]


def speed() -> Speed:
    """The switches in force."""
    return _in_force[-1]


@contextmanager
def with_speed(**switches: bool) -> Iterator[Speed]:
    """Some switches set otherwise, until the block ends."""
    _in_force.append(replace(speed(), **switches))
    try:
        yield speed()
    finally:
        _in_force.pop()
