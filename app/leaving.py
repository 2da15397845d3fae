"""Guests of a public server: who has the page open comes in, and what belongs to one who has left is deleted a little later.

Only where every visitor has a folder of their own (app/access.py, `apart`); who signed in is no guest, and what is theirs stays.
"""

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import gradio as gr
import psutil  # type: ignore[import-untyped]

from app import access
from app.sessions import forget_closed
from app.speakers import SPEAKERS
from memory.store.leases import is_alive

GRACE_SECONDS = 30.0  # a reload closes the page and opens it again


class Guests:
    """The open tabs of each guest, by the guest's folder."""

    def __init__(self, grace: float = GRACE_SECONDS) -> None:
        self.grace = grace
        self._lock = threading.Lock()
        self._tabs: dict[Path, set[str]] = {}

    def arrive(self, home: Path, tab: str) -> None:
        """A guest has opened the page in a tab."""
        with self._lock:
            self._tabs.setdefault(home, set()).add(tab)

    def leave(self, home: Path, tab: str) -> threading.Timer | None:
        """A guest has closed a tab; with the last one, all of theirs is deleted after a while unless they come back."""
        with self._lock:
            tabs = self._tabs.get(home, set())
            tabs.discard(tab)
            if tabs:
                return None
        timer = threading.Timer(self.grace, self._delete_if_gone, [home])
        timer.daemon = True
        timer.start()
        return timer

    def _delete_if_gone(self, home: Path) -> None:
        with self._lock:
            if self._tabs.get(home):
                return
            self._tabs.pop(home, None)
        stop_work(home)
        SPEAKERS.forget(home)
        shutil.rmtree(home, ignore_errors=True)


GUESTS = Guests()


def stop_work(home: Path) -> None:
    """Ends the child processes that work on the data of a folder."""
    for record in home.glob("jobs/*.json"):
        try:
            said = json.loads(record.read_text(encoding="utf-8"))
            if is_alive(said["pid"], said["began"]):
                psutil.Process(said["pid"]).kill()
        except (OSError, ValueError, KeyError, TypeError, psutil.Error):
            continue


def note_arrival(request: gr.Request) -> None:
    """The page was opened."""
    home = access.guest_home()
    if home is not None and request is not None and request.session_hash:
        GUESTS.arrive(home, request.session_hash)


def make_leaving(page: gr.Blocks) -> Callable[[gr.Request], None]:
    """What happens when the page was closed or loaded anew: a guest has left, and closed pages are forgotten."""

    def note_leaving(request: gr.Request) -> None:
        home = access.guest_home()
        if home is not None and request is not None and request.session_hash:
            GUESTS.leave(home, request.session_hash)
        forget_closed(page)

    # It asks access.py itself: Gradio calls it when the browser is gone, so there is nobody to tell a sentence.
    note_leaving.checks_access = True  # type: ignore[attr-defined]
    return note_leaving
