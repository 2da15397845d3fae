"""Imports chat exports: file paths come in, their messages are stored (all files or none), a summary comes out."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from memory.importers import ParsedExport, parse_export
from memory.importers.export import PERSON
from memory.people import guess_me, resolve_me
from memory.store import (
    ImportResult,
    check_profile_name,
    drop_facts_of_others,
    ensure_profile,
    flag_messages,
    save_import,
    save_me,
    transaction,
)


def import_files(db: Database, profile_name: str, paths: Iterable[Path], me: str | None = None) -> dict[str, Any]:
    """Imports files into a profile (created if new); `me` names the person's sender, else it is guessed and reported.

    Returns {"imported", "duplicates", "skipped" (numbers), "reasons", "senders", "me", "format", "notes", ...}.
    Raises BadExport, BadProfileName or UnknownSender, and then nothing is stored of any file.
    """
    name = check_profile_name(profile_name)
    parsed = [parse_export(Path(path)) for path in paths]
    with transaction(db):
        profile = ensure_profile(db, name)
        sender = resolve_me(db, profile, parsed, me) if me else guess_me(db, profile, parsed)
        results = [save_import(db, profile.id, export, sender) for export in parsed]
        if me:
            # Naming the person corrects what an earlier import of the same chats may have guessed wrong.
            chats = [chat for result in results for chat in result.conversations]
            flag_messages(db, profile.id, sender, chats)
            drop_facts_of_others(db, profile.id)
        if _occurs_as_person(parsed, sender) and (me or profile.me is None):
            save_me(db, profile.id, sender)
    return {"profile": name, "me": sender, **_summary(parsed, results)}


def _occurs_as_person(parsed: list[ParsedExport], sender: str) -> bool:
    return any(m.role == PERSON and m.sender == sender for export in parsed for m in export.messages)


def _summary(parsed: list[ParsedExport], results: list[ImportResult]) -> dict[str, Any]:
    """The counts of all files together."""
    reasons: Counter[str] = Counter()
    senders: Counter[tuple[str, bool]] = Counter()
    for result in results:
        reasons.update(result.reasons)
        for row in result.senders:
            senders[row["sender"], row["me"]] += row["messages"]
    return {
        "format": ", ".join(dict.fromkeys(export.format for export in parsed)),
        "conversations": len({chat for result in results for chat in result.conversations}),
        "imported": sum(result.imported for result in results),
        "duplicates": sum(result.duplicates for result in results),
        "skipped": sum(result.skipped for result in results),
        "reasons": dict(reasons),
        "senders": [{"sender": name, "messages": count, "me": me} for (name, me), count in senders.most_common()],
        "notes": list(dict.fromkeys(note for export in parsed for note in export.notes)),
    }
