"""Stands in for Hugging Face's `spaces` on a ZeroGPU Space, which cannot run elsewhere: what is decorated runs in a forked process, whose memory is lost.

What ZeroGPU does and this does too: arguments and values go through pickle, exceptions of other kinds than known ones do not come back, every call begins
from the page's process as it is. What it does not: a GPU, quotas, a queue.
"""

import functools
import inspect
import multiprocessing
from collections.abc import Callable, Iterator
from typing import Any

CALLS: list[tuple[str, int]] = []  # function and seconds asked for
_context = multiprocessing.get_context("fork")


def GPU(task: Callable[..., Any], *, duration: int) -> Callable[..., Any]:  # noqa: N802 - its name there
    """The function in a process of its own."""
    streams = inspect.isgeneratorfunction(task)

    def work(pipe: Any, values: tuple[Any, ...]) -> None:
        try:
            for value in task(*values) if streams else [task(*values)]:
                pipe.send(("value", value))
            pipe.send(("end", None))
        except BaseException as error:  # noqa: BLE001
            pipe.send(("lost", type(error).__name__))

    def values_of(values: tuple[Any, ...]) -> Iterator[Any]:
        CALLS.append((task.__name__, duration))
        here, there = _context.Pipe(duplex=False)
        process = _context.Process(target=work, args=(there, values))
        process.start()
        while (got := here.recv())[0] == "value":
            yield got[1]
        process.join()
        if got[0] == "lost":
            raise RuntimeError(f"GPU task aborted ({got[1]})")

    @functools.wraps(task)
    def call(*values: Any) -> Any:
        return values_of(values) if streams else next(values_of(values))

    return call
