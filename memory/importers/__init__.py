"""Importers: the path of an export comes in, its messages and a report come out; the kind is told from the content, not the name.

Each kind is a room of its own that gives a `Format` (export.py) and reads `Source`s (sources.py).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path, PurePosixPath

from memory.errors import BadExport
from memory.importers.export import MEDIA, NOTHING_DECIDED, Format, Options, ParsedExport, ParsedMessage, Report
from memory.importers.sources import Bundle, Source, read_bundles

__all__ = ["Export", "Options", "ParsedExport", "ParsedMessage", "Report", "open_exports", "parse_export"]

# In the order in which they are asked: what says clearly what it is comes first, plain records and diaries last.
ROOMS = (
    "chatgpt", "claude", "gemini", "open_webui", "librechat", "telegram", "signal", "discord", "slack", "messenger", "whatsapp", "imessage",
    "email", "plain", "diary",
)  # fmt: skip
LOOSE = ("email", "plain", "diary")  # of single files: what lies beside them was not sent in them

_SENT = re.compile(r"files|media|attachments|.+_files", re.IGNORECASE)
_JSON = re.compile(r"\[\s*(?:[\[{\"\]\d-]|true|false|null|\Z)|\{\s*(?:[\"}]|\Z)")
_PAGE = re.compile(r"<(?:!doctype html|html)\b", re.IGNORECASE)
_UPLOADED = re.compile(r"file[-_][A-Za-z0-9]{3,}.*")


@cache
def formats() -> list[Format]:
    """Every kind of export that can be read."""
    return [import_module(f"memory.importers.{room}").FORMAT for room in ROOMS]


@dataclass
class Export:
    """One export found at a path: `messages()` reads it and fills `report`."""

    format: Format
    bundle: Bundle
    sources: list[Source]
    options: Options = NOTHING_DECIDED
    report: Report = field(default_factory=Report)
    sent: list[Source] = field(default_factory=list)  # texts that were sent in the chats as files

    def messages(self) -> Iterator[ParsedMessage]:
        """The messages, one at a time; every call reads anew and starts a new report."""
        self.report = Report()
        yield from self.format.parse(self.sources, self.bundle, self.report, self.options)
        for source in self.sent:
            self.report.drop(MEDIA, source.name)
        for note in [*self.bundle.notes, *(note for source in self.sources for note in source.notes)]:
            self.report.note(note)


def open_exports(path: Path, options: Options = NOTHING_DECIDED) -> list[Export]:
    """What a file, folder or ZIP holds, one export a format; raises BadExport where nothing is known."""
    found: list[Export] = []
    for bundle in read_bundles(path):
        left, before = list(bundle.sources), len(found)
        for kind in formats():
            claimed = kind.claim(Bundle(bundle.path, left)) if left else []
            if claimed:
                taken = {id(source) for source in claimed}
                left = [source for source in left if id(source) not in taken]
                sent = [source for source in left if kind.name not in LOOSE and _was_sent(source, kind.name, claimed)]
                taken = {id(source) for source in sent}
                left = [source for source in left if id(source) not in taken]
                found.append(Export(kind, bundle, claimed, options, sent=sent))
        if left and len(found) > before:
            names = ", ".join(source.name for source in left[:3])
            bundle.notes.append(
                f"{len(left)} other file{'s hold' if len(left) > 1 else ' holds'} no chat that is known: {names}{', ...' if len(left) > 3 else '.'}"
            )
    if not found:
        raise _unknown(path)
    return found


def _was_sent(source: Source, kind: str, claimed: list[Source]) -> bool:
    """Whether a text lies where exports of chats keep the files that people sent: it is nobody's speech, nor a diary."""
    place = PurePosixPath(source.name)
    if kind == "chatgpt" and _UPLOADED.fullmatch(place.name):
        return True
    for folder in {PurePosixPath(one.name).parent for one in claimed}:
        if place.is_relative_to(folder) and any(_SENT.fullmatch(part) for part in place.parent.relative_to(folder).parts):
            return True
    return False


def parse_export(path: Path, options: Options = NOTHING_DECIDED) -> ParsedExport:
    """All messages of a path in memory; raises BadExport, also when nothing in it can be kept."""
    exports = open_exports(path, options)
    messages = [message for export in exports for message in export.messages()]
    report = add_up([export.report for export in exports])
    if not messages:
        raise nothing_kept(path, report)
    name = ", ".join(dict.fromkeys(export.format.name for export in exports))
    return ParsedExport(name, messages, dict(report.skipped), report.notes, report)


def add_up(reports: list[Report]) -> Report:
    """Several reports as one."""
    total = Report()
    for report in reports:
        total.read += report.read
        total.skipped.update(report.skipped)
        for reason, samples in report.samples.items():
            kept = total.samples.setdefault(reason, [])
            kept += samples[: 3 - len(kept)]
        for note in report.notes:
            total.note(note)
        for warning in report.warnings:
            total.warn(warning)
        total.date_order = total.date_order or report.date_order
        total.ambiguous_dates |= report.ambiguous_dates
        if total.owner and report.owner and total.owner != report.owner:
            total.warn(
                f"The exports call the person {total.owner} and {report.owner}: import them one by one, or only the words of one count."
            )
        total.owner = total.owner or report.owner
    return total


def nothing_kept(path: Path, report: Report) -> BadExport:
    """The sentence for an export in which no message is left."""
    reasons = ", ".join(f"{count} {reason}" for reason, count in report.skipped.items()) or "it is empty"
    return BadExport(f"Nothing in {path} can be imported ({reasons}): export the chat again or choose another.")


def _unknown(path: Path) -> BadExport:
    known = ", ".join(kind.says for kind in formats())
    bundle = read_bundles(path)[0]
    head = next((source.head for source in bundle.sources), "")
    if not head:
        return BadExport(f"{path} holds nothing but blank space: export the chat again.")
    if 2 * sum(bool(_PAGE.match(source.head)) for source in bundle.sources) >= len(bundle.sources):
        return BadExport(
            f"{path} holds web pages, which are read of Gemini alone: export again and choose JSON as the format "
            "(Telegram, Instagram, Facebook, Discord), or text (iMessage)."
        )
    if head.startswith("{\\rtf"):
        return BadExport(f"{path} is formatted text (RTF): save it as plain text (.txt) and import that.")
    if _JSON.match(head):
        return _unknown_json(path, bundle.sources[0], known)
    start = " ".join(head[:60].split())
    return BadExport(f'{path} is text, but no chat export that is known (it begins "{start}"): expected one of {known}.')


def _unknown_json(path: Path, source: Source, known: str) -> BadExport:
    """What the JSON holds, by its keys; damage is said as such."""
    first = next(source.records(), None)
    if not isinstance(first, dict):
        try:
            data = source.json()
        except BadExport as error:
            return error
        first = next((item for item in data if isinstance(item, dict)), {}) if isinstance(data, list) else data
    keys = ", ".join(sorted(map(str, first))[:8]) if isinstance(first, dict) else ""
    found = f"its keys are {keys}" if keys else "it has no records"
    return BadExport(f"{path} is JSON, but of a kind that is not known ({found}): expected one of {known}.")
