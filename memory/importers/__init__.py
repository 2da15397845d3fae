"""Importers: the path of a chat export comes in, a ParsedExport comes out; the kind is told from the content, not the name."""

import json
from pathlib import Path
from typing import Any

from memory.errors import BadExport
from memory.importers.chatgpt import is_chatgpt, parse_chatgpt
from memory.importers.export import ParsedExport, ParsedMessage, merge
from memory.importers.plain import header_of_csv, is_plain, parse_csv, parse_lines, parse_records
from memory.importers.reading import Part, read_parts
from memory.importers.whatsapp import is_whatsapp, parse_whatsapp

__all__ = ["ParsedExport", "ParsedMessage", "parse_export"]

EXPECTED = (
    "a WhatsApp chat (.txt or .zip), a ChatGPT export (.zip or conversations.json), or JSON lines or CSV with "
    "conversation, sender, timestamp and text"
)


def parse_export(path: Path) -> ParsedExport:
    """The messages of one export file; raises BadExport, also when nothing in it can be kept."""
    parts = read_parts(path)
    exports, refusal = [], None
    for part in parts:
        try:
            exports.append(_with_notes(_parse_part(part, path), part))
        except BadExport as error:
            # A ZIP may hold other texts beside the chat; a single file must be one.
            refusal = error
    if not exports:
        raise refusal or BadExport(f"{path} holds no chat: expected {EXPECTED}.")
    export = merge(exports)
    if not export.messages:
        reasons = ", ".join(f"{count} {reason}" for reason, count in export.skipped.items()) or "it is empty"
        raise BadExport(f"Nothing in {path} can be imported ({reasons}): export the chat again or choose another.")
    return export


def _parse_part(part: Part, path: Path) -> ParsedExport:
    text = part.text.strip("\ufeff \t\r\n\f")
    if not text:
        raise BadExport(f"{path} holds nothing but blank space: export the chat again.")
    if is_whatsapp(text):
        return parse_whatsapp(text, part.title)
    if text[0] in "[{":
        return _parse_json(text, part, path)
    delimiter = header_of_csv(text)
    if delimiter:
        return parse_csv(text, part.title, delimiter)
    start = " ".join(text[:60].split())
    raise BadExport(f'{path} is text, but not a chat export (it begins "{start}"): expected {EXPECTED}.')


def _parse_json(text: str, part: Part, path: Path) -> ParsedExport:
    """A whole JSON document, or JSON lines if the first line is one by itself."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        first = _load_or_none(text.split("\n", 1)[0])
        if isinstance(first, dict) and "\n" in text:
            if is_plain(first) or any(is_plain(_load_or_none(line)) for line in text.splitlines()):
                return parse_lines(text, part.title)
            raise _other_json(first, path) from error
        raise BadExport(f"{path} is damaged or incomplete JSON ({error}): download or export it again.") from error
    if is_chatgpt(data):
        return parse_chatgpt(data)
    records = data if isinstance(data, list) else [data]
    if any(is_plain(record) for record in records):
        whole_thread = isinstance(data, list) and all(isinstance(item, dict) and "role" in item for item in data)
        return parse_records([{"messages": data}] if whole_thread else records, part.title)
    raise _other_json(data, path)


def _other_json(data: Any, path: Path) -> BadExport:
    first = next((item for item in data if isinstance(item, dict)), {}) if isinstance(data, list) else data
    keys = ", ".join(sorted(map(str, first))[:8]) if isinstance(first, dict) else ""
    found = f"its keys are {keys}" if keys else "it has no records"
    return BadExport(f"{path} is JSON, but of a kind that is not known ({found}): expected {EXPECTED}.")


def _load_or_none(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _with_notes(export: ParsedExport, part: Part) -> ParsedExport:
    return ParsedExport(export.format, export.messages, export.skipped, [*part.notes, *export.notes])
