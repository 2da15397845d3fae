"""One record of a Telegram export: JSON comes in, its fields that matter here come out, absent ones as UNSET.

Most of a record's fields say how it looked. Leaving them undecoded makes reading twice as fast.
"""

from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType, field

from memory.importers.naming import seconds_of


class Record(msgspec.Struct, gc=False):
    """What is read of a record; nothing is known of most types, for exports are old, new, damaged and forged."""

    type: Any = UNSET
    id: Any = UNSET
    date: Any = UNSET
    moment: datetime | UnsetType = field(default=UNSET, name="date_unixtime")
    edited: Any = UNSET
    edited_unixtime: Any = UNSET
    name: Any = field(default=UNSET, name="from")
    account: Any = field(default=UNSET, name="from_id")
    author: Any = UNSET
    action: Any = UNSET
    text: Any = UNSET
    entities: Raw | UnsetType = field(default=UNSET, name="text_entities")
    poll: Any = UNSET
    todo_list: Any = UNSET
    answers: Any = field(default=UNSET, name="reply_to_message_id")
    answers_elsewhere: Any = field(default=UNSET, name="reply_to_peer_id")
    forwarded_from: Any = UNSET  # null where the first author is unknown
    forwarded_from_id: Any = UNSET
    saved_from: Any = UNSET
    via_bot: Any = UNSET
    buttons: Any = field(default=UNSET, name="inline_bot_buttons")
    photo: Any = UNSET
    file: Any = UNSET
    media_type: Any = UNSET
    paid_stars_amount: Any = UNSET

    @property
    def is_plain(self) -> bool:
        """Whether it is of the common kind: a message without anything that could make it other than its sender's own new words."""
        return self.type == "message" and type(self.text) is str and self.is_dated and _RARE(self) == _NOTHING_RARE

    @property
    def is_dated(self) -> bool:
        """Whether the time is one of people (0 and the like stand for none)."""
        return self.moment is not UNSET and 1970 <= self.moment.year < 5138 and self.moment != _EPOCH

    @property
    def is_forwarded(self) -> bool:
        return not (self.forwarded_from is UNSET and self.forwarded_from_id is UNSET and self.saved_from is UNSET)

    @property
    def has_media(self) -> bool:
        return not (self.photo is UNSET and self.file is UNSET and self.media_type is UNSET and self.paid_stars_amount is UNSET)


_RARE = attrgetter(
    "forwarded_from", "forwarded_from_id", "saved_from", "via_bot", "buttons", "answers", "answers_elsewhere", "edited", "edited_unixtime"
)  # fmt: skip
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOTHING_RARE = (UNSET,) * 9
_FIELDS = {found.encode_name: found.name for found in msgspec.structs.fields(Record)}
_DECODER = msgspec.json.Decoder(list[Record], strict=False)  # for times are numbers in quotation marks


def decode(text: str) -> list[Record]:
    """The records of a list; raises ValueError where it is none, or holds something else or a time that is none."""
    return _DECODER.decode(text)


def record_of(value: dict[str, Any]) -> Record:
    """The same from an object that was decoded already."""
    record = Record(**{_FIELDS[key]: found for key, found in value.items() if key in _FIELDS})
    record.moment = seconds_of(record.moment) or UNSET
    return record
