"""Names for chats with assistants: a chat's key and title come in, a name comes out that no other chat of the export has.

Assistants give many chats the same title ("New chat") and others none; two chats must never become one.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from memory.importers.export import USER, ParsedMessage, clean_text

UNTITLED = "Untitled chat"
TITLE_LETTERS = 40


class ChatNames:
    """Gives the same chat the same name however often it is asked for, and the second chat of a title " (2)"."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._taken: set[str] = set()
        self._of_title: Counter[str] = Counter()

    def name(self, key: Any, title: str) -> str:
        """The name of a chat; `key` is what the export knows it by: without one (no text) it is a chat of its own."""
        known = isinstance(key, str) and bool(key)
        if known and key in self._names:
            return self._names[key]
        name = ""
        while not name or name in self._taken:
            self._of_title[title] += 1
            name = title if self._of_title[title] == 1 else f"{title} ({self._of_title[title]})"
        self._taken.add(name)
        if known:
            self._names[key] = name
        return name


def title_of(title: Any, messages: Iterable[ParsedMessage]) -> str:
    """A chat's title; without one the first words of the person, which no later export changes."""
    given = clean_text(title) if isinstance(title, str) else ""
    return given or next((first_words(message.text) for message in messages if message.role == USER), UNTITLED)


def first_words(text: str) -> str:
    """The beginning of a text as a name."""
    return " ".join(text.split())[:TITLE_LETTERS].strip() or UNTITLED
