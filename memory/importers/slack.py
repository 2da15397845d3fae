"""Slack workspace exports: a folder a channel with a JSON array a day comes in (ZIP, folder or single days), what people said comes out.

Users, channels, groups and direct messages are told from users.json, channels.json, groups.json, dms.json and mpims.json where they are
there: `<@U..>` becomes the person's @name, a direct message is called after its people. A person is known by the id, so two people of one
name stay two, and a deleted account keeps its name.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any

from memory.importers.export import (
    BOTS,
    CALLS,
    DELETED,
    FORWARDED,
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
from memory.importers.naming import REPLY_LETTERS, Answered, Names
from memory.importers.slack_workspace import Workspace, read_workspace
from memory.importers.sources import Bundle, Source, Unreadable

REPEATED = "repeated messages"

DAY = re.compile(r"\d{4}-\d{2}-\d{2}\.json", re.IGNORECASE)
RECORD = re.compile(r'"ts"\s*:\s*"\d{8,11}\.\d{1,6}"')
COMPANIONS = re.compile(
    r"(?:users|org_users|channels|groups|dms|mpims|integration_logs|canvases|lists|file_conversations|huddle_transcripts)\.json",
    re.IGNORECASE,
)
SAID = {None, "", "thread_broadcast", "reply_broadcast", "file_share", "file_comment", "me_message"}
ROBOTS = {"bot_message", "slackbot_response", "assistant_app_thread"}
GONE = {"tombstone", "message_deleted"}
SHADOWS = {"message_changed", "message_replied", "ekm_access_denied"}  # of a message that stands elsewhere, or cannot be read
HUDDLES = {"huddle_thread", "sh_room_created", "sh_room_shared"}

_OLD_UPLOAD = re.compile(r"<@\w+(?:\|[^>]*)?> (?:uploaded|shared) a file: <[^>]*>(?: and commented: (?P<said>.*))?", re.DOTALL)


def claim(bundle: Bundle) -> list[Source]:
    """The days of channels, told by their first record; empty or broken days and the lists of people and channels go with them."""
    found = {id(source) for source in bundle.sources if source.head.startswith("[") and _is_day(source.head)}
    if not found:
        return []
    for source in bundle.sources:
        name = PurePosixPath(source.name).name
        if COMPANIONS.fullmatch(name) or (DAY.fullmatch(name) and source.head.startswith("[")):
            found.add(id(source))
    return [source for source in bundle.sources if id(source) in found]


def parse(sources: list[Source], bundle: Bundle, report: Report, options: Options) -> Iterator[ParsedMessage]:
    """The messages channel by channel and day by day."""
    workspace = read_workspace(bundle, report)
    days = sorted((source for source in sources if not _is_companion(source)), key=_place)
    names = Names()
    for folder, files in groupby(days, key=lambda source: _place(source)[0]):
        conversation = names.of(folder, workspace.title(folder, bundle))
        yield from _channel(list(files), conversation, workspace, report)


def _channel(days: list[Source], conversation: str, workspace: Workspace, report: Report) -> Iterator[ParsedMessage]:
    recent = Answered()  # by ts, which is a message's id in its channel
    for day in days:
        count = 0
        for _, record in day.items(""):
            if isinstance(record, Unreadable):
                report.warn(f"{day.name} is cut off after {count} messages: export the workspace again.")
                break
            count += 1
            report.read += 1
            message = _message(record, conversation, recent, workspace, report)
            if message:
                yield message


def _message(record: Any, conversation: str, recent: Answered, workspace: Workspace, report: Report) -> ParsedMessage | None:
    moment = _time(record.get("ts")) if isinstance(record, dict) else None
    said = _own_text(record) if moment else None
    if moment is None or said is None:
        report.drop(MALFORMED, record)
        return None
    text = clean_text(workspace.plain(said))
    if (reason := _reason(record, workspace)) or (reason := _nothing_said(record) if not text else None):
        report.drop(reason, text)
        message = None
    elif recent.get(record["ts"]) == text[:REPLY_LETTERS]:
        report.drop(REPEATED, text)
        message = None
    else:
        thread = record.get("thread_ts")
        answered = recent.get(thread) if thread != record["ts"] else None
        sender = workspace.sender(_user(record), record)
        message = ParsedMessage(conversation, sender, PERSON, moment, text, answered, isinstance(record.get("edited"), dict))
    if reason not in (DELETED, HIDDEN):
        recent.remember(record["ts"], text)
    return message


def _own_text(record: dict[str, Any]) -> str | None:
    """What the record's author wrote: old exports wrap the comment on a file into a sentence of Slack's."""
    if record.get("subtype") == "file_comment" and isinstance(record.get("comment"), dict):
        text = record["comment"].get("comment")
    else:
        text = record.get("text")
    if text is None:
        return ""
    if not isinstance(text, str):
        return None
    old = _OLD_UPLOAD.fullmatch(text) if record.get("subtype") == "file_share" or record.get("upload") else None
    return (old["said"] or "") if old else text


def _reason(record: dict[str, Any], workspace: Workspace) -> str | None:
    """Why a record is nobody's words."""
    kind, user = record.get("subtype"), _user(record)
    if not isinstance(kind, str | None):
        return MALFORMED
    if kind in GONE:
        return DELETED
    if kind in SHADOWS or record.get("hidden") is True or record.get("is_ephemeral") is True:
        return HIDDEN
    if kind in HUDDLES:
        return CALLS
    if kind not in SAID | ROBOTS:
        return NOTICES
    # An app may also write in a person's name, by that person's hand: it is a bot's only where the person is none.
    app = bool(record.get("bot_id")) and user not in workspace.people
    if kind in ROBOTS or user == "USLACKBOT" or user in workspace.bots or app:
        return BOTS
    return None if user or workspace.sender(_user(record), record) else MALFORMED


def _nothing_said(record: dict[str, Any]) -> str:
    if record.get("files") or record.get("file"):
        return MEDIA
    attachments = record.get("attachments")
    shared = isinstance(attachments, list) and any(
        isinstance(item, dict) and (item.get("is_share") or item.get("is_msg_unfurl")) for item in attachments
    )
    return FORWARDED if shared else WITHOUT_TEXT


def _user(record: dict[str, Any]) -> str:
    comment = record.get("comment")
    user = record.get("user") or (comment.get("user") if isinstance(comment, dict) else None)
    return user if isinstance(user, str) else ""


def _is_day(head: str) -> bool:
    return bool(RECORD.search(head)) and ('"type"' in head or '"user"' in head)


def _is_companion(source: Source) -> bool:
    return bool(COMPANIONS.fullmatch(PurePosixPath(source.name).name))


def _place(source: Source) -> tuple[str, str]:
    path = PurePosixPath(source.name)
    return str(path.parent) if path.parent.name else "", path.name


def _time(ts: Any) -> datetime | None:
    if not isinstance(ts, str) or not re.fullmatch(r"[0-9]{1,11}(?:\.[0-9]{1,6})?", ts):
        return None
    return datetime.fromtimestamp(float(ts), UTC) if float(ts) > 0 else None


FORMAT = Format("slack", "Slack (workspace export)", claim, parse)
