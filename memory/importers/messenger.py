"""Facebook Messenger and Instagram chats out of "Download your information": JSON files of threads come in, what people said comes out.

Meta writes each byte of UTF-8 as a letter of its own ("CafÃ©"), newest messages first, and breaks long threads into message_1.json (the
newest), message_2.json, ...: all three are undone. The separate download of end-to-end encrypted chats (`senderName`, `text`) has none of
these habits. Lines that Meta writes in a person's name are known from messenger_notices.py.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any

from memory.errors import BadExport
from memory.importers.export import (
    CALLS,
    DELETED,
    HIDDEN,
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
from memory.importers.messenger_notices import notice
from memory.importers.naming import Names, moment_of
from memory.importers.sources import Bundle, Source, Unreadable

DOWNLOADED = re.compile(r'"sender_name"\s*:')
ENCRYPTED = re.compile(r'"senderName"\s*:')
MILLISECONDS = re.compile(r'"timestamp(?:_ms)?"\s*:\s*(\d{12,14})\b')
THREAD = re.compile(r'\{\s*"(?:participants|messages|title|thread_path|threadName)"')
OWNER = re.compile(r'"(?:profile_v\d|autofill_information_v\d|profile_user)"\s*:')
OWNER_PATHS = (
    ("profile_v2", "name", "full_name"),
    ("autofill_information_v2", "FULL_NAME", 0),
    ("profile_user", 0, "string_map_data", "Name", "value"),
)
FOLDERS = re.compile(r"/(?:inbox|archived_threads|filtered_threads|message_requests|e2ee_cutover)/")
Mend = Callable[[str], str]
FILES = ("photos", "videos", "audio_files", "gifs", "files", "sticker", "share", "media")
DELETED_ACCOUNT = re.compile(
    r"(?:facebook|instagram|messenger)[ -](?:user|nutzer(?:/?:?in)?|gebruiker)|"
    r"(?:utilisateur|usuario|utente|utilizador|usuário)(?: (?:de|di|do))? (?:facebook|instagram|messenger)",
    re.IGNORECASE,
)


def claim(bundle: Bundle) -> list[Source]:
    """The files of threads, told by their first message (an empty thread by its participants), and those that name the owner."""
    threads = [source for source in bundle.sources if _is_thread(source.head)]
    if not any(DOWNLOADED.search(source.head) or ENCRYPTED.search(source.head) for source in threads):
        return []
    chosen = {id(source) for source in threads} | {id(source) for source in bundle.sources if _is_about_owner(source)}
    return [source for source in bundle.sources if id(source) in chosen]


def parse(sources: list[Source], bundle: Bundle, report: Report, options: Options) -> Iterator[ParsedMessage]:
    """The messages thread by thread, oldest first; of a thread, one file is held in memory at a time."""
    for source in filter(_is_about_owner, sources):
        if name := _owner(source):
            report.owner = name
            report.note(f"The chats were downloaded by {name}.")
    names = Names()
    threads = sorted((source for source in sources if not _is_about_owner(source)), key=lambda source: (_thread(source), _age(source)))
    for thread, files in groupby(threads, key=_thread):
        for source in files:
            yield from _file(source, thread, names, report)


def _file(source: Source, thread: str, names: Names, report: Report) -> Iterator[ParsedMessage]:
    records: list[Any] = []
    about: dict[str, Any] = {}
    for around, record in source.items("messages"):
        if isinstance(record, Unreadable):
            report.warn(f"{source.name} is cut off after {len(records)} messages: download it again.")
        else:
            about = around[-1]  # filled further while the walk goes on: the title stands behind the messages
            records.append(record)
    if not records:
        return
    report.read += len(records)
    if _newest_first(records):
        records.reverse()
    mend = _mended if DOWNLOADED.search(source.head) else _as_it_is
    path = about.get("thread_path")
    place = clean_text(PurePosixPath(path if isinstance(path, str) and path.strip("/. ") else thread).name.removesuffix(".json"))
    conversation = names.of(thread, _title(source, about, place, mend))
    for record in records:
        message = _message(record, conversation, place, mend, report)
        if message:
            yield message


def _message(record: Any, conversation: str, place: str, mend: Mend, report: Report) -> ParsedMessage | None:
    if not isinstance(record, dict):
        report.drop(MALFORMED, record)
        return None
    sender = record.get("sender_name", record.get("senderName", ""))
    text = record.get("content", record.get("text"))
    moment = _time(record)
    if moment is None or not isinstance(sender, str) or not isinstance(text, str | None):
        report.drop(MALFORMED, record)
        return None
    sender, text = clean_text(mend(sender)), clean_text(mend(text or ""))
    if reason := _reason(record, text, sender):
        report.drop(reason, text)
        return None
    if not sender or DELETED_ACCOUNT.fullmatch(sender):
        # Accounts that are gone all have one name; the thread's id keeps those of different chats apart.
        sender = f"{sender or 'Unknown person'} ({place})"
    return ParsedMessage(conversation, sender, PERSON, moment, text)


def _reason(record: dict[str, Any], text: str, sender: str) -> str | None:
    """Why a record is nobody's words."""
    kind = record.get("type")
    if record.get("is_unsent") is True or record.get("isUnsent") is True:
        return DELETED
    if record.get("is_taken_down") is True:
        return HIDDEN
    if "call_duration" in record or kind == "Call":
        return CALLS
    if kind in ("Subscribe", "Unsubscribe") or (record.get("users") and kind != "Generic"):
        return NOTICES
    if text and (reason := notice(text, sender)):
        return reason
    if kind == "placeholder" and text.endswith(" unsent a message"):  # of somebody, who need not be the sender
        return DELETED
    if text and kind != "placeholder":
        return None
    return MEDIA if any(record.get(key) for key in FILES) else WITHOUT_TEXT


def _mended(text: str) -> str:
    """Text whose letters are the bytes of UTF-8, read as such; any other text as it is."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _as_it_is(text: str) -> str:
    return text


def _newest_first(records: list[Any]) -> bool:
    """Told from the first and the last time; without two of them, as Meta's main download has it."""
    times = [moment for record in (records[0], records[-1]) if isinstance(record, dict) and (moment := _time(record))]
    if len(times) == 2 and times[0] != times[1]:
        return times[0] > times[1]
    return not (isinstance(records[0], dict) and "senderName" in records[0])


def _title(source: Source, about: dict[str, Any], place: str, mend: Mend) -> str:
    """The thread's own name, else its people, else its folder."""
    named = about.get("title")
    if not isinstance(named, str) or not named.strip():
        named = re.sub(r"_\d+$", "", name) if isinstance(name := about.get("threadName"), str) else ""
    title = clean_text(mend(named))
    if not title:
        people = [item.get("name") if isinstance(item, dict) else item for _, item in source.items("participants")]
        known = [clean_text(mend(person)) for person in people if isinstance(person, str) and person.strip()]
        title = ", ".join(known) if len(known) > 1 else ""  # a single name is mostly the owner's own
    return f"{title or 'Chat'} ({place})" if not title or DELETED_ACCOUNT.fullmatch(title) else title


def _thread(source: Source) -> str:
    """What the files of one thread share: their folder, wherever the person keeps it; an encrypted chat is one file."""
    if ENCRYPTED.search(source.head) or not re.fullmatch(r"message_\d+", source.title, re.IGNORECASE):
        return source.name
    return FOLDERS.sub("/", "/" + str(PurePosixPath(source.name).parent))


def _age(source: Source) -> tuple[int, int]:
    """Sorts a thread's files from the oldest: by a time in them, else by their falling number."""
    moment = MILLISECONDS.search(source.head)
    number = re.search(r"(\d+)$", source.title)
    return int(moment[1]) if moment else 0, -int(number[1]) if number else 0


def _is_thread(head: str) -> bool:
    if not THREAD.match(head):
        return False
    if '"participants"' in head and re.search(r'"messages"\s*:\s*\[\s*\]', head):
        return '"thread_path"' in head or '"threadName"' in head
    return bool((DOWNLOADED.search(head) or ENCRYPTED.search(head)) and MILLISECONDS.search(head))


def _is_about_owner(source: Source) -> bool:
    return source.head.startswith("{") and bool(OWNER.search(source.head))


def _owner(source: Source) -> str:
    try:
        document = source.json()
    except BadExport:
        return ""
    for path in OWNER_PATHS:
        found: Any = document
        for step in path:
            inner = found.get(step) if isinstance(found, dict) else found[0] if isinstance(found, list) and found and step == 0 else None
            found = inner
        if isinstance(found, str) and found.strip():
            return clean_text(_mended(found))
    return ""


def _time(record: dict[str, Any]) -> datetime | None:
    value = record.get("timestamp_ms", record.get("timestamp"))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return moment_of(value)


FORMAT = Format("messenger", "Facebook Messenger or Instagram (download of your information)", claim, parse)
