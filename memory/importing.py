"""Imports exports: paths come in, their messages are stored (all files or none) or only looked at, a report comes out."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from memory.import_report import Scan, describe
from memory.importers import Export, Options, ParsedMessage, Report, add_up, nothing_kept, open_exports
from memory.importers.export import PERSON, USER
from memory.importers.sources import readable
from memory.people import guess_me, resolve_me
from memory.redaction import KINDS, redact
from memory.store import (
    Profile,
    check_profile_name,
    drop_facts_of_others,
    drop_import,
    ensure_profile,
    find_profile,
    flag_messages,
    mask_names,
    save_import_report,
    save_me,
    save_messages,
    start_import,
    transaction,
)


@dataclass(frozen=True)
class ImportOptions:
    """What a person decides about an import.

    `date_order` settles day and month where a file does not; `redact` puts placeholders in the place of secrets and contact data, all kinds but
    `keep`; `mask_names` calls everybody but the person "Person 1", "Person 2"... in what is stored.
    """

    date_order: str | None = None
    redact: bool = True
    keep: frozenset[str] = frozenset()
    mask_names: bool = False

    def shown(self, sample: str) -> str:
        """A sample of what is left out as the report shows it: redacted like what is kept."""
        return redact(sample, keep=self.keep).text if self.redact else sample


@dataclass
class Redactions:
    """How often each kind was replaced, with three masked samples."""

    kinds: dict[str, dict[str, Any]] = field(default_factory=dict)

    def apply(self, text: str, options: ImportOptions) -> str:
        """The text with placeholders."""
        if not options.redact:
            return text
        redacted = redact(text, keep=options.keep)
        for found in redacted.found:
            row = self.kinds.setdefault(found.kind, {"what": KINDS[found.kind], "count": 0, "samples": []})
            row["count"] += 1
            if len(row["samples"]) < 3 and found.shown not in row["samples"]:
                row["samples"].append(found.shown)
        return redacted.text


def preview_files(
    db: Database, profile_name: str, paths: Iterable[Path], me: str | None = None, options: ImportOptions = ImportOptions()
) -> dict[str, Any]:
    """The report of an import without storing anything; raises BadExport, BadProfileName or UnknownSender."""
    name = check_profile_name(profile_name)
    exports = _open(paths, options)
    profile = find_profile(db, name) or Profile(0, name, None, {}, "", "")
    scan, report, redactions = _scan(exports, options)
    sender = resolve_me(db, profile, scan, me) if me else guess_me(db, profile, scan, report.owner)
    return {"profile": name, "stored": False, **_describe(scan, report, exports, sender, profile, me, redactions, options)}


def import_files(
    db: Database, profile_name: str, paths: Iterable[Path], me: str | None = None, options: ImportOptions = ImportOptions()
) -> dict[str, Any]:
    """Imports files, folders and ZIPs into a profile (created if new); `me` names the person's sender, else it is guessed and reported.

    Returns the report with "imported", "duplicates", "skipped" (numbers), "reasons" and "import_id" (null where nothing was new).
    Raises BadExport, BadProfileName or UnknownSender, and then nothing is stored of any file.
    """
    name, given = check_profile_name(profile_name), list(map(Path, paths))
    exports = _open(given, options)
    scan, report, redactions = _scan(exports, options)
    with transaction(db):
        profile = ensure_profile(db, name)
        sender = resolve_me(db, profile, scan, me) if me else guess_me(db, profile, scan, report.owner)
        described = _describe(scan, report, exports, sender, profile, me, redactions, options)
        masks = mask_names(db, profile.id, _others(scan, sender)) if options.mask_names else {}
        names = _parts_of_names(masks)
        number = start_import(db, profile.id, [_without_names(readable(path.name), names) for path in given])
        messages = _prepared(exports, masks, options)
        stored = save_messages(db, profile.id, messages, sender, number)
        if stored.imported:
            save_import_report(db, number, _masked_report(described, masks, names) if options.mask_names else described)
        else:
            drop_import(db, number)
        if me:
            # Naming the person corrects what an earlier import of the same chats may have guessed wrong.
            flag_messages(db, profile.id, sender, stored.conversations)
            drop_facts_of_others(db, profile.id)
        if scan.roles[sender, PERSON] and (me or profile.me is None):
            save_me(db, profile.id, sender)
    reasons = {reason: row["count"] for reason, row in described["dropped"].items()}
    if stored.forgotten:
        reasons["forgotten earlier"] = stored.forgotten
    return {
        "profile": name,
        "stored": True,
        "import_id": number if stored.imported else None,
        **described,
        "imported": stored.imported,
        "duplicates": stored.duplicates,
        "skipped": sum(reasons.values()),
        "reasons": reasons,
    }


def _open(paths: Iterable[Path], options: ImportOptions) -> list[Export]:
    return [export for path in paths for export in open_exports(Path(path), Options(options.date_order))]


def _scan(exports: list[Export], options: ImportOptions) -> tuple[Scan, Report, Redactions]:
    """One pass over everything, keeping nothing; raises BadExport for a path in which nothing can be kept."""
    scan, redactions = Scan(), Redactions()
    for path, group in groupby(exports, key=lambda export: export.bundle.path):
        of_path, before = list(group), scan.kept
        for export in of_path:
            for message in export.messages():
                message.text = redactions.apply(message.text, options)
                scan.add(message)
        if scan.kept == before:
            raise nothing_kept(path, add_up([export.report for export in of_path]))
    return scan, add_up([export.report for export in exports]), redactions


def _others(scan: Scan, me: str) -> list[str]:
    """Everybody but the person, in the order in which they first speak."""
    return list(dict.fromkeys(sender for sender, role in scan.roles if role == PERSON and sender != me))


def _prepared(exports: list[Export], masks: dict[str, str], options: ImportOptions) -> Iterator[ParsedMessage]:
    """The messages as they are stored: redacted, and others' names masked where that is wanted."""
    redactions, names = Redactions(), _parts_of_names(masks)
    for export in exports:
        for message in export.messages():
            message.text = redactions.apply(message.text, options)
            message.reply_to = message.reply_to and redactions.apply(message.reply_to, options)
            yield _masked(message, masks, names) if masks else message


def _masked_report(report: dict[str, Any], masks: dict[str, str], names: list[tuple[str, str]]) -> dict[str, Any]:
    """A report as it is stored: no name of anybody else, and no notes, which may name files that are called after people."""
    return {
        **report,
        "senders": [{**row, "sender": masks.get(row["sender"], row["sender"])} for row in report["senders"]],
        "gaps": [{**gap, "conversation": _without_names(gap["conversation"], names)} for gap in report["gaps"]],
        "warnings": [_without_names(warning, names) for warning in report["warnings"]],
        "notes": [],
    }


def _masked(message: ParsedMessage, masks: dict[str, str], names: list[tuple[str, str]]) -> ParsedMessage:
    """A message with the masked names in the place of the real ones: as sender, as the chat's name and as words of the text."""
    message.conversation = _without_names(message.conversation, names)
    message.sender = masks.get(message.sender, message.sender)
    message.text = _without_names(message.text, names)
    message.reply_to = message.reply_to and _without_names(message.reply_to, names)
    return message


def _parts_of_names(masks: dict[str, str]) -> list[tuple[str, str]]:
    """The names, whole and in part ("Ben" of "Ben Ode"), with their masks: the longest first, whole ones before parts of the same length."""
    whole = list(masks.items())
    parts = [(word, mask) for name, mask in whole for word in name.split() if len(word) > 2 and word[:1].isupper()]
    return sorted(dict([*reversed(parts), *whole]).items(), key=lambda pair: -len(pair[0]))


def _without_names(text: str, names: list[tuple[str, str]]) -> str:
    """The text with each name replaced where it stands as a word."""
    for name, mask in names:
        if name in text:
            text = _whole_word(name).sub(mask, text)
    return text


@cache
def _whole_word(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")


def _describe(
    scan: Scan, report: Report, exports: list[Export], sender: str, profile: Profile, me: str | None, redactions: Redactions,
    options: ImportOptions,
) -> dict[str, Any]:  # fmt: skip
    sure = bool(me) or sender in (profile.me, report.owner, USER)
    return describe(scan, report, [export.format.name for export in exports], sender, sure, redactions.kinds, options.shown)
