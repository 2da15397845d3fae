"""Telegram Desktop exports: a result.json (one chat, or all of an account) comes in, what people said comes out.

Several chats and several people may have the same name, so both are told apart by their ids. Telegram writes control characters as
\\x01, which is no JSON: they are mended while the file is read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET

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
from memory.importers.naming import Answered, Names, moment_of, seconds_of, word
from memory.importers.sources import Bundle, Source, Unreadable
from memory.importers.telegram_file import mended, owner, shared_titles
from memory.importers.telegram_record import Record, decode, record_of

PATHS = ("messages", "chats.list.messages", "left_chats.list.messages")
OWN_CHATS = {"saved_messages": "Saved Messages", "replies": "Replies", "verification_codes": "Verification codes"}
CALL_ACTIONS = ("phone_call", "conference_call", "group_call", "group_call_scheduled", "invite_to_group_call")
TELEGRAM_ITSELF = ("user777000", "777000", 777000)  # sends login codes and news

_ACCOUNT = re.compile(
    r'\{\s*"about"\s*:\s*"(?:[^"\\]|\\.)*"\s*,\s*"(?:personal_information|profile_pictures|stories|contacts|frequent_contacts|'
    r'sessions|web_sessions|other_data|chats|left_chats)"\s*:\s*[\[{]'
)
_MESSAGES = re.compile(r'"messages"\s*:\s*\[')
_OF_TELEGRAM = re.compile(
    r'"type"\s*:\s*"(?:personal_chat|bot_chat|saved_messages|replies|verification_codes|(?:private|public)_(?:group|supergroup|channel))"'
    r'|"date_unixtime"\s*:\s*"\d+"|"text_entities"\s*:\s*\['
)


def claim(bundle: Bundle) -> list[Source]:
    """The JSON files that begin like an account's or a chat's export."""
    return [source for source in bundle.sources if source.head.startswith("{") and _is_telegram(source.head)]


def _is_telegram(head: str) -> bool:
    return bool(_ACCOUNT.match(head) or (_MESSAGES.search(head) and _OF_TELEGRAM.search(head)))


def parse(sources: list[Source], bundle: Bundle, report: Report, options: Options) -> Iterator[ParsedMessage]:
    """The messages of every chat, chat by chat in the order of the files."""
    shared = shared_titles(sources)
    people = Names()
    for source in map(mended, sources):
        _meet_owner(source, people, report)
        chat, around_it, read = _Chat("", "", ""), None, 0
        for around, records in source.runs(*PATHS, decode=decode):
            if isinstance(records[0], Unreadable):
                report.warn(f"{source.place} is cut off after {read} messages: export it again.")
                continue
            if around[-1] is not around_it:
                around_it = around[-1]
                chat = _open_chat(around_it, shared, people)
            read += len(records)
            report.read += len(records)
            for record in records:
                message = _plain(record, chat) or _read(record, chat, people, report)
                if message is not None:
                    yield message


@dataclass
class _Chat:
    """One chat: its unique name, its kind and its bare id; the names under which those who write in it were met."""

    name: str
    kind: str
    id: str
    answered: Answered = field(default_factory=Answered)
    met: dict[tuple[str, str], str] = field(default_factory=dict)  # (from_id, from) -> name
    is_channel: bool = False

    def __post_init__(self) -> None:
        self.is_channel = self.kind.endswith("_channel")


def _open_chat(head: dict[str, Any], shared: set[str], people: Names) -> _Chat:
    kind, number = word(head.get("type")), clean_text(str(head.get("id", "")))
    name = OWN_CHATS.get(kind) or word(head.get("name"))
    if not name:
        name = f"Deleted account {number}" if kind.endswith("_chat") else f"Telegram chat {number}".strip()
    elif name in shared:
        name = f"{name} ({number})"
    if kind == "personal_chat":
        people.of(number, name, number)  # the chat and the other side of it are called the same
    return _Chat(name, kind, number)


def _plain(record: Any, chat: _Chat) -> ParsedMessage | None:
    """The message of a record that is as most are, by somebody who was met: `_read` would give the same, in twice the time."""
    if type(record) is not Record or not record.is_plain or type(record.account) is not str or type(record.name) is not str:
        return None
    text, sender = clean_text(record.text), chat.met.get((record.account, record.name))
    if not text or sender is None:
        return None
    chat.answered.remember(record.id, text)
    return ParsedMessage(chat.name, sender, PERSON, record.moment or None, text)


def _read(found: Any, chat: _Chat, people: Names, report: Report) -> ParsedMessage | None:
    record = record_of(found) if isinstance(found, dict) else found
    if not isinstance(record, Record) or not isinstance(record.type, str):
        report.drop(MALFORMED, (found.text or "") if isinstance(found, Record) else found)
        return None
    text, message = _text(record), None
    if reason := _reason_to_skip(record, text, chat):
        # What Telegram itself writes are login codes: neither a sample nor a reply may show them.
        text = "" if reason is NOTICES else text
        report.drop(reason, (record.action or "") if reason in (NOTICES, CALLS) else text)
    else:
        answered = chat.answered.get(record.answers) if record.answers is not UNSET and record.answers_elsewhere is UNSET else None
        moment = _time(record, report)
        message = ParsedMessage(chat.name, _sender(record, chat, people), PERSON, moment, text, answered, _is_edited(record))
    # A reply may also answer what is not kept, such as a forwarded message.
    chat.answered.remember(record.id, text)
    return message


def _reason_to_skip(record: Record, text: str, chat: _Chat) -> str | None:
    """Why a record is not somebody's words, or None."""
    if record.type == "service":
        return CALLS if record.action in CALL_ACTIONS else NOTICES
    if record.type != "message":
        return WITHOUT_TEXT if record.type == "unsupported" else NOTICES
    if chat.kind == "verification_codes" or record.account in TELEGRAM_ITSELF:
        return NOTICES
    if record.is_forwarded:
        return FORWARDED
    if record.via_bot is not UNSET or (chat.kind == "bot_chat" and _account(record.account) == chat.id):
        return BOTS
    # Only bots can put buttons below what they write in a group.
    if record.buttons is not UNSET and _account(record.account).isdigit():
        return BOTS
    if not text:
        return MEDIA if record.has_media else WITHOUT_TEXT
    return None


def _text(record: Record) -> str:
    """What was written: the text or caption, else the question of a poll or a list of things to do."""
    written, poll, tasks = record.text, record.poll, record.todo_list
    if text := clean_text(written) if isinstance(written, str) else _joined(written):
        return text
    entities = record.entities
    if text := _joined(msgspec.json.decode(entities) if isinstance(entities, msgspec.Raw) else entities):
        return text
    if isinstance(poll, dict):
        return _joined(poll.get("question"))
    if isinstance(tasks, dict):
        items = tasks.get("answers")
        lines = [item.get("text") for item in items if isinstance(item, dict)] if isinstance(items, list) else []
        return "\n".join(line for line in map(_joined, [tasks.get("title"), *lines]) if line)
    return ""


def _joined(written: Any) -> str:
    """A text that is a string or a list of parts; the parts follow each other without anything between them."""
    parts = written if isinstance(written, list) else [written]
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    return clean_text("".join(text for text in texts if isinstance(text, str)))


def _sender(record: Record, chat: _Chat, people: Names) -> str:
    account, name = record.account, record.name
    if chat.is_channel or not isinstance(account, str) or not isinstance(name, str):
        return _name(record, chat, people)
    known = chat.met.get((account, name))
    if known is None:
        known = chat.met[account, name] = _name(record, chat, people)
    return known


def _name(record: Record, chat: _Chat, people: Names) -> str:
    account, name = _account(record.account), word(record.name)
    if chat.is_channel:
        signed = word(record.author)  # who of those that run the channel wrote it
        if signed or not account:
            return signed or name or chat.name
    if not account:
        return name or "Deleted account"
    return people.of(account, name or f"Deleted account {account}", account)


def _account(value: Any) -> str:
    """The id of who wrote: bare for people (also in the numbers of exports before 2021), with its kind for channels and groups."""
    return clean_text(str(value)).removeprefix("user") if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def _time(record: Record, report: Report) -> datetime | None:
    """UTC; the computer's local time in exports before 2021, which have no other."""
    moment = record.moment if record.is_dated else moment_of(record.date)
    if moment and moment.tzinfo is None:
        report.note("Times are the computer's local time: the export names no time zone.")
    return moment or None


def _is_edited(record: Record) -> bool:
    """Early exports write the year 1970 for messages that nobody edited."""
    if record.edited is UNSET and record.edited_unixtime is UNSET:
        return False
    moment = seconds_of(record.edited_unixtime) or moment_of(record.edited)
    return moment is not None and moment.year > 1970


def _meet_owner(source: Source, people: Names, report: Report) -> None:
    """The person whose account it is has their name for themselves, whoever else is called so."""
    info = owner(source)
    name = " ".join(part for part in (word(info.get("first_name")), word(info.get("last_name"))) if part)
    if name and (account := _account(info.get("user_id"))):
        report.owner = people.of(account, name, account)
        report.note(f"The export is of the account of {report.owner}.")


FORMAT = Format("telegram", "Telegram (result.json)", claim, parse)
