"""One search as a parcel: what a worker is given, what it gives back, and the function that does it, the same on every engine.

A worker sees a base id, examples and settings: no name, no message, no store. It has no way to write anything; the driver stores what comes back.
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

from memory.errors import KeepsakeError
from tuning.bases import LoadedBase, load_base, resolve_at
from tuning.clock import worked
from tuning.errors import Cancelled, UnknownBase
from tuning.examples import Example
from tuning.inject import SEARCH_SHARE, peak_memory_mb
from tuning.search import SearchResult, search

Hear = Callable[[int, float, str], bool]  # key of the work, share done, where it is: whether to go on


@dataclass(frozen=True)
class Work:
    """A search to be run: `key` is a run's number, `minutes` its budget from the moment that it begins, `options` go to `search` as they are,
    `width` is how many of its trials run side by side (`rounds.py`)."""

    key: int
    base_id: str
    revision: str
    precision: str
    examples: tuple[Example, ...]
    trials: int
    epochs: int
    minutes: float
    seed: int
    options: dict[str, Any] = field(default_factory=dict)
    width: int = 1


@dataclass
class Done:
    """A search that has ended: its result, or the sentence that says why there is none."""

    key: int
    found: SearchResult | None = None
    error: str | None = None
    cancelled: bool = False
    node: str = ""
    precision: str = ""
    seconds: float = 0.0
    peak_memory_mb: float = 0.0


class Engine(Protocol):
    """Where works run. `slots` is how many can run at once now; `wait` gives what has ended within so many seconds."""

    name: str

    @property
    def slots(self) -> int: ...

    def use(self, loaded: LoadedBase) -> None: ...

    def submit(self, work: Work) -> None: ...

    def wait(self, seconds: float) -> list[Done]: ...

    def close(self) -> None: ...


def do_work(work: Work, hear: Hear, loaded: LoadedBase | None = None, play: Callable[..., Any] | None = None) -> Done:
    """Load the base (kept for the next work), search, and report; an error becomes a sentence, since other works must go on.

    `play` runs the rounds of a work whose trials run side by side; by default they run here, one after the other.
    """
    started = worked()
    done = Done(work.key, node=socket.gethostname())

    def on_progress(number: int, share: float, loss: float) -> None:
        if not hear(work.key, (number + share) / work.trials, f"trial {number + 1} of {work.trials}"):
            raise Cancelled("The injection was cancelled; the profile keeps the adapter that it had.")

    try:
        loaded = loaded or loaded_base(work.base_id, work.revision, work.precision)
        _check_base(loaded, work)
        deadline = worked() + 60 * SEARCH_SHARE * work.minutes
        done.found = _in_rounds(work, hear, loaded, play) if work.width > 1 else search(
            loaded, work.examples, work.trials, work.epochs, deadline, work.seed, on_progress=on_progress, **work.options
        )  # fmt: skip
        done.precision = loaded.precision
    except Cancelled as error:
        done.cancelled, done.error = True, str(error)
    except KeepsakeError as error:
        done.error = str(error)
    except Exception as error:  # noqa: BLE001 - the edge of a worker: one profile's bug must not end the others
        done.error = f"Something unexpected went wrong ({type(error).__name__}: {error})."
    done.seconds, done.peak_memory_mb = round(worked() - started, 2), peak_memory_mb()
    return done


def _in_rounds(work: Work, hear: Hear, loaded: LoadedBase, play: Callable[..., Any] | None) -> SearchResult:
    from tuning.engines.rounds import play_turn, search_in_rounds, task_of

    if play is None:
        task = task_of(work, loaded)
        play = lambda turns: [play_turn(work, turn, loaded, task) for turn in turns]

    def listened(turns: Any) -> Any:
        if not hear(work.key, turns[0].number / work.trials, f"trials {turns[0].number + 1} to {turns[-1].number + 1} of {work.trials}"):
            raise Cancelled("The injection was cancelled; the profile keeps the adapter that it had.")
        return play(turns)

    return search_in_rounds(loaded, work, work.width, listened)


@lru_cache(maxsize=1)
def loaded_base(base_id: str, revision: str, precision: str) -> LoadedBase:
    """The base of this worker; one at a time, since two may not fit."""
    return load_base(resolve_at(base_id, revision), precision)


def _check_base(loaded: LoadedBase, work: Work) -> None:
    """An adapter fits one base only: a node that holds another version must not train for this one."""
    if loaded.base.revision != work.revision:
        raise UnknownBase(
            f"The node {socket.gethostname()} holds {work.base_id} in revision {loaded.base.revision}, the driver in {work.revision}: "
            "install the same Keepsake and the same base on every node."
        )
