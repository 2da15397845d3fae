"""The room of messages: a parsed export comes in, each message is stored once, and they come out in time order."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from sqlite_utils import Database

from memory.store.database import fetch, to_json, transaction
from memory.store.keys import hash_parts, profile_salt

PROBES = 20
FEWEST_UNDATED = 3

Said = tuple[str, str, str | None, str]  # conversation, sender, time, text


class ParsedLike(Protocol):
    """A message as an importer gives it (memory/importers/)."""

    @property
    def conversation(self) -> str: ...
    @property
    def sender(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def timestamp(self) -> datetime | None: ...
    @property
    def text(self) -> str: ...


class ExportLike(Protocol):
    """A parsed export: its messages in file order and what was left out, counted by reason."""

    @property
    def messages(self) -> Iterable[ParsedLike]: ...
    @property
    def skipped(self) -> dict[str, int]: ...


@dataclass(frozen=True)
class Message:
    """One stored message; `timestamp` is ISO 8601 (UTC, or local time where the export has no zone) or None."""

    id: int
    conversation: str
    sender: str
    me: bool
    role: str
    timestamp: str | None
    text: str
    excluded: bool


@dataclass(frozen=True)
class ImportResult:
    """What an import did: counts, reasons for what was skipped, senders with message counts, names as stored."""

    imported: int
    duplicates: int
    skipped: int
    senders: list[dict[str, Any]]
    reasons: dict[str, int]
    conversations: list[str]


def save_import(db: Database, profile_id: int, parsed: ExportLike, me: str) -> ImportResult:
    """Stores the messages that are new, all or none; the same export again changes nothing.

    A message's key is its conversation, sender, time, text and how often the same occurred before it in this file: two
    equal messages are both kept, and a longer, newer export of the same chat adds only what is new.
    """
    reasons, senders, seen = Counter(parsed.skipped), Counter[tuple[str, bool]](), Counter[Said]()
    messages, rows, duplicates = list(parsed.messages), [], 0
    with transaction(db):
        salt, names = profile_salt(db, profile_id), _match_conversations(db, profile_id, messages)
        stored, forgotten = _stored_keys(db, profile_id), _forgotten_keys(db, profile_id)
        for message in messages:
            mine = is_me(message, me)
            senders[message.sender, mine] += 1
            said = (names[message.conversation], message.sender, stored_time(message.timestamp), message.text)
            seen[said] += 1
            key = hash_parts(salt, *said, seen[said])
            if key in stored:
                duplicates += 1
            elif forgotten and forgotten_key(salt, *said[1:]) in forgotten:
                reasons["forgotten earlier"] += 1
            else:
                rows.append([profile_id, key, *said, mine, message.role])
        db.conn.executemany(
            """INSERT INTO messages (profile_id, content_key, conversation, sender, timestamp, text, me, role)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
            rows,
        )
    listed = [{"sender": name, "messages": count, "me": mine} for (name, mine), count in senders.most_common()]
    return ImportResult(len(rows), duplicates, sum(reasons.values()), listed, dict(reasons), [*names.values()])


def is_me(message: ParsedLike, me: str) -> bool:
    """Whether the person said it: the user's side of an assistant's chat always, the assistant never, else by sender."""
    return message.role == "user" or (message.role != "assistant" and message.sender == me)


def stored_time(moment: datetime | None) -> str | None:
    """ISO 8601 to the second: UTC where the zone is known, local time as written where it is not."""
    if moment is None:
        return None
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="seconds")


def forgotten_key(salt: bytes, sender: str, timestamp: str | None, text: str) -> str:
    """The hash kept of a forgotten message; without its conversation, for a renamed file must not bring it back."""
    return hash_parts(salt, "message", sender, timestamp, text)


def list_messages(db: Database, profile_id: int, only_me: bool = False) -> list[Message]:
    """All messages (or the person's own), in time order, then in the order of the file; undated ones come first."""
    own = "AND me" if only_me else ""
    return [_message(row) for row in fetch(db, f"SELECT * FROM messages WHERE profile_id = ? {own} ORDER BY timestamp, id", [profile_id])]


def fetch_messages(db: Database, ids: Iterable[int]) -> list[Message]:
    """The messages with these ids, in the order of the ids; ids that are gone are left out."""
    wanted = list(ids)
    rows = fetch(db, "SELECT * FROM messages WHERE id IN (SELECT value FROM json_each(?))", [to_json(wanted)])
    found = {row["id"]: _message(row) for row in rows}
    return [found[number] for number in wanted if number in found]


def list_senders(db: Database, profile_id: int) -> list[dict[str, Any]]:
    """Every sender of the profile as {"sender", "messages", "me"}, the most frequent first."""
    sql = """SELECT sender, count(*) AS messages, me FROM messages WHERE profile_id = ?
             GROUP BY sender, me ORDER BY messages DESC, sender"""
    return [{**row, "me": bool(row["me"])} for row in fetch(db, sql, [profile_id])]


def _stored_keys(db: Database, profile_id: int) -> set[str]:
    return {row["content_key"] for row in fetch(db, "SELECT content_key FROM messages WHERE profile_id = ?", [profile_id])}


def _forgotten_keys(db: Database, profile_id: int) -> set[str]:
    sql = "SELECT hash FROM forgotten WHERE profile_id = ? AND kind = 'message'"
    return {row["hash"] for row in fetch(db, sql, [profile_id])}


def _match_conversations(db: Database, profile_id: int, messages: list[ParsedLike]) -> dict[str, str]:
    """The stored name of each conversation: its own, or that of a stored one which it repeats under another file name."""
    first: dict[str, list[ParsedLike]] = {}
    for message in messages:
        probes = first.setdefault(message.conversation, [])
        if len(probes) < PROBES:
            probes.append(message)
    stored = fetch(db, "SELECT DISTINCT conversation FROM messages WHERE profile_id = ?", [profile_id])
    known = {row["conversation"] for row in stored}
    return {name: name if name in known or not known else _overlap(db, profile_id, probes) or name for name, probes in first.items()}


def _overlap(db: Database, profile_id: int, probes: list[ParsedLike]) -> str | None:
    """The stored conversation that holds at least half of these messages, if one does; undated ones must be several."""
    if len(probes) < FEWEST_UNDATED and not any(probe.timestamp for probe in probes):
        return None
    found: Counter[str] = Counter()
    sql = """SELECT DISTINCT conversation FROM messages
             WHERE profile_id = ? AND timestamp IS ? AND sender = ? AND text = ?"""
    for probe in probes:
        rows = fetch(db, sql, [profile_id, stored_time(probe.timestamp), probe.sender, probe.text])
        found.update(row["conversation"] for row in rows)
    best = found.most_common(1)
    return best[0][0] if best and best[0][1] * 2 >= len(probes) else None


def _message(row: dict[str, Any]) -> Message:
    return Message(
        row["id"],
        row["conversation"],
        row["sender"],
        bool(row["me"]),
        row["role"],
        row["timestamp"],
        row["text"],
        bool(row["excluded"]),
    )
