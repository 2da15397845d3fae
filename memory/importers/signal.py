"""Signal exports: the app's main.jsonl, Android's chat.txt of one chat and the files of signal-export come in, what people said comes out.

main.jsonl is a backup as JSON lines: frames for the account, recipients, chats and chat items that name each other by numbers; fields
with their default value are left out. Who is who is read first, so that names do not depend on where they stand. A mention is a
placeholder letter in the text, at a place counted in UTF-16 units. The files of single chats are read by signal_chats.py.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from memory.importers.export import (
    CALLS,
    DELETED,
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
from memory.importers.naming import REPLY_LETTERS, Names, moment_of, word
from memory.importers.signal_chats import ANDROID, MARKDOWN, RECORDS, android_title, parse_android, parse_markdown, parse_records
from memory.importers.signal_people import ME, Directory, Record, part_of, parts_of, read_directory
from memory.importers.sources import Bundle, Source, Unreadable

SILENT = {
    "contactMessage": WITHOUT_TEXT, "stickerMessage": MEDIA, "viewOnceMessage": MEDIA, "remoteDeletedMessage": DELETED,
    "adminDeletedMessage": DELETED, "updateMessage": NOTICES, "paymentNotification": NOTICES, "giftBadge": NOTICES,
}  # fmt: skip

_BACKUP = re.compile(r'\{(?=[^\n]*"backupTimeMs")[^\n]*"version"|\{\s*"(?:account|recipient|chat|chatItem)"\s*:\s*\{')
_FRAME = re.compile(r'^\{\s*"(?:recipient"\s*:\s*\{\s*"id"|chatItem"\s*:\s*\{[^\n]*"chatId")|"backupTimeMs"', re.MULTILINE)
_METADATA = re.compile(r'\{\s*"version"\s*:\s*"?\d+"?\s*\}\s*')


def claim(bundle: Bundle) -> list[Source]:
    """The backups with their metadata.json, and the files of single chats."""
    found = [source for source in bundle.sources if _reader(source)]
    folders = {PurePosixPath(source.name).parent for source in found}
    companions = [source for source in bundle.named(r"metadata\.json") if _METADATA.fullmatch(source.head)]
    return found + [source for source in companions if PurePosixPath(source.name).parent in folders]


def parse(sources: list[Source], bundle: Bundle, report: Report, options: Options) -> Iterator[ParsedMessage]:
    """The messages of each file; a chat that signal-export wrote twice is read from its JSON."""
    chats = Names()
    json_folders = {PurePosixPath(source.name).parent for source in sources if _reader(source) is parse_records}
    for source in sources:
        reader, folder = _reader(source), PurePosixPath(source.name).parent
        if reader is _parse_backup:
            yield from _parse_backup(source, report)
        elif reader is parse_android:
            yield from parse_android(source, chats.of(source.name, android_title(source) or _folder_name(source, bundle)), report)
        elif reader and not (reader is parse_markdown and folder in json_folders):
            yield from reader(source, chats.of(str(folder), _folder_name(source, bundle)), report)


def _reader(source: Source) -> Any:
    """What reads a source, told by its beginning; None for other files."""
    head = source.head
    if _BACKUP.match(head) and _FRAME.search(head):
        return _parse_backup
    if RECORDS.match(head):
        return parse_records
    if ANDROID.match(head):
        return parse_android
    return parse_markdown if source.suffix == ".md" and MARKDOWN.match(head) else None


def _folder_name(source: Source, bundle: Bundle) -> str:
    """signal-export calls the folder of a chat after it, and every file in it the same."""
    path = bundle.path.resolve()
    outer = path.parent.name if path.name == source.name else path.name.removesuffix(".zip")
    return PurePosixPath(source.name).parent.name or outer or "Signal chat"


def _parse_backup(source: Source, report: Report) -> Iterator[ParsedMessage]:
    directory = read_directory(source)
    if directory.me != ME:
        report.owner = directory.me
        report.note(f"The export is of the account of {directory.me}.")
    read, broken = 0, False
    for frame in source.records():
        broken = isinstance(frame, Unreadable)
        if broken or not isinstance(frame, dict) or "chatItem" in frame:
            read += 1
            report.read += 1
            message = _read_item(frame.get("chatItem") if isinstance(frame, dict) else frame, directory, report)
            if message:
                yield message
    if broken:
        report.warn(f"{source.place} is cut off after {read - 1} messages: export the chats again.")


def _read_item(item: Any, directory: Directory, report: Report) -> ParsedMessage | None:
    if not isinstance(item, dict) or "chatId" not in item:
        report.drop(MALFORMED, item.text if isinstance(item, Unreadable) else item)
        return None
    text, reason = _said(item, directory)
    if reason:
        report.drop(reason, text)
        return None
    if "longText" in _written(item):
        report.warn("Very long messages are cut: the export holds only their beginning.")
    number = str(item["chatId"])
    revisions = parts_of(item, "revisions")
    # An edited message is dated by its last edit; the oldest revision tells when it was said.
    moment = next((found for dated in [*revisions[:1], item] if (found := moment_of(dated.get("dateSent")))), None)
    answered = directory.plain(part_of(part_of(item, "standardMessage"), "quote").get("text"))[:REPLY_LETTERS] or None
    name = directory.chats.get(number) or clean_text(f"Signal chat {number}")
    return ParsedMessage(name, directory.sender(item), PERSON, moment, text, answered, bool(revisions))


def _said(item: Record, directory: Directory) -> tuple[str, str | None]:
    """What was written, and else why nothing counts."""
    silent = next((reason for key, reason in SILENT.items() if key in item), None)
    if silent is NOTICES and {"individualCall", "groupCall"} & part_of(item, "updateMessage").keys():
        return "", CALLS
    written = _written(item)
    text = directory.plain(written.get("text")) or word(part_of(item, "poll").get("question"))
    if str(item.get("authorId")) in directory.machines:
        return text, NOTICES
    if silent:
        return "", silent
    return text, None if text else MEDIA if written.get("attachments") else WITHOUT_TEXT


def _written(item: Record) -> Record:
    """The part of a chat item that holds what somebody wrote."""
    return part_of(item, "standardMessage") or part_of(part_of(item, "directStoryReplyMessage"), "textReply")


FORMAT = Format("signal", "Signal (main.jsonl, chat.txt or signal-export)", claim, parse)
