"""What a person reads about an import: messages and the importers' reports come in, one dictionary for page and JSON comes out."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from memory.importers.export import PERSON, ParsedMessage, Report
from memory.store import is_me

GAP_DAYS = 60  # a silence that long in one conversation may be a missing part of the export
GAPS_SHOWN, EXAMPLES_SHOWN, EXAMPLE_LETTERS, SAMPLE_LETTERS = 5, 5, 160, 80


@dataclass
class Scan:
    """What one pass over the messages tells, in memory that grows with senders and conversations only."""

    kept: int = 0
    roles: Counter[tuple[str, str]] = field(default_factory=Counter)  # (sender, role) -> messages
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)  # (conversation, sender), people only -> messages
    conversations: dict[str, datetime | None] = field(default_factory=dict)  # -> its last moment so far
    first: datetime | None = None
    last: datetime | None = None
    undated: int = 0
    edited: int = 0
    replies: int = 0
    gaps: list[dict[str, Any]] = field(default_factory=list)
    examples: list[dict[str, Any]] = field(default_factory=list)

    def add(self, message: ParsedMessage) -> None:
        """Take one message into account."""
        self.kept += 1
        self.roles[message.sender, message.role] += 1
        if message.role == PERSON:
            self.pairs[message.conversation, message.sender] += 1
        self.edited += message.edited
        self.replies += message.reply_to is not None
        if len(self.examples) < EXAMPLES_SHOWN:
            text = message.text if len(message.text) <= EXAMPLE_LETTERS else message.text[:EXAMPLE_LETTERS] + " ..."
            when = message.timestamp.isoformat(timespec="minutes") if message.timestamp else None
            self.examples.append({"conversation": message.conversation, "sender": message.sender, "timestamp": when, "text": text})
        if message.timestamp is None:
            self.undated += 1
            self.conversations.setdefault(message.conversation, None)
        else:
            self._date(message.conversation, message.timestamp)

    def _date(self, conversation: str, moment: datetime) -> None:
        """Period and gaps; moments with and without a zone are compared by what their clocks show."""
        plain = moment.replace(tzinfo=None)
        before = self.conversations.get(conversation)
        if before is not None and (plain - before).days >= GAP_DAYS:
            self.gaps.append({
                "conversation": conversation, "from": before.date().isoformat(), "to": plain.date().isoformat(), "days": (plain - before).days,
            })  # fmt: skip
            self.gaps = sorted(self.gaps, key=lambda gap: -gap["days"])[:GAPS_SHOWN]
        self.conversations[conversation] = plain if before is None else max(before, plain)
        self.first = plain if self.first is None else min(self.first, plain)
        self.last = plain if self.last is None else max(self.last, plain)

    def senders(self, me: str) -> list[dict[str, Any]]:
        """Every sender with counts, the most frequent first, and whether it is the person."""
        counts: Counter[tuple[str, bool]] = Counter()
        for (sender, role), count in self.roles.items():
            counts[sender, is_me(ParsedMessage("", sender, role, None, ""), me)] += count
        chats = Counter(sender for _, sender in self.pairs)
        return [
            {"sender": sender, "messages": count, "me": mine, "conversations": chats.get(sender, 0)}
            for (sender, mine), count in counts.most_common()
        ]


def describe(
    scan: Scan, report: Report, formats: Iterable[str], me: str, me_sure: bool, redactions: dict[str, Any], shown: Callable[[str], str]
) -> dict[str, Any]:
    """The import report: {"format", "read", "kept", "dropped", "date_order", "senders", "me", "period", "gaps", "warnings", ...}.

    `shown` redacts a sample of what was left out.
    """
    return {
        "format": ", ".join(dict.fromkeys(formats)),
        "read": report.read,
        "kept": scan.kept,
        "dropped": {
            reason: {"count": count, "samples": [shown(sample)[:SAMPLE_LETTERS] for sample in report.samples.get(reason, [])]}
            for reason, count in report.skipped.most_common()
        },
        "date_order": report.date_order,
        "ambiguous_dates": report.ambiguous_dates,
        "conversations": len(scan.conversations),
        "senders": scan.senders(me),
        "me": me,
        "me_sure": me_sure,
        "period": {
            "from": scan.first.isoformat(timespec="seconds") if scan.first else None,
            "to": scan.last.isoformat(timespec="seconds") if scan.last else None,
            "undated": scan.undated,
        },
        "gaps": scan.gaps,
        "edited": scan.edited,
        "replies": scan.replies,
        "redactions": redactions,
        "warnings": report.warnings,
        "notes": report.notes,
        "examples": scan.examples,
    }
