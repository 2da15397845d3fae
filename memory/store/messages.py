"""The room of messages: a parsed export comes in, each message is stored once, and they come out in time order."""

from collections import Counter
from collections.abc import Iterable, Iterator
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
    @property
    def reply_to(self) -> str | None: ...
    @property
    def edited(self) -> bool: ...


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
    reply_to: str | None = None
    edited: bool = False


@dataclass(frozen=True)
class ImportResult:
    """What an import stored: counts of what was new, already there and forgotten earlier, and the conversations' names as stored."""

    imported: int
    duplicates: int
    forgotten: int
    conversations: list[str]


def save_messages(db: Database, profile_id: int, messages: Iterable[ParsedLike], me: str, import_id: int | None = None) -> ImportResult:
    """Stores the messages that are new, all or none, batch by batch; the same export again changes nothing.

    A message's key is its conversation, sender, time, text and how often the same occurred before it in this file: two
    equal messages are both kept, and a longer, newer export of the same chat adds only what is new.
    """
    duplicates = forgotten_again = imported = 0
    with transaction(db):
        keeper = _Keeper(db, profile_id)
        for batch in _batches(messages):
            keeper.meet(batch)
            rows = []
            for message in batch:
                said = (keeper.names[message.conversation], message.sender, stored_time(message.timestamp), message.text)
                key = keeper.key(said)
                if keeper.forgotten and forgotten_key(keeper.salt, *said[1:]) in keeper.forgotten:
                    forgotten_again += 1
                else:
                    rows.append([profile_id, key, *said, is_me(message, me), message.role, message.reply_to, message.edited, import_id])
            stored = max(0, db.conn.executemany(_INSERT, rows).rowcount)
            imported += stored
            duplicates += len(rows) - stored
    return ImportResult(imported, duplicates, forgotten_again, list(dict.fromkeys(keeper.names.values())))


_INSERT = """INSERT OR IGNORE INTO messages
             (profile_id, content_key, conversation, sender, timestamp, text, me, role, reply_to, edited, import_id)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
BATCH = 5000


def _batches(messages: Iterable[ParsedLike]) -> Iterator[list[ParsedLike]]:
    batch: list[ParsedLike] = []
    for message in messages:
        batch.append(message)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


class _Keeper:
    """What has to be known of the messages stored before, in memory that grows with conversations and repetitions, not with messages."""

    def __init__(self, db: Database, profile_id: int) -> None:
        self.db, self.profile_id = db, profile_id
        self.salt, self.forgotten = profile_salt(db, profile_id), _forgotten_keys(db, profile_id)
        self.names: dict[str, str] = {}  # of a conversation in the file -> as stored
        self._undated: Counter[str] = Counter()
        self._of_moment: dict[str, tuple[str | None, Counter[str]]] = {}  # conversation -> its last moment and what was said then

    def meet(self, batch: list[ParsedLike]) -> None:
        """Find the stored names of conversations that this batch is the first to hold."""
        new = [message for message in batch if message.conversation not in self.names]
        if new:
            self.names.update(_match_conversations(self.db, self.profile_id, new))

    def key(self, said: Said) -> str:
        """The content key; equal messages of the same second are told apart by their number."""
        plain = hash_parts(self.salt, *said)
        if said[2] is None:
            counts = self._undated
        else:
            moment, counts = self._of_moment.get(said[0], (None, Counter()))
            if moment != said[2]:
                counts = Counter()
                self._of_moment[said[0]] = (said[2], counts)
        counts[plain] += 1
        return hash_parts(self.salt, *said, counts[plain])


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


def newest_messages(db: Database, profile_id: int, limit: int) -> list[Message]:
    """The newest messages of a profile, newest first; undated ones last."""
    sql = "SELECT * FROM messages WHERE profile_id = ? ORDER BY timestamp DESC, id DESC LIMIT ?"
    return [_message(row) for row in fetch(db, sql, [profile_id, limit])]


def list_persons(db: Database, profile_id: int) -> list[str]:
    """The senders in chats between people, the most frequent first: one of them is the person."""
    sql = "SELECT sender FROM messages WHERE profile_id = ? AND role = 'person' GROUP BY sender ORDER BY count(*) DESC, sender"
    return [str(row["sender"]) for row in fetch(db, sql, [profile_id])]


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
        row["reply_to"],
        bool(row["edited"]),
    )
