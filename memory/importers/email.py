"""Mails: .mbox files (Gmail Takeout, Thunderbird, Apple Mail) and .eml files come in, what people wrote to each other comes out.

A mailbox is split on its "From " lines while it is read, so its size does not matter; of an attachment only the beginning is held. The
subject names the conversation, and mails of one thread share it. Mails of machines and lists, spam, drafts and deleted mails are dropped.
"""

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.errors import MessageError
from email.message import Message
from io import BufferedReader, RawIOBase
from pathlib import PurePosixPath
from typing import cast

from memory.importers.email_heads import head, moment_of, reason_to_skip, sender_of, subject_of
from memory.importers.email_parts import text_of_mail
from memory.importers.email_text import new_words
from memory.importers.export import FORWARDED, MALFORMED, MEDIA, PERSON, WITHOUT_TEXT, Format, Options, ParsedMessage, Report, clean_text
from memory.importers.json_walk import CHUNK
from memory.importers.naming import Answered, Names
from memory.importers.sources import Bundle, Source

REPEATED = "mails that stand in several folders"
LARGEST_MAIL = 8 * 1024**2
LONGEST_BASE64 = 2_000  # lines, over 100 KB: more is an attachment
LONGEST_POSTMARK = 300

# What the email package raises at mails that break its rules.
BROKEN = (LookupError, ValueError, TypeError, AttributeError, AssertionError, NotImplementedError, RecursionError, MessageError)

_DAY = rb"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b.*\b"
_POSTMARK = re.compile(rb"From .*(?:" + _DAY + rb"\d\d?:\d\d.*\b(?:19|20)\d\d\b|" + _DAY + rb"(?:19|20)\d\d\b.*\b\d\d?:\d\d)")
_HEADER = re.compile(rb"[!-9;-~]+:")
_HEADER_BLOCK = re.compile(r"(?:[A-Za-z][A-Za-z0-9-]*:.*\n(?:[ \t]+\S.*\n)*){2,}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{40,80}={0,2}\r?\n")
_MASKED = re.compile(rb">+From ")
_ID = re.compile(r"<[^<>\s]+>")


def claim(bundle: Bundle) -> list[Source]:
    """The files that begin with a mailbox's "From " line or with the heads of a mail."""
    return [source for source in bundle.sources if _is_mailbox(source) or _is_mail(source.head)]


def parse(sources: list[Source], bundle: Bundle, report: Report, options: Options) -> Iterator[ParsedMessage]:
    """The mails of all files in their order, each once."""
    reader = _MailReader(report)
    for source in sources:
        source.notes.clear()  # each mail says itself how its letters are written
        folders = {re.sub(r"\.(?:mbox|sbd|eml)$", "", part.casefold()) for part in PurePosixPath(source.name).parts[-2:]}
        for postmark, raw in _mails(source):
            report.read += 1
            try:
                # Not the newer policy: it parses a head anew, and at length, each time that it is looked at (six times as slow).
                message = reader.read(message_from_bytes(raw), postmark, folders)
            except BROKEN as error:
                report.drop(MALFORMED, f"{type(error).__name__}: {raw[:80].decode('utf-8', 'replace')}")
            else:
                if message:
                    yield message


def _is_mailbox(source: Source) -> bool:
    first, _, rest = source.raw_head.lstrip().partition(b"\n")
    return bool(_POSTMARK.match(first[:LONGEST_POSTMARK]) and _HEADER.match(rest))


def _is_mail(start: str) -> bool:
    heads = _HEADER_BLOCK.match(start)
    names = {line.partition(":")[0].casefold() for line in heads[0].splitlines()} if heads else set()
    return "from" in names and bool(names & {"date", "message-id", "received", "mime-version"})


def _mails(source: Source) -> Iterator[tuple[str, bytes]]:
    """The mails of a file one at a time, each with the "From " line before it ("" for a file that is one mail)."""
    mailbox = _is_mailbox(source)
    mail = _Mail("")
    held = b""  # a line that may begin a mail: the next one tells
    after_blank = True
    with source.reading() as file:
        reader = BufferedReader(cast(RawIOBase, file), CHUNK)
        for line in iter(lambda: reader.readline(LARGEST_MAIL), b""):
            if held and _HEADER.match(line):
                if mail.lines:
                    yield mail.postmark, b"".join(mail.lines)
                mail = _Mail(held.decode("utf-8", "replace"))
            elif held:
                mail.add(held)
            held = line if mailbox and after_blank and _POSTMARK.match(line[:LONGEST_POSTMARK]) else b""
            after_blank = not line.strip()
            if not held:
                mail.add(line[1:] if mailbox and _MASKED.match(line) else line)
    mail.add(held)
    if mail.lines:
        yield mail.postmark, b"".join(mail.lines)


class _Mail:
    """The lines of one mail, without most of what is attached to it."""

    def __init__(self, postmark: str) -> None:
        self.postmark = postmark
        self.lines: list[bytes] = []
        self.size = self.encoded = 0

    def add(self, line: bytes) -> None:
        """Keep a line, unless nobody's text is that long; blank lines before the heads are not part of a mail."""
        if not self.lines:
            line = line.removeprefix(b"\xef\xbb\xbf")
        self.encoded = self.encoded + 1 if _BASE64.fullmatch(line) else 0
        if self.encoded <= LONGEST_BASE64 and self.size < LARGEST_MAIL and (self.lines or line.strip()):
            self.lines.append(line[: LARGEST_MAIL - self.size])
            self.size += len(line)


class _MailReader:
    """Reads one mail after the other; knows which came already, their threads, and what answers may refer to."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.names = Names()
        self.seen: set[int] = set()
        self.answered = Answered()

    def read(self, mail: Message, postmark: str, folders: set[str]) -> ParsedMessage | None:
        """The message of a mail; None where it is dropped."""
        (sender, address), (subject, passed_on) = sender_of(mail), subject_of(mail)
        key = head(mail, "Message-ID").strip()
        if reason := (None if sender else MALFORMED) or reason_to_skip(mail, address, folders) or self._repeated(key):
            self.report.drop(reason, subject)
            return None
        shown = text_of_mail(mail)
        words, forwards = new_words(shown)
        text = clean_text(words)
        if not text:
            attached = any(part.get_content_maintype() not in ("text", "multipart") for part in mail.walk())
            self.report.drop(FORWARDED if forwards or (passed_on and shown) else MEDIA if attached else WITHOUT_TEXT, subject)
            return None
        moment = moment_of(mail, postmark)
        if moment and moment.tzinfo is None:
            self.report.note("Times are the sender's local time: the export names no time zone.")
        above = _ID.findall(head(mail, "In-Reply-To"))
        thread = head(mail, "X-GM-THRID").strip() or next(iter([*_ID.findall(head(mail, "References")), *above]), key)
        reply_to = next((said for one in above if (said := self.answered.get(one))), None)
        self.answered.remember(key, text)
        return ParsedMessage(self.names.of(f"{thread} {subject}", subject), sender, PERSON, moment, text, reply_to)

    def _repeated(self, key: str) -> str | None:
        """Takeout puts a mail into the mailbox of each of its labels."""
        if not key or hash(key) not in self.seen:
            self.seen.add(hash(key))
            return None
        return REPEATED


FORMAT = Format("email", "e-mails (.mbox or .eml)", claim, parse)
