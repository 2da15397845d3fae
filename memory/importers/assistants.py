"""What exports of chats with assistants share: their chats are read one by one, and dated leniently (chat_names.py names them)."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from memory.errors import BadExport
from memory.importers.export import ParsedMessage, Report, UnreadableTime, parse_time
from memory.importers.sources import Source, Unreadable

YEARS = range(2000, 2200)  # of a chat with an assistant; anything else is no date


def read_chats(sources: list[Source], report: Report) -> Iterator[Any]:
    """The chats of all files, one at a time: a file is a list of them, {"conversations": [...]} or one chat.

    Warns where a file is cut off; raises BadExport where a file is damaged and not one chat can be read.
    """
    found, damaged = 0, ""
    for source in sources:
        in_file = 0
        for chat in _chats(source):
            if isinstance(chat, Unreadable):
                damaged = source.place
                report.warn(f"{source.name} is cut off after {in_file} chats: export your data again.")
                break
            in_file += 1
            yield chat
        found += in_file
    if damaged and not found:
        raise BadExport(f"{damaged} is damaged or incomplete JSON: download or export it again.")


def _chats(source: Source) -> Iterator[Any]:
    alone = source.head.startswith("{")
    for _, chat in source.items("conversations" if alone else ""):
        alone = False
        yield chat
    if alone:
        yield source.json()


def in_conversation(messages: Iterable[ParsedMessage], name: str) -> Iterator[ParsedMessage]:
    """The messages under the name of their chat, which is known only when it was read."""
    for message in messages:
        message.conversation = name
        yield message


def time_or_none(value: Any) -> datetime | None:
    """The moment a field names (in UTC, or without a zone where the field has none), None where it names none."""
    try:
        moment = None if isinstance(value, bool) else parse_time(value)
    except UnreadableTime:
        return None
    if moment is None or moment.year not in YEARS:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment


def seconds(value: Any) -> float:
    """A field's moment as a number to compare by; 0 where it names none."""
    moment = time_or_none(value)
    return moment.timestamp() if moment else 0.0
