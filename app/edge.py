"""The edge of the page: an event of the screen comes in, a plain handler runs, errors become sentences.

Handlers are plain functions that raise; only here are their errors caught, so that no traceback reaches the screen.
"""

import functools
import html
import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
from sqlite_utils import Database

from app import access
from app import sentences as say
from app.use import note_use
from memory.edge import save_trace
from memory.errors import KeepsakeError, StoreLocked
from memory.store import in_folder, open_store

log = logging.getLogger("keepsake")


class PageError(KeepsakeError):
    """Something that the person did too early or left out; the text says what to do."""


@contextmanager
def store() -> Iterator[Database]:
    """The store for the length of one event; visitors and events share nothing else."""
    db = open_store()
    try:
        yield db
    finally:
        db.close()


def listen(
    event: Callable[..., Any], handler: Callable[..., Any], inputs: Any = None, outputs: Any = None,
    progress: str = "hidden", **options: Any,
) -> Any:  # fmt: skip
    """Wires an event to a handler: in the page's language, errors explained, not callable from outside the page, no spinner unless wanted."""
    handler = explained(in_language(handler, say.language()), idle=getattr(event, "event_name", "") == "tick")
    return event(handler, inputs, outputs, show_progress=progress, api_visibility="private", **options)


def in_language(handler: Callable[..., Any], language: str) -> Callable[..., Any]:
    """The handler speaking the language of the page that it was wired for; Gradio may run each step of it in another thread."""
    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def stream(*values: Any) -> Iterator[Any]:
            say.speak(language)
            steps = handler(*values)
            try:
                for step in steps:
                    yield step
                    say.speak(language)
            finally:
                steps.close()

        return stream

    @functools.wraps(handler)
    def run(*values: Any) -> Any:
        say.speak(language)
        return handler(*values)

    return run


def explained(handler: Callable[..., Any], idle: bool = False) -> Callable[..., Any]:
    """The handler behind the check of access.py, with its errors told as a notice; what the screen showed then stays as it was.

    `idle` is for ticks of a timer: they are not use of the page, and say nothing about a locked store.
    """
    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def stream(*values: Any) -> Iterator[Any]:
            try:
                yield from _stepwise(access.home_of_event(), handler(*values))
            except Exception as error:  # noqa: BLE001 - the edge
                warn(explain(error))
                yield gr.skip()

        stream.checks_access = True  # type: ignore[attr-defined]
        return stream

    @functools.wraps(handler)
    def run(*values: Any) -> Any:
        try:
            with in_folder(access.home_of_event()):
                if not idle:
                    note_use()
                return handler(*values)
        except StoreLocked as error:
            if not idle:
                warn(explain(error))
            return gr.skip()
        except Exception as error:  # noqa: BLE001 - the edge
            warn(explain(error))
            return gr.skip()

    run.checks_access = True  # type: ignore[attr-defined]
    return run


def _stepwise(home: Path | None, values: Iterator[Any]) -> Iterator[Any]:
    """A generator's values, each made in the visitor's folder: Gradio may take each in another thread and context."""
    try:
        while True:
            with in_folder(home):
                note_use()
                try:
                    value = next(values)
                except StopIteration:
                    return
            yield value
    finally:
        with in_folder(home):
            values.close()  # type: ignore[attr-defined]


def explain(error: Exception) -> str:
    """One sentence for an error: its own if it is ours, else a general one, with the traceback in the log."""
    if isinstance(error, KeepsakeError):
        return say.told(str(error))
    log.error("An event of the page failed (%s)", type(error).__name__)  # not its words: they may be a person's
    return say.UNEXPECTED.format(kind=type(error).__name__, where=save_trace())


def warn(sentence: str) -> None:
    """Shows a sentence as a notice; Gradio renders notices as HTML, so it is escaped."""
    gr.Warning(html.escape(sentence), title=say.ATTENTION)
