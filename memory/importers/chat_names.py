"""Titles of chats with assistants: what the export calls a chat comes in, and its messages; a title comes out."""

from collections.abc import Iterable
from typing import Any

from memory.importers.export import USER, ParsedMessage, clean_text

UNTITLED = "Untitled chat"
TITLE_LETTERS = 40


def title_of(title: Any, messages: Iterable[ParsedMessage]) -> str:
    """A chat's title; without one the first words of the person, which no later export changes."""
    given = clean_text(title) if isinstance(title, str) else ""
    return given or next((first_words(message.text) for message in messages if message.role == USER), UNTITLED)


def first_words(text: str) -> str:
    """The beginning of a text as a name."""
    return " ".join(text.split())[:TITLE_LETTERS].strip() or UNTITLED
