"""Who is who in a Signal backup: its frames come in, the names of people and chats and the texts with those they mention come out."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from memory.importers.export import clean_text
from memory.importers.naming import Names, word
from memory.importers.sources import Source

NOTE_TO_SELF, UNKNOWN_SENDER, ME = "Note to Self", "Unknown sender", "Me"

PLACEHOLDER = "\N{OBJECT REPLACEMENT CHARACTER}".encode("utf-16-le")

_ITEM = re.compile(r'\s*\{\s*"chatItem"')

Record = dict[str, Any]


@dataclass
class Directory:
    """Who is who in a backup, by the numbers of recipients and of chats."""

    me: str = ME
    people: dict[str, str] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)  # of the chat with a recipient
    machines: set[str] = field(default_factory=set)  # recipients that are no people, such as Signal's own news
    mentioned: dict[str, str] = field(default_factory=dict)  # account id to name
    chats: dict[str, str] = field(default_factory=dict)

    def sender(self, item: Record) -> str:
        """Who wrote a chat item."""
        return self.me if "outgoing" in item else self.people.get(str(item.get("authorId")), UNKNOWN_SENDER)

    def plain(self, text: Any) -> str:
        """A text with the names of those it mentions."""
        body = text.get("body") if isinstance(text, dict) else None
        if not isinstance(body, str):
            return ""
        mentions = filter(None, map(_mention, parts_of(text, "bodyRanges")))
        units = body.encode("utf-16-le", "surrogatepass")
        for start, account in sorted(mentions, reverse=True):
            if units[2 * start : 2 * start + 2] == PLACEHOLDER:
                name = self.mentioned.get(account, "someone")
                units = units[: 2 * start] + f"@{name}".encode("utf-16-le") + units[2 * start + 2 :]
        return clean_text(units.decode("utf-16-le", "replace"))


def _mention(found: Record) -> tuple[int, str] | None:
    """Where a mention stands, and whom it means; other ranges are formatting."""
    start, account = found.get("start", 0), found.get("mentionAci")
    return (start, account) if isinstance(start, int) and start >= 0 and isinstance(account, str) else None


def read_directory(source: Source) -> Directory:
    """A first pass over everything but the messages."""
    directory, people, chats = Directory(), Names(), list[Record]()
    for line in source.lines():
        try:
            frame = {} if _ITEM.match(line) else json.loads(line)
        except (ValueError, RecursionError):
            continue
        if account := part_of(frame, "account"):
            directory.me = _full_name(account, "givenName", "familyName") or word(account.get("username")) or directory.me
            people.of("me", directory.me)  # whoever else is called so is told apart from the person
        if recipient := part_of(frame, "recipient"):
            _meet(recipient, str(recipient.get("id")), directory, people)
        if chat := part_of(frame, "chat"):
            chats.append(chat)
    names = Names()
    for chat in chats:
        number = str(chat.get("id"))
        directory.chats[number] = names.of(number, directory.titles.get(str(chat.get("recipientId"))) or f"Signal chat {number}")
    return directory


def _meet(recipient: Record, number: str, directory: Directory, people: Names) -> None:
    """Put a recipient into the directory under the name that Signal shows."""
    contact, group = part_of(recipient, "contact"), part_of(recipient, "group")
    if "self" in recipient:
        directory.people[number], directory.titles[number] = directory.me, NOTE_TO_SELF
    elif group:
        directory.titles[number] = word(part_of(part_of(group, "snapshot"), "title").get("title")) or f"Group {number}"
    elif contact:
        phone = f"+{contact['e164']}" if str(contact.get("e164", "")).isdigit() else ""
        handle = phone or word(contact.get("username"))
        name = people.of(number, _contact_name(contact) or handle or f"Signal user {number}", handle)
        directory.people[number] = directory.titles[number] = name
        if account := word(contact.get("aci")):
            directory.mentioned[account] = name
    else:
        directory.machines.add(number)


def _contact_name(contact: Record) -> str:
    """As Signal shows it: the person's own word for somebody, the address book's, then the profile's."""
    nickname = _full_name(part_of(contact, "nickname"), "given", "family")
    book = word(contact.get("systemNickname")) or _full_name(contact, "systemGivenName", "systemFamilyName")
    return nickname or book or _full_name(contact, "profileGivenName", "profileFamilyName")


def _full_name(record: Record, *keys: str) -> str:
    return " ".join(part for part in (word(record.get(key)) for key in keys) if part)


def part_of(record: Any, key: str) -> Record:
    """The object under a key; an empty one where there is none."""
    part = record.get(key) if isinstance(record, dict) else None
    return part if isinstance(part, dict) else {}


def parts_of(record: Record, key: str) -> list[Record]:
    """The objects of the list under a key."""
    found = record.get(key)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
