"""Who may do what: the one check that every endpoint (through app/gate.py) and every handler (through app/edge.py) passes.

A visitor is a browser that loaded the page and holds its cookie. What a visitor began (a session of Gradio, an upload, a file that a
handler gave out) is theirs alone, and so is the data folder that their handlers open: with accounts each account has one of its own.
"""

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from gradio.context import LocalContext

from app import sentences as say
from memory.errors import KeepsakeError

MOST_REMEMBERED = 10_000  # visitors, sessions and files; the oldest are dropped, and must load the page again
SECONDS_SIGNED_IN = 14 * 24 * 3600


class Refused(KeepsakeError):
    """Someone asked for what is not theirs, or without having loaded the page."""


@dataclass(frozen=True)
class Visitor:
    """One browser: `number` names it without its secret; `account` is who signed in (None where no accounts are kept)."""

    number: str
    account: str | None
    since: float


class _Remembered(OrderedDict[str, object]):
    """A dictionary that drops its oldest entries."""

    def __setitem__(self, key: str, value: object) -> None:
        super().__setitem__(key, value)
        while len(self) > MOST_REMEMBERED:
            self.popitem(last=False)


@dataclass
class Doors:
    """All visitors of one running page, and what is whose. `apart` gives every visitor a folder of their own (a public demo)."""

    root: Path
    with_accounts: bool = False
    apart: bool = False
    _visitors: _Remembered = field(default_factory=_Remembered)
    _sessions: _Remembered = field(default_factory=_Remembered)
    _files: _Remembered = field(default_factory=_Remembered)
    _lock: Lock = field(default_factory=Lock)

    def admit(self, account: str | None = None) -> tuple[str, Visitor]:
        """A new visitor and the secret that their cookie holds; only its hash is kept."""
        secret = secrets.token_urlsafe(32)
        visitor = Visitor(_hash(secret)[:32], account, time.time())
        with self._lock:
            self._visitors[_hash(secret)] = visitor
        return secret, visitor

    def find(self, secret: str | None) -> Visitor | None:
        """The visitor whose cookie this is, or None for nobody; with accounts, one who has not signed in is nobody."""
        with self._lock:
            found = self._visitors.get(_hash(secret or ""))
        if not isinstance(found, Visitor) or time.time() - found.since > SECONDS_SIGNED_IN:
            return None
        return found if found.account is not None or not self.with_accounts else None

    def dismiss(self, secret: str | None) -> None:
        """Signs a visitor out."""
        with self._lock:
            self._visitors.pop(_hash(secret or ""), None)

    def claim_session(self, visitor: Visitor, session: str) -> None:
        """Notes that a session of Gradio is this visitor's; raises Refused if it is another's."""
        with self._lock:
            if self._sessions.setdefault(session, visitor.number) != visitor.number:
                raise Refused(say.NOT_YOURS)
            self._sessions.move_to_end(session)

    def give_file(self, visitor: Visitor, path: str, uploaded: bool = False) -> None:
        """Notes that a file may be read by this visitor: the first who got it, and whoever uploads the same content."""
        with self._lock:
            owners = self._files.get(path)
            if owners is None or uploaded:
                self._files[path] = {visitor.number} | (owners if isinstance(owners, set) else set())

    def check_files(self, visitor: Visitor, paths: Iterable[str]) -> None:
        """Raises Refused unless all these files are the visitor's."""
        with self._lock:
            for path in paths:
                owners = self._files.get(path)
                if not isinstance(owners, set) or visitor.number not in owners:
                    raise Refused(say.NOT_YOURS)

    def home(self, visitor: Visitor) -> Path:
        """The data folder of a visitor."""
        if visitor.account is not None:
            return self.root / "accounts" / visitor.account
        return self.root / "visitors" / visitor.number if self.apart else self.root


_doors: list[Doors] = []  # those of the page that this process serves, if it serves one


def install(doors: Doors) -> None:
    """From now on every handler asks these doors."""
    _doors[:] = [doors]


def remove() -> None:
    """No page is served any more: a handler is then an ordinary function again."""
    _doors.clear()


def home_of_event() -> Path | None:
    """The check of a handler: the data folder of the visitor whose event this is; None is the usual folder.

    Raises Refused for an event that did not come through the gate. Where no page is served (a test, a script) the caller is the
    owner of the process.
    """
    if not _doors:
        return None
    request = getattr(LocalContext.request.get(None), "request", None)
    visitor = request.scope.get("keepsake_visitor") if request is not None else None
    if not isinstance(visitor, Visitor):
        raise Refused(say.NOBODY)
    member = _member(request) if _doors[0].apart else None
    if member is not None:
        return _doors[0].root / "members" / _hash(member)[:32]
    return _doors[0].home(visitor)


def guest_home() -> Path | None:
    """The data folder of the visitor whose event this is, if it is a guest's: one of a public server who has not signed in."""
    home = home_of_event()
    return home if home is not None and _doors and _doors[0].apart and home.parent == _doors[0].root / "visitors" else None


def _member(request: Any) -> str | None:
    """Who signed in to Hugging Face in this browser (Gradio keeps it in a signed cookie), or None."""
    session = request.scope.get("session") or {}
    name = ((session.get("oauth_info") or {}).get("userinfo") or {}).get("preferred_username")
    return name if isinstance(name, str) and name else None


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
