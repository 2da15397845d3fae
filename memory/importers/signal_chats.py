"""Single Signal chats: Android's chat.txt, or chat.md or data.json of signal-export comes in, what people said comes out.

The two texts begin a message with "[2024-05-01 10:00:00] Ana: " and end it with an empty line, so a pasted line of that form inside a message
does not begin another one. Early chat.md have no empty lines, and a comma after the date.
"""

import re
from collections.abc import Iterator
from typing import Any

from memory.importers.export import CALLS, DELETED, MALFORMED, MEDIA, NOTICES, PERSON, WITHOUT_TEXT, ParsedMessage, Report, clean_text
from memory.importers.naming import REPLY_LETTERS, moment_of, word
from memory.importers.signal_people import UNKNOWN_SENDER
from memory.importers.sources import Source, Unreadable

LOCAL_TIME = "Times are the phone's or computer's local time: the export names no time zone."
DELETED_LINE, VIEWED_LINE = "(This message was deleted)", "(View-once media)"

_STAMP = r"\d{4}-\d\d-\d\d,? \d\d:\d\d(?::\d\d)?"
ANDROID = re.compile(rf"Chat export: (?P<chat>[^\n]*)\r?\nExported on: {_STAMP}\r?\n=+\r?\n")
MARKDOWN = re.compile(rf"\[{_STAMP}\] [^\n]*?:")
RECORDS = re.compile(r'\{"date": "\d{4}-[^"]*", "sender": [^\n]*?"body": [^\n]*?"quote": [^\n]*?"reactions": ')
_CALL = re.compile(r"(?:Incoming|Outgoing|Missed)(?: voice| video)? call(?: \([^()]*\))?")

_HEADER = re.compile(r"\[(?P<date>\d{4}-\d\d-\d\d),? (?P<time>\d\d:\d\d(?::\d\d)?)\] (?P<sender>.*?):(?: (?P<text>.*)|$)")
_UPDATE = re.compile(rf"--- {_STAMP} (?P<text>.*) ---")
_CALL_UPDATE = re.compile(r"(?:(?:Incoming|Outgoing|Missed) (?:voice|video) call|Group call|Call)")
_FILE = re.compile(r"^\[(?:Voice message|Audio|GIF|Video|Image|Document|Attachment): media/[^\s\]]+\] ?", re.MULTILINE)
_STICKER = re.compile(r"\(Sticker\) .*\[See: media/\S+\]")
_POLL = re.compile(r"\(Poll\) (?P<question>.*)(?:\n  - .* \(\d+ votes?\))+(?:\n  \(Poll ended\))?")
_QUOTING = re.compile(r"\n> Quoting [^\n]*:\n(?P<quote>(?:> [^\n]*(?:\n|\Z))*)")
_MD_QUOTE = re.compile(r"\s*\n(?P<quote>(?:> ?[^\n]*(?:\n|\Z))+)")
_MD_FILE = re.compile(r"!?\[[^\]\n]{0,300}\]\((?:\./media|\.\./exported_stickers)/[^)\n]{0,600}\)")
_MD_STICKER = re.compile(r"(?:\A|\n)\(\( .* \)\)")
_MD_REACTIONS = re.compile(r"(?:\A|\n)\(- .* -\)")

Block = tuple[re.Match[str] | None, str]  # the header, and the text down to the next one; None before a system line


def android_title(source: Source) -> str:
    """The name of the chat as the first line of a chat.txt gives it."""
    named = ANDROID.match(source.head)
    return clean_text(named["chat"]) if named else ""


def parse_android(source: Source, chat: str, report: Report) -> Iterator[ParsedMessage]:
    """The messages of a chat.txt; the person is called "You"."""
    report.owner = "You"
    report.note('The export calls the person whose account it is "You".')
    for header, body in _blocks(source, report):
        text, answered = _split(body, _QUOTING)
        if header is None:
            report.drop(CALLS if _CALL_UPDATE.fullmatch(text) else NOTICES, text)
        elif _STICKER.fullmatch(text) or text == VIEWED_LINE:
            report.drop(MEDIA)
        else:
            poll = _POLL.fullmatch(text)
            text = poll["question"] if poll else text
            yield from _message(header, chat, _FILE.sub("", text), text, answered, report)


def parse_markdown(source: Source, chat: str, report: Report) -> Iterator[ParsedMessage]:
    """The messages of a chat.md; the person is called "Me"."""
    report.owner = "Me"
    report.note('The export calls the person whose account it is "Me".')
    for header, body in _blocks(source, report):
        text, answered = _split(body, _MD_QUOTE)
        said = _MD_FILE.sub("", _MD_STICKER.sub("", _MD_REACTIONS.sub("", text)))
        if header and _CALL.fullmatch(said.strip()):
            report.drop(CALLS, said)
        elif header:
            yield from _message(header, chat, said, text, answered, report)


def parse_records(source: Source, chat: str, report: Report) -> Iterator[ParsedMessage]:
    """The lines of data.json: {"date", "sender", "body", "quote", "sticker", "attachments", ...}."""
    report.note(LOCAL_TIME)
    record: Any = None
    read = 0
    for record in source.records():
        read += 1
        report.read += 1
        if not isinstance(record, dict) or not isinstance(record.get("body", ""), str):
            report.drop(MALFORMED, record.text if isinstance(record, Unreadable) else record)
            continue
        text, sender = word(record.get("body")), word(record.get("sender"))
        unknown = sender in ("", "No-Sender")
        if record.get("deleted"):
            report.drop(DELETED)
        elif record.get("call") or _CALL.fullmatch(text):
            report.drop(CALLS, text)
        elif not text:
            report.drop(MEDIA if record.get("attachments") or record.get("sticker") else NOTICES if unknown else WITHOUT_TEXT)
        else:
            name = UNKNOWN_SENDER if unknown else sender
            if sender == "Me":
                report.owner = sender
            yield ParsedMessage(chat, name, PERSON, moment_of(record.get("date")), text, _clean_quote(word(record.get("quote"))))
    if isinstance(record, Unreadable):
        report.warn(f"{source.place} is cut off after {read - 1} messages: export the chats again.")


def _clean_quote(quote: str) -> str | None:
    """The beginning of a quoted text without the marks before its lines."""
    return clean_text(re.sub(r"^> ?", "", quote.strip(), flags=re.MULTILINE))[:REPLY_LETTERS] or None


def _message(header: re.Match[str], chat: str, said: str, whole: str, answered: str | None, report: Report) -> Iterator[ParsedMessage]:
    """A message, unless nothing is left of it without its files."""
    text = clean_text(said)
    if text == DELETED_LINE:
        report.drop(DELETED)
    elif not text:
        report.drop(MEDIA if whole.strip() else WITHOUT_TEXT)
    else:
        sender = clean_text(header["sender"])
        moment = moment_of(f"{header['date']}T{header['time']}")
        yield ParsedMessage(chat, UNKNOWN_SENDER if sender in ("", "No-Sender") else sender, PERSON, moment, text, answered)


def _split(body: str, form: re.Pattern[str]) -> tuple[str, str | None]:
    """The text without the quote it may begin with, and the quote."""
    found = form.match(body)
    if found is None:
        return clean_text(body), None
    quote = _clean_quote(found["quote"])
    return clean_text(body[found.end() :]), None if quote == "(media)" else quote


def _blocks(source: Source, report: Report) -> Iterator[Block]:
    """The messages and system lines with their texts, in bounded memory."""
    report.note(LOCAL_TIME)
    spaced = _is_spaced(source.head)
    header: re.Match[str] | None = None
    lines: list[str] = []
    begun, before = False, ""
    for line in source.lines():
        fits = not spaced or not before.strip()
        found = _HEADER.match(line) if fits else None
        update = _UPDATE.fullmatch(line) if fits and not found else None
        before = line
        if found or update:
            if begun:
                yield header, "\n".join(lines)
            report.read += 1
            begun, header = True, found
            lines = [found["text"] or "" if found else update["text"]]  # type: ignore[index]
        elif begun:
            lines.append(line)
    if begun:
        yield header, "\n".join(lines)


def _is_spaced(head: str) -> bool:
    """Whether empty lines stand between the messages: then what looks like a header within a message is none."""
    lines = [line.rstrip("\r") for line in head.split("\n")]
    before = [lines[place - 1].strip() for place in range(1, len(lines)) if _HEADER.match(lines[place])]
    return sum(not line for line in before) * 2 > len(before)
