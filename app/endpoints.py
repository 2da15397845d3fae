"""The few named endpoints that programs may call through `gradio_client`; everything else of the page is private.

They answer only with the token of `--api` (see app/gate.py), store nothing, and tell errors as sentences.
"""

import functools
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import gradio as gr

from app import access
from app import sentences as say
from app.edge import PageError, explain, store
from app.speakers import SPEAKERS, queue_options
from app.visitor import chosen_profile, profile_names
from app.warm import warm_up
from memory.retrieval import search
from memory.store import in_folder, list_memories

NAMES = ("profiles", "facts", "search", "ask")
MOST_LINES = 20


def profiles() -> list[str]:
    """The names of all profiles."""
    return profile_names()


def facts(profile: str) -> list[dict[str, Any]]:
    """Every fact of a profile with its state: id, text, state, status, source, pinned, and the message it came from."""
    with store() as db:
        return [asdict(memory) for memory in list_memories(db, chosen_profile(db, profile).id)[0]]


def find(profile: str, question: str, k: int = 8) -> list[str]:
    """The lines that retrieval finds for a question, best first."""
    warm_up()  # looking up by meaning loads transformers too
    with store() as db:
        hits = search(db, chosen_profile(db, profile).id, question[: say.LONGEST_QUESTION], max(1, min(int(k), MOST_LINES)))
    return [hit.text for hit in hits]


def ask(profile: str, side: str, question: str) -> str:
    """One side's answer (base, rag, adapter or hybrid) to a question."""
    if side not in say.SIDES:
        raise PageError(say.NO_SIDE)
    if not question.strip():
        raise PageError(say.NO_QUESTION)
    with store() as db:
        chosen = chosen_profile(db, profile)
    with SPEAKERS.speaking(chosen) as speaker:
        return speaker.answer(side, [" ".join(question.split())[: say.LONGEST_QUESTION]])[0].text


def publish() -> None:
    """Adds the endpoints to the page that is being built."""
    handlers: tuple[Callable[..., Any], ...] = (profiles, facts, find, ask)
    for name, handler in zip(NAMES, handlers, strict=True):
        options: dict[str, Any] = queue_options() if name == "ask" else {}
        gr.api(served(handler), api_name=name, **options)


def served(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler behind the check of access.py; an error is what the program is told."""

    @functools.wraps(handler)
    def run(*values: Any, **named: Any) -> Any:
        say.speak("en")
        try:
            with in_folder(access.home_of_event()):
                return handler(*values, **named)
        except Exception as error:  # noqa: BLE001 - the edge
            raise gr.Error(explain(error)) from None

    run.checks_access = True  # type: ignore[attr-defined]
    return run
