"""What importers of chats between people share: names that stay apart, times in UTC, the texts that replies answer."""

from collections.abc import Hashable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain
from typing import Any

from memory.importers.export import UnreadableTime, clean_text, parse_time

REPLY_LETTERS = 80
REMEMBERED = 5_000
SECONDS_DIGITS = 10  # up to the year 2286


class Names:
    """One name for each key (the id of an account, of a chat), and never one name for two keys."""

    def __init__(self) -> None:
        self._names: dict[Hashable, str] = {}
        self._taken: set[str] = set()
        self._last: dict[str, int] = {}  # the highest number of a name: assistants call thousands of chats "New chat"

    def of(self, key: Hashable, name: str, mark: str = "") -> str:
        """The name a key was first given; a name that another key has is told apart by `mark`, else by a number."""
        if key not in self._names:
            name, mark = clean_text(name) or "Unnamed", clean_text(mark)  # a key may be damaged, and stand in a name
            candidates = chain([name], [f"{name} ({mark})"] if mark else [], self._numbered(name))
            self._names[key] = next(candidate for candidate in candidates if candidate not in self._taken)
            self._taken.add(self._names[key])
        return self._names[key]

    def of_chat(self, key: Any, title: str) -> str:
        """The name of a chat; what has no key (no text) is a chat of its own."""
        return self.of(key if isinstance(key, str) and key else object(), title)

    def _numbered(self, name: str) -> Iterator[str]:
        while True:
            self._last[name] = self._last.get(name, 1) + 1
            yield f"{name} ({self._last[name]})"


class Answered:
    """The beginnings of the latest texts by id, for what replies to them: of the last `REMEMBERED` at least, of twice as many at most."""

    def __init__(self) -> None:
        self._recent: dict[int | str, str] = {}
        self._older: dict[int | str, str] = {}

    def remember(self, key: Any, text: str) -> None:
        """Keep a text that later messages may answer; a key is a number, or known by how it is written."""
        if text:
            self._recent[key if type(key) is int else str(key)] = text if len(text) <= REPLY_LETTERS else text[:REPLY_LETTERS]
            if len(self._recent) >= REMEMBERED:
                self._older, self._recent = self._recent, {}

    def get(self, key: Any) -> str | None:
        """The beginning of a remembered text."""
        if key is None:
            return None
        key = key if type(key) is int else str(key)
        return self._recent.get(key) or self._older.get(key)


def moment_of(value: Any) -> datetime | None:
    """A time in UTC where it names a zone or is a number, local time where it does not; None where there is none to read."""
    try:
        moment = parse_time(value)
        return moment.astimezone(UTC) if moment and moment.tzinfo else moment
    except (UnreadableTime, OverflowError, ValueError):
        return None


def seconds_of(value: Any) -> datetime | None:
    """A time that is written in whole seconds since 1970, the common case and quick to read; else as `moment_of`."""
    if isinstance(value, str) and len(value) <= SECONDS_DIGITS and value.isdecimal():
        hour, second = divmod(int(value), 3600)
        if hour:
            return _hour(hour) + _SECONDS[second]
    return moment_of(value)


# Three times as fast as datetime.fromtimestamp for each message, most of which are of an hour that was met before.
_SECONDS = [timedelta(seconds=second) for second in range(3600)]


@lru_cache(maxsize=5_000)
def _hour(number: int) -> datetime:
    return datetime.fromtimestamp(3600 * number, UTC)


def word(value: Any) -> str:
    """A name out of a record: clean text, or nothing where it is no text."""
    return clean_text(value) if isinstance(value, str) else ""
