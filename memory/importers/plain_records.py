"""One plain record: a JSON object or a row of a CSV comes in, the message it is comes out, or the threads and fields it holds."""

from collections.abc import Iterator
from typing import Any

from memory.importers.chat_names import TITLE_LETTERS
from memory.importers.export import (
    ASSISTANT,
    MALFORMED,
    PERSON,
    TOOLS,
    USER,
    WITHOUT_TEXT,
    ParsedMessage,
    Report,
    UnreadableTime,
    clean_text,
)
from memory.importers.plain_dates import WrittenTimes

FIELDS = {
    "conversation": ("conversation", "conversation_id", "chat", "thread", "title"),
    "sender": ("sender", "from", "author", "name", "role", "absender", "von", "autor", "expéditeur", "auteur", "remitente", "mittente", "remetente", "afzender"),
    "timestamp": ("timestamp", "time", "date", "datetime", "created_at", "createdat", "create_time", "datum", "zeitpunkt", "fecha", "data"),
    "text": ("text", "content", "message", "body", "nachricht", "inhalt", "texte", "mensaje", "texto", "messaggio", "testo", "mensagem", "bericht"),
}  # fmt: skip
ROLES = {"user": USER, "human": USER, "assistant": ASSISTANT, "chatgpt": ASSISTANT}
NOT_SPEECH = ("system", "developer", "tool", "function")

Record = dict[str, Any]


def by_field(record: Any) -> Record:
    """The record's values under our names; the first alias that occurs counts."""
    pairs = record.items() if isinstance(record, dict) else ()
    lowered = {key.strip().casefold(): value for key, value in pairs if isinstance(key, str)}
    found = {field: lowered[names[0]] for field, aliases in FIELDS.items() if (names := [a for a in aliases if a in lowered])}
    if "timestamp" not in lowered and isinstance(lowered.get("date"), str) and isinstance(lowered.get("time"), str):
        found["timestamp"] = f"{lowered['date']} {lowered['time']}".strip()
    return found


def is_plain(record: Any) -> bool:
    """Whether a JSON value is a record of this kind: a sender and a text, or a list of messages with roles."""
    return isinstance(record, dict) and (bool(turns_of(record)) or {"sender", "text"} <= by_field(record).keys())


def is_turn(item: Any) -> bool:
    """Whether a JSON value is a message with a role."""
    return isinstance(item, dict) and "role" in item and "content" in item


def turns_of(record: Record) -> list[Any] | None:
    """The messages of a record that is a thread, else None."""
    inner = next((value for key, value in record.items() if isinstance(key, str) and key.casefold() == "messages"), None)
    return inner if isinstance(inner, list) and any(is_turn(item) for item in inner) else None


def words_of(turns: list[Any]) -> str:
    """The beginning of what the person says first in a thread, which no later export changes; "" where nothing is said."""
    for turn in turns:
        fields = by_field(turn)
        role = str(fields.get("sender")).strip().casefold()
        if role not in NOT_SPEECH and ROLES.get(role) != ASSISTANT and (text := text_of(fields.get("text"))):
            return " ".join(text.split())[:TITLE_LETTERS]
    return ""


def text_of(content: Any) -> str:
    """A string, or the text parts of a list of parts."""
    if isinstance(content, list):
        parts = [part.get("text") if isinstance(part, dict) else part for part in content]
        content = "\n".join(part for part in parts if isinstance(part, str))
    return clean_text(content) if isinstance(content, str) else ""


def name_of(value: Any) -> str:
    """The name of a conversation, which may be a number."""
    return clean_text(str(value)) if isinstance(value, str | int | float) else ""


def parse_record(record: Any, title: str, moment: Any, times: WrittenTimes, report: Report) -> Iterator[ParsedMessage]:
    """The message of a record, if it is one; `title` and `moment` are those of its thread, `times` are those of its file."""
    fields = by_field(record)
    sender, text = fields.get("sender"), text_of(fields.get("text"))
    written = fields.get("timestamp", moment)
    if not isinstance(sender, str) or not clean_text(sender):
        report.drop(MALFORMED, text or "a record without a sender")
    elif sender.strip().casefold() in NOT_SPEECH:
        report.drop(TOOLS, text)
    elif not text:
        report.drop(WITHOUT_TEXT, sender)
    else:
        try:
            timestamp = times.read(written)
        except UnreadableTime:
            report.drop(MALFORMED, f"unreadable time: {text}")
            return
        sender = clean_text(sender)
        if timestamp and timestamp.tzinfo is None:
            report.note("Times are the writer's local time: the export names no time zone.")
        role = ROLES.get(sender.casefold(), PERSON)
        yield ParsedMessage(name_of(fields.get("conversation")) or title, sender, role, timestamp, text)
