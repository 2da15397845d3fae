"""DiscordChatExporter's JSON comes in (a file a channel, or several parts of one), what people said comes out.

A person is known by the id and keeps one name in all channels, though every server may show another nickname. Several parts are read in
the order of their numbers.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from memory.importers.export import (
    BOTS,
    CALLS,
    FORWARDED,
    MALFORMED,
    MEDIA,
    NOTICES,
    PERSON,
    WITHOUT_TEXT,
    Format,
    Options,
    ParsedMessage,
    Report,
    clean_text,
)
from memory.importers.naming import Answered, Names, moment_of, word
from memory.importers.sources import Bundle, Source, Unreadable

# A type is a word, or the number of Discord's API where the exporter has no word for it.
SPOKEN, CALLED = ("Default", "Reply", "0", "19"), ("Call", "3")
COMMANDS = ("20", "23", "ChatInputCommand", "ContextMenuCommand")  # what bots answer to commands
NO_NAME = "Deleted User"

_GUILD = re.compile(r'"guild"\s*:\s*(?=\{)')
_CHANNEL = re.compile(r'"channel"\s*:\s*(?=\{)')
_MESSAGES = re.compile(r'"messages"\s*:\s*\[')
_RAW = re.compile(r"<(?:@!?(?P<person>\d+)|a?(?P<emoji>:\w+:)\d+)>")

Record = dict[str, Any]


def claim(bundle: Bundle) -> list[Source]:
    """The JSON files that begin with a guild and a channel."""
    return [source for source in bundle.sources if source.head.startswith("{") and _is_discord(source.head)]


def _is_discord(head: str) -> bool:
    return bool(_GUILD.search(head) and _CHANNEL.search(head) and _MESSAGES.search(head))


def parse(sources: list[Source], bundle: Bundle, report: Report, options: Options) -> Iterator[ParsedMessage]:
    """The messages of every channel."""
    ordered = sorted(sources, key=_place)
    channels = [_read_channel(source) for source in ordered]
    ids_of: dict[str, set[str]] = {}
    for channel in channels:
        ids_of.setdefault(channel.title, set()).add(channel.id)
    people, answered = Names(), Answered()
    for source, channel in zip(ordered, channels):
        name = f"{channel.title} ({channel.id})" if len(ids_of[channel.title]) > 1 else channel.title
        read = 0
        for _, record in source.items("messages"):
            if isinstance(record, Unreadable):
                report.warn(f"{source.place} is cut off after {read} messages: export it again.")
                continue
            read += 1
            report.read += 1
            message = _read(record, name, people, answered, report)
            if message:
                yield message


def _place(source: Source) -> list[Any]:
    """Part 10 comes after part 2, and the part without a number, which is the first, before both."""
    parts = re.split(r"([0-9]+)", source.name.removesuffix(".json"))
    return [int(part) if number % 2 else part for number, part in enumerate(parts)]


@dataclass(frozen=True)
class _Channel:
    """Where messages were said; `title` names the server too, where it is no direct message."""

    id: str
    title: str


def _read_channel(source: Source) -> _Channel:
    guild, channel = (_object_after(form, source.head) for form in (_GUILD, _CHANNEL))
    kind, name, parent, server = (
        word(value) for value in (channel.get("type"), channel.get("name"), channel.get("category"), guild.get("name"))
    )
    name = name or source.title
    if "Thread" in kind and parent:  # the "category" of a thread is the channel it is in
        name = f"{parent} / {name}"
    direct = kind.startswith("Direct") or guild.get("id") == "0"
    return _Channel(clean_text(str(channel.get("id") or source.name)), name if direct or not server else f"{server} #{name}")


def _object_after(form: re.Pattern[str], head: str) -> Record:
    """The JSON object behind a key in the beginning of a file."""
    found = form.search(head)
    try:
        value = json.JSONDecoder().raw_decode(head, found.end())[0] if found else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _read(record: Any, channel: str, people: Names, answered: Answered, report: Report) -> ParsedMessage | None:
    author = record.get("author") if isinstance(record, dict) else None
    if not isinstance(author, dict):
        report.drop(MALFORMED, record)
        return None
    text = _text(record)
    reason = _reason_to_skip(record, author, text)
    answered.remember(record.get("id"), text)
    if reason:
        report.drop(reason, text)
        return None
    reference = record.get("reference")
    return ParsedMessage(
        channel, _sender(author, people), PERSON, moment_of(record.get("timestamp")), text,
        answered.get(reference.get("messageId")) if isinstance(reference, dict) else None, moment_of(record.get("timestampEdited")) is not None,
    )  # fmt: skip


def _reason_to_skip(record: Record, author: Record, text: str) -> str | None:
    """Why a record is not somebody's words, or None."""
    kind, reference = str(record.get("type", "Default")), record.get("reference")
    if kind in CALLED:
        return CALLS
    if kind not in SPOKEN:
        return BOTS if kind in COMMANDS else NOTICES
    if author.get("isBot") is True:
        return BOTS
    if "forwardedMessage" in record or (isinstance(reference, dict) and reference.get("type") == "Forward"):
        return FORWARDED
    if not text:
        return MEDIA if record.get("attachments") or record.get("stickers") else WITHOUT_TEXT
    return None


def _text(record: Record) -> str:
    """What was written; exports without formatting have ids in the place of names and of the server's own emoji."""
    content = record.get("content")
    text = clean_text(content) if isinstance(content, str) else ""
    if "<" not in text:
        return text
    mentions = record.get("mentions")
    found = [person for person in mentions if isinstance(person, dict)] if isinstance(mentions, list) else []
    names = {str(person.get("id")): word(person.get("nickname")) or word(person.get("name")) for person in found}
    return _RAW.sub(lambda raw: raw["emoji"] or (f"@{names[raw['person']]}" if names.get(raw["person"]) else raw[0]), text)


def _sender(author: Record, people: Names) -> str:
    """The shown name; people of one name are told apart by their handle, deleted accounts by what is left of it."""
    name, number = word(author.get("name")), str(author.get("id") or "")
    digits = word(author.get("discriminator"))
    handle = f"{name}#{digits}" if digits.strip("0") else name
    shown = word(author.get("nickname")) or name
    if shown in ("", NO_NAME):
        left = name.removeprefix("deleted_user_") if name not in ("", NO_NAME) else number
        shown = f"{NO_NAME} {left}".strip()
    return people.of(number or handle, shown, handle if handle != shown else number)


FORMAT = Format("discord", "Discord (DiscordChatExporter JSON)", claim, parse)
