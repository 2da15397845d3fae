"""What every importer gives: messages in file order, and a `Report` of what was read, left out and assumed."""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from memory.importers.sources import Bundle, Source

USER, ASSISTANT, PERSON = "user", "assistant", "person"

LATEST_SECONDS = 1e11  # the year 5138: a larger number is in milliseconds
LATEST_MILLISECONDS = 1e14

# Why a record is not a message: the same words in every format, so that reports can be added up.
NOTICES = "system notices"
MEDIA = "pictures, sounds and files"
DELETED = "deleted messages"
FORWARDED = "forwarded messages"
BOTS = "messages of bots"
CALLS = "calls"
HIDDEN = "hidden messages"
TOOLS = "system and tool messages"
WITHOUT_TEXT = "messages without text"
MALFORMED = "malformed records"
SAMPLES, SAMPLE_LETTERS = 3, 400  # more than is shown, so that a secret in a sample is whole when it is redacted


class ParsedMessage(msgspec.Struct, gc=False):  # there may be millions: a frozen dataclass takes seven times as long to make
    """One message; `role` is "user" or "assistant" in a chat with an assistant, else "person".

    `timestamp` has a zone where the export gives one, is local time where it does not, and None where there is none. `reply_to` is the
    beginning of the text it answers, where the export knows it.
    """

    conversation: str
    sender: str
    role: str
    timestamp: datetime | None
    text: str
    reply_to: str | None = None
    edited: bool = False


@dataclass
class Report:
    """What an importer read, left out (counted by reason, three samples each) and assumed; it fills while messages come out."""

    read: int = 0  # lines of a text, records of a list
    skipped: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    date_order: str | None = None  # how day and month were told apart, where the format does not say
    ambiguous_dates: bool = False  # both orders fit: the person must be asked
    owner: str | None = None  # whose export it is, where it says so: a sender's name

    def drop(self, reason: str, sample: Any = "") -> None:
        """Count a record that is not kept."""
        self.skipped[reason] += 1
        kept = self.samples.setdefault(reason, [])
        text = " ".join(str(sample).split())[:SAMPLE_LETTERS] if len(kept) < SAMPLES else ""
        if text:
            kept.append(text)

    def note(self, text: str) -> None:
        """Say what was assumed, once."""
        if text not in self.notes:
            self.notes.append(text)

    def warn(self, text: str) -> None:
        """Say what the person should look at, once."""
        if text not in self.warnings:
            self.warnings.append(text)


@dataclass(frozen=True)
class Options:
    """What the person decided about an import: the order of day and month ("day-month-year" or "month-day-year") where it is open."""

    date_order: str | None = None


NOTHING_DECIDED = Options()


@dataclass(frozen=True)
class Format:
    """One kind of export. `claim` gives the sources of a bundle that are of this kind (told by their content, cheaply, from the heads);
    `parse` reads them one message at a time, in bounded memory, and reports on the rest."""

    name: str
    says: str  # what a person calls it: "Telegram (result.json)"
    claim: Callable[[Bundle], list[Source]]
    parse: Callable[[list[Source], Bundle, Report, Options], Iterator[ParsedMessage]]


@dataclass(frozen=True)
class ParsedExport:
    """The messages of one file in its own order, the skipped records by reason, and sentences on what was assumed."""

    format: str
    messages: list[ParsedMessage]
    skipped: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    report: Report = field(default_factory=Report)

    @property
    def conversations(self) -> list[str]:
        """The names of the conversations in order of appearance."""
        return list(dict.fromkeys(message.conversation for message in self.messages))


class UnreadableTime(ValueError):
    """A timestamp that is neither ISO 8601 nor a number of seconds or milliseconds."""


def parse_time(value: object) -> datetime | None:
    """A moment from ISO 8601 text or seconds or milliseconds since 1970; None for nothing; raises UnreadableTime."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        return _from_number(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, OSError):
        pass
    try:
        return datetime.fromisoformat(str(value).strip())
    except ValueError as error:
        raise UnreadableTime(str(value)) from error


def clean_text(text: str) -> str:
    """The text with what a database cannot hold mended (half surrogate pairs, NUL), line ends as \\n, outer blanks off."""
    if text.isascii():
        if "\0" not in text and "\r" not in text:
            return text.strip()
    else:
        try:
            text.encode()
        except UnicodeEncodeError:
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n").strip()


def _from_number(number: float) -> datetime:
    if not math.isfinite(number) or number <= 0:
        raise ValueError(number)
    if number > LATEST_MILLISECONDS:
        number /= 1_000_000
    elif number > LATEST_SECONDS:
        number /= 1_000
    return datetime.fromtimestamp(number, UTC)
