"""What importers of chats between people share: names that stay apart, times in UTC, the texts that replies answer."""

from datetime import UTC, datetime
from itertools import chain, count
from typing import Any

from memory.importers.export import UnreadableTime, clean_text, parse_time

REPLY_LETTERS = 80
REMEMBERED = 5_000


class Names:
    """One name for each key (the id of an account, of a chat), and never one name for two keys."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._taken: set[str] = set()

    def of(self, key: str, name: str, mark: str = "") -> str:
        """The name a key was first given; a name that another key has is told apart by `mark`, else by a number."""
        if key not in self._names:
            numbered = (f"{name} ({number})" for number in count(2))
            candidates = chain([name], [f"{name} ({mark})"] if mark else [], numbered)
            self._names[key] = next(candidate for candidate in candidates if candidate not in self._taken)
            self._taken.add(self._names[key])
        return self._names[key]


class Answered:
    """The beginnings of the latest texts by id, for what replies to them."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def remember(self, key: Any, text: str) -> None:
        """Keep a text that later messages may answer."""
        if text:
            self._texts[str(key)] = text[:REPLY_LETTERS]
            if len(self._texts) > REMEMBERED:
                del self._texts[next(iter(self._texts))]

    def get(self, key: Any) -> str | None:
        """The beginning of a remembered text."""
        return None if key is None else self._texts.get(str(key))


def moment_of(value: Any) -> datetime | None:
    """A time in UTC where it names a zone or is a number, local time where it does not; None where there is none to read."""
    try:
        moment = parse_time(value)
        return moment.astimezone(UTC) if moment and moment.tzinfo else moment
    except (UnreadableTime, OverflowError, ValueError):
        return None


def word(value: Any) -> str:
    """A name out of a record: clean text, or nothing where it is no text."""
    return clean_text(value) if isinstance(value, str) else ""
