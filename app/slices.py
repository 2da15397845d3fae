"""A GPU that is lent for a while at a time (ZeroGPU of Hugging Face Spaces): what needs it runs in slices, in a process of its own that has the GPU.

In: a handler that writes answers, or an injection. Out: the same, from that process; an injection that is not done when its slice ends is saved to the
step and goes on in the next. Where no such GPU is lent, `lent()` is False and nothing here is used.
"""

import functools
import importlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from app import sentences as say
from app.edge import PageError
from app.worker import environment, is_hub_name
from memory.errors import KeepsakeError
from memory.store import Profile, data_folder, in_folder, load_profile, open_store

ANSWER_SECONDS = 60  # that an answer, or a pair of them, may take with the GPU
TRAIN_SECONDS = 100  # of one slice of an injection; the GPU is asked for longer, for what comes after the last step
SPARE_SECONDS = 20

FETCH = (
    "import sys; from huggingface_hub import snapshot_download as get; "
    "get(sys.argv[1], revision=sys.argv[2], allow_patterns=['*.safetensors', '*.json', '*.txt', '*.model', '*.jinja'])"
)

_lock = threading.Lock()
_going: set[tuple[str, int]] = set()  # data folder and profile of the injections that run in slices here


def lent() -> bool:
    """Whether this is a Space whose GPU is lent by the slice."""
    return os.environ.get("SPACES_ZERO_GPU", "").casefold() in ("1", "t", "true") and find_spec("spaces") is not None


def on_gpu(handler: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """A handler that yields, run where the GPU is, in the visitor's folder and language; the handler itself where none is lent."""
    if not lent():
        return handler

    @functools.wraps(handler)
    def sliced(*values: Any) -> Iterator[Any]:
        for kind, value in _with_gpu(_write, ANSWER_SECONDS)(
            handler.__module__, handler.__name__, str(data_folder()), say.language(), values
        ):
            if kind == "error":
                raise PageError(value)
            yield value

    return sliced


def inject_in_slices(profile: Profile, budget: str, base: str, minutes: float | None = None, trials: int | None = None) -> None:
    """An injection, slice after slice until it is done; what stopped it otherwise is raised as PageError."""
    fetch(base)
    home = data_folder()
    key = (str(home), profile.id)
    with _lock:
        if key in _going:
            raise PageError(say.BUSY_STARTING)
        _going.add(key)
    try:
        while is_going(profile):
            ended = _with_gpu(_train, TRAIN_SECONDS + SPARE_SECONDS)(str(home), profile.name, budget, base, minutes, trials, TRAIN_SECONDS)
            if ended is None:
                return
            if ended:
                raise PageError(ended)
    finally:
        stop(profile)


def fetch(base: str) -> None:
    """Bring a hub model that the person named to this machine, in a process of its own: this one stays offline. Raises PageError."""
    if not is_hub_name(base):
        return
    name, _, revision = base.partition("@")
    done = subprocess.run(
        [sys.executable, "-c", FETCH, name, revision or "main"], env=environment(True, False), capture_output=True, text=True
    )
    if done.returncode:
        raise PageError(say.NOT_FETCHED.format(name=base, reason=(done.stderr.strip().splitlines() or ["?"])[-1][:200]))


def is_going(profile: Profile) -> bool:
    """Whether an injection of the profile runs in slices, or waits for its next one."""
    with _lock:
        return (str(data_folder()), profile.id) in _going


def stop(profile: Profile) -> bool:
    """No further slice for the profile; True if there would have been one."""
    key = (str(data_folder()), profile.id)
    with _lock:
        found = key in _going
        _going.discard(key)
    return found


@functools.cache
def _with_gpu(task: Callable[..., Any], seconds: int) -> Callable[..., Any]:
    import spaces  # type: ignore[import-not-found]  # of Hugging Face, on such Spaces only

    wrapped: Callable[..., Any] = spaces.GPU(task, duration=seconds)
    return wrapped


def register() -> None:
    """Names the functions that need the GPU at the start, as such a Space demands."""
    if lent():
        _with_gpu(_write, ANSWER_SECONDS)
        _with_gpu(_train, TRAIN_SECONDS + SPARE_SECONDS)


def _write(module: str, name: str, home: str, language: str, values: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """Where the GPU is: the values of a handler, or the sentence of its error (a process cannot hand on every exception)."""
    with in_folder(Path(home)):
        say.speak(language)
        try:
            for value in getattr(importlib.import_module(module), name)(*values):
                yield "value", value
        except KeepsakeError as error:
            yield "error", say.told(str(error))


def _train(home: str, name: str, budget: str, base: str, minutes: float | None, trials: int | None, seconds: float) -> str | None:
    """Where the GPU is: one slice of an injection. None when it is done, "" when there is more to do, else the sentence of its error."""
    leave_at = time.monotonic() + seconds
    from tuning.half import SliceOver
    from tuning.inject import inject

    with in_folder(Path(home)):
        db = open_store()
        try:
            inject(db, load_profile(db, name), budget, trials, minutes, base, leave_at=leave_at)
        except SliceOver:
            return ""
        except KeepsakeError as error:
            return str(error)
        finally:
            db.close()
    return None
