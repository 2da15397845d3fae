"""The room of imports: what was imported when, with its report, so that an import can be undone as one."""

import json
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from memory.errors import UnknownImport
from memory.store.database import fetch, fetch_one, now, purge, request_purge, to_json, transaction
from memory.store.forgetting import delete_messages


@dataclass(frozen=True)
class Import:
    """One import; `messages` is how many of its messages are still stored."""

    id: int
    created: str
    files: list[str]
    messages: int
    report: dict[str, Any]


def start_import(db: Database, profile_id: int, files: list[str]) -> int:
    """A new import; returns its number, under which messages are stored."""
    row = db.execute("INSERT INTO imports (profile_id, created, files, report) VALUES (?, ?, ?, '{}')", [profile_id, now(), to_json(files)])
    return int(row.lastrowid or 0)


def save_import_report(db: Database, import_id: int, report: dict[str, Any]) -> None:
    """Keep what an import reported, without the samples and examples: they are the text of messages, which may be forgotten."""
    dropped = {reason: {"count": row["count"]} for reason, row in report.get("dropped", {}).items()}
    redactions = {kind: {"count": row["count"]} for kind, row in report.get("redactions", {}).items()}
    kept = {key: value for key, value in report.items() if key != "examples"}
    db.execute("UPDATE imports SET report = ? WHERE id = ?", [to_json({**kept, "dropped": dropped, "redactions": redactions}), import_id])


def drop_import(db: Database, import_id: int) -> None:
    """Take back the number of an import that brought nothing."""
    db.execute("DELETE FROM imports WHERE id = ?", [import_id])


def list_imports(db: Database, profile_id: int) -> list[Import]:
    """The imports of a profile, the newest first."""
    sql = """SELECT i.*, (SELECT count(*) FROM messages AS m WHERE m.import_id = i.id) AS messages
             FROM imports AS i WHERE profile_id = ? ORDER BY id DESC"""
    return [
        Import(row["id"], row["created"], json.loads(row["files"]), row["messages"], json.loads(row["report"]))
        for row in fetch(db, sql, [profile_id])
    ]


def undo_import(db: Database, profile_id: int, import_id: int) -> dict[str, int]:
    """Deletes what one import stored and what was learnt from that alone; it may be imported again. Raises UnknownImport.

    What went by kind, as forgetting returns it.
    """
    with transaction(db):
        if fetch_one(db, "SELECT id FROM imports WHERE id = ? AND profile_id = ?", [import_id, profile_id]) is None:
            known = ", ".join(str(row["id"]) for row in fetch(db, "SELECT id FROM imports WHERE profile_id = ?", [profile_id]))
            if not known:
                raise UnknownImport("There is no import to undo: nothing was imported into this profile, or all of it is undone already.")
            raise UnknownImport(
                f"There is no import number {import_id} in this profile (there is: {known}): list them with the imports command."
            )
        ids = [row["id"] for row in fetch(db, "SELECT id FROM messages WHERE import_id = ?", [import_id])]
        went = {"messages": len(ids), **delete_messages(db, profile_id, ids)}
        db.execute("DELETE FROM imports WHERE id = ?", [import_id])
        request_purge(db)
    purge(db)
    return went
