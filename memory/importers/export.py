"""What every importer gives: a ParsedExport of messages in file order, and what was left out, counted by reason."""

import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

USER, ASSISTANT, PERSON = "user", "assistant", "person"

LATEST_SECONDS = 1e11  # the year 5138: a larger number is in milliseconds
LATEST_MILLISECONDS = 1e14


@dataclass(frozen=True)
class ParsedMessage:
    """One message; `role` is "user" or "assistant" in a chat with an assistant, else "person".

    `timestamp` has a zone where the export gives one, is local time where it does not, and None where there is none.
    """

    conversation: str
    sender: str
    role: str
    timestamp: datetime | None
    text: str


@dataclass(frozen=True)
class ParsedExport:
    """The messages of one file in its own order, the skipped records by reason, and sentences on what was assumed."""

    format: str
    messages: list[ParsedMessage]
    skipped: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

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
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n").strip()


def merge(exports: list[ParsedExport]) -> ParsedExport:
    """Several parts of one file as one export."""
    skipped: Counter[str] = Counter()
    for export in exports:
        skipped.update(export.skipped)
    messages = [message for export in exports for message in export.messages]
    notes = list(dict.fromkeys(note for export in exports for note in export.notes))
    return ParsedExport(exports[0].format, messages, dict(skipped), notes)


def _from_number(number: float) -> datetime:
    if not math.isfinite(number) or number <= 0:
        raise ValueError(number)
    if number > LATEST_MILLISECONDS:
        number /= 1_000_000
    elif number > LATEST_SECONDS:
        number /= 1_000
    return datetime.fromtimestamp(number, UTC)
