"""Plain exports: JSON lines, a JSON array or CSV with conversation, sender, timestamp and text come in, messages come out.

OpenAI-style records are read too: {"messages": [{"role": ..., "content": ...}, ...]}.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from memory.importers.export import (
    ASSISTANT,
    PERSON,
    USER,
    ParsedExport,
    ParsedMessage,
    UnreadableTime,
    clean_text,
    parse_time,
)

FIELDS = {
    "conversation": ("conversation", "conversation_id", "chat", "thread", "title"),
    "sender": ("sender", "from", "author", "name", "role"),
    "timestamp": ("timestamp", "time", "date", "datetime", "created_at", "create_time"),
    "text": ("text", "content", "message", "body"),
}
ROLES = {"user": USER, "human": USER, "assistant": ASSISTANT, "chatgpt": ASSISTANT}
NOT_SPEECH = ("system", "developer", "tool", "function")
TITLE_LETTERS = 40

Record = dict[str, Any]


def is_plain(record: Any) -> bool:
    """Whether a JSON value is a record of this kind: a sender and a text, or a list of messages with roles."""
    if not isinstance(record, dict):
        return False
    fields = _by_field(record)
    return bool(_messages_of(record)) or ("sender" in fields and "text" in fields)


def header_of_csv(text: str) -> str | None:
    """The delimiter if the first line is a CSV header with a sender and a text column, else None."""
    first = text.lstrip("\ufeff\n\r ").split("\n", 1)[0]
    for delimiter in (",", ";", "\t"):
        names = next(csv.reader([first], delimiter=delimiter), [])
        if len(names) > 1 and {"sender", "text"} <= _by_field(dict.fromkeys(names)).keys():
            return delimiter
    return None


def parse_csv(text: str, title: str, delimiter: str) -> ParsedExport:
    """The messages of a CSV file, whose columns may have any order and case."""
    csv.field_size_limit(2**31 - 1)
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff\n\r "), newline=""), delimiter=delimiter)
    return parse_records((None if None in row else row for row in reader), title, "records of another length")


def parse_lines(text: str, title: str) -> ParsedExport:
    """The messages of JSON lines."""
    return parse_records((_load(line) for line in text.splitlines() if line.strip()), title, "lines that are not JSON")


def parse_records(records: Iterable[Any], title: str, malformed: str = "malformed records") -> ParsedExport:
    """The messages of records one by one; a record that is not one is skipped under the reason `malformed`."""
    messages: list[ParsedMessage] = []
    skipped: Counter[str] = Counter()
    loose: list[Record] = []
    for record in records:
        if not isinstance(record, dict):
            skipped[malformed] += 1
        elif (inner := _messages_of(record)) is not None:
            messages += _parse_thread(record, inner, skipped)
        else:
            loose.append(record)
    messages += _parse_all(loose, title, None, skipped)
    return ParsedExport("plain", messages, dict(skipped))


def _parse_thread(record: Record, inner: list[Any], skipped: Counter[str]) -> list[ParsedMessage]:
    """One OpenAI-style record; without a title it is named after its first words, which no later export changes."""
    fields = _by_field(record)
    parsed = _parse_all(inner, "", fields.get("timestamp"), skipped)
    named = fields.get("conversation")
    first = next((message.text for message in parsed if message.role != ASSISTANT), "Chat")
    name = clean_text(str(named)) if named else " ".join(first.split())[:TITLE_LETTERS]
    return [ParsedMessage(name, m.sender, m.role, m.timestamp, m.text) for m in parsed]


def _parse_all(records: list[Any], title: str, moment: Any, skipped: Counter[str]) -> list[ParsedMessage]:
    messages = []
    for record in records:
        parsed = _parse_record(record, title, moment)
        if isinstance(parsed, str):
            skipped[parsed] += 1
        else:
            messages.append(parsed)
    return messages


def _parse_record(record: Any, title: str, moment: Any) -> ParsedMessage | str:
    """The message of a record, or the reason to skip it."""
    if not isinstance(record, dict):
        return "malformed records"
    fields = _by_field(record)
    sender, text = fields.get("sender"), _text_of(fields.get("text"))
    if not isinstance(sender, str) or not sender.strip():
        return "records without a sender"
    if sender.strip().casefold() in NOT_SPEECH:
        return "system and tool messages"
    if not text:
        return "records without text"
    try:
        timestamp = parse_time(fields.get("timestamp", moment))
    except UnreadableTime:
        return "records with an unreadable timestamp"
    sender = clean_text(sender)
    conversation = fields.get("conversation")
    name = clean_text(str(conversation)) if conversation not in (None, "") else title
    return ParsedMessage(name or title, sender, ROLES.get(sender.casefold(), PERSON), timestamp, text)


def _text_of(content: Any) -> str:
    """A string, or the text parts of a list of parts."""
    if isinstance(content, list):
        parts = [part.get("text") if isinstance(part, dict) else part for part in content]
        content = "\n".join(part for part in parts if isinstance(part, str))
    return clean_text(content) if isinstance(content, str) else ""


def _messages_of(record: Record) -> list[Any] | None:
    inner = next((value for key, value in record.items() if isinstance(key, str) and key.casefold() == "messages"), None)
    if not isinstance(inner, list):
        return None
    known = any(isinstance(item, dict) and "role" in item and "content" in item for item in inner)
    return inner if known else None


def _by_field(record: Record) -> Record:
    """The record's values under our names; the first alias that occurs counts."""
    lowered = {key.strip().casefold(): value for key, value in record.items() if isinstance(key, str)}
    return {field: lowered[names[0]] for field, aliases in FIELDS.items() if (names := [a for a in aliases if a in lowered])}


def _load(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
