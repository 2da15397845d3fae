"""A whole profile as one file: a profile comes in, a ZIP of JSON lines and safetensors comes out, and back, under new numbers.

Rows are written as they are stored, with their numbers; on reading, every number that names another row is translated. Only columns that this
Keepsake knows are read, weights must be safetensors with the hash that was noted, and nothing in the file is ever run.
"""

import hashlib
import io
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from safetensors import SafetensorError, deserialize
from sqlite_utils import Database

from memory.errors import BadProfileFile, KeepsakeError
from memory.store.database import fetch, now, to_json, transaction
from memory.store.engine import DATABASE_ERRORS
from memory.store.profiles import Profile, create_profile, load_profile

FORMAT, VERSION = "keepsake-profile", 1
LARGEST_ENTRY = 4 * 2**30  # bytes of one table or adapter, unpacked
_OWN = "SELECT * FROM {} WHERE profile_id = :profile ORDER BY id"
_OF_RUN = "SELECT * FROM {} WHERE run_id IN (SELECT id FROM runs WHERE profile_id = :profile)"

# In the order of reading: each table, how its rows are found, and which of its columns name rows of which table.
TABLES: dict[str, tuple[str, dict[str, str]]] = {
    "imports": (_OWN, {}),
    "messages": (_OWN, {"import_id": "imports"}),
    "studied": (
        "SELECT * FROM studied WHERE message_id IN (SELECT id FROM messages WHERE profile_id = :profile)",
        {"message_id": "messages"},
    ),
    "facts": (_OWN, {"message_id": "messages"}),  # superseded_by is set once all are there
    "fact_messages": (
        "SELECT * FROM fact_messages WHERE fact_id IN (SELECT id FROM facts WHERE profile_id = :profile)",
        {"fact_id": "facts", "message_id": "messages"},
    ),
    "runs": (_OWN, {}),
    "trials": (_OF_RUN, {"run_id": "runs"}),
    "curve": (_OF_RUN, {"run_id": "runs"}),
    "examples": (_OF_RUN, {"run_id": "runs", "fact_id": "facts"}),
    # What was forgotten stays here: an adapter that still knows it is not handed on.
    "adapters": ("SELECT * FROM adapters WHERE profile_id = :profile AND stale IS NULL ORDER BY id", {"run_id": "runs"}),
    "adapter_facts": (
        "SELECT * FROM adapter_facts WHERE adapter_id IN (SELECT id FROM adapters WHERE profile_id = :profile AND stale IS NULL)",
        {"adapter_id": "adapters", "fact_id": "facts"},
    ),
    "turns": (_OWN, {}),
    "votes": ("SELECT * FROM votes WHERE turn_id IN (SELECT id FROM turns WHERE profile_id = :profile)", {"turn_id": "turns"}),
    "judgements": ("SELECT * FROM judgements WHERE turn_id IN (SELECT id FROM turns WHERE profile_id = :profile)", {"turn_id": "turns"}),
    "reports": (_OWN, {}),
    "forgotten": ("SELECT * FROM forgotten WHERE profile_id = :profile", {}),
    "masks": ("SELECT * FROM masks WHERE profile_id = :profile", {}),
}

_JSON = {
    "imports": ("files", "report"), "runs": ("settings", "result"), "trials": ("params", "values"), "examples": ("data",),
    "adapters": ("peft_config", "metrics"), "turns": ("detail",), "reports": ("report",),
}  # fmt: skip
# What a file that is none of ours, or that was tampered with, can make the reading raise.
_DAMAGED: tuple[type[BaseException], ...] = (
    OSError, zipfile.BadZipFile, zlib.error, RuntimeError, ValueError, KeyError, TypeError, AttributeError, *DATABASE_ERRORS, OverflowError,
)  # fmt: skip

Numbers = dict[str, dict[int, int]]  # table -> number in the file -> number here


def export_profile(db: Database, profile_id: int, path: Path) -> dict[str, int]:
    """Writes all of a profile to `path` (readable by its owner only, all or nothing); returns the rows by table."""
    path = path.expanduser()
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                counts = _write(db, profile_id, stream)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise BadProfileFile(f"The file {path} cannot be written ({error.strerror or error}): choose another place.") from error
    return counts


def import_profile(db: Database, path: Path, name: str | None = None) -> tuple[Profile, dict[str, int]]:
    """A new profile from a file that export_profile wrote, under its own or another name, all or nothing.

    Returns it with its rows by table. Raises BadProfileFile, or BadProfileName when the name is taken.
    """
    return _import(db, path, path.name, name)


def duplicate_profile(db: Database, profile_id: int, name: str) -> Profile:
    """A copy of all of a profile under another name, through memory: a file would lie there unencrypted. Raises BadProfileName."""
    copy = io.BytesIO()
    _write(db, profile_id, copy)
    return _import(db, copy, name, name)[0]


def _import(db: Database, source: Path | IO[bytes], called: str, name: str | None) -> tuple[Profile, dict[str, int]]:
    try:
        with zipfile.ZipFile(source) as archive:
            manifest = _read_manifest(archive, Path(called))
            with transaction(db):
                profile = create_profile(db, name or str(manifest["profile"]["name"]))
                counts = _read(db, profile.id, archive, manifest)
                return load_profile(db, profile.name), counts
    except KeepsakeError:
        raise
    except FileNotFoundError as error:
        raise BadProfileFile(f"There is no file {source}: check its name.") from error
    except _DAMAGED as error:
        raise BadProfileFile(
            f"{called} is not a profile that Keepsake exported, or it is damaged ({error}): nothing was imported."
        ) from error


def _write(db: Database, profile_id: int, stream: IO[bytes]) -> dict[str, int]:
    counts: dict[str, int] = {}
    hashes: dict[str, str] = {}
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive, transaction(db):
        for table, (sql, _) in TABLES.items():
            rows = fetch(db, sql.format(table), {"profile": profile_id})
            for row in rows:
                if (weights := row.pop("weights", None)) is not None:
                    _add(archive, hashes, f"adapters/{row['id']}.safetensors", bytes(weights))
            _add(archive, hashes, f"{table}.jsonl", "".join(to_json(row) + "\n" for row in rows).encode())
            counts[table] = len(rows)
        own = fetch(db, "SELECT name, me, form, about, salt, created FROM profiles WHERE id = ?", [profile_id])[0]
        manifest = {"format": FORMAT, "version": VERSION, "created": now(), "profile": {**own, "salt": own["salt"].hex()}}
        archive.writestr("manifest.json", to_json({**manifest, "rows": counts, "sha256": hashes}))
    return counts


def _add(archive: zipfile.ZipFile, hashes: dict[str, str], name: str, content: bytes) -> None:
    archive.writestr(name, content)
    hashes[name] = hashlib.sha256(content).hexdigest()


def _read_manifest(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    manifest = json.loads(archive.read("manifest.json"))
    if manifest.get("format") != FORMAT:
        raise BadProfileFile(f"{path.name} is not a profile that Keepsake exported: give a file that export wrote.")
    if manifest["version"] > VERSION:
        raise BadProfileFile(f"{path.name} was written by a newer Keepsake: update Keepsake to import it.")
    return dict(manifest)


def _read(db: Database, profile_id: int, archive: zipfile.ZipFile, manifest: dict[str, Any]) -> dict[str, int]:
    own = manifest["profile"]
    given = [own["me"], _text(own["form"]), own["about"], bytes.fromhex(own["salt"]), profile_id]
    db.execute("UPDATE profiles SET me = ?, form = ?, about = ?, salt = ? WHERE id = ?", given)
    numbers: Numbers = {}
    counts: dict[str, int] = {}
    for table, (_, links) in TABLES.items():
        columns = {row["name"] for row in fetch(db, "SELECT name FROM pragma_table_info(?)", [table])}
        numbers[table] = {}
        for row in _rows(archive, manifest, f"{table}.jsonl"):
            old = row.pop("id", None)
            row = {column: value for column, value in row.items() if column in columns}
            _translate(row, table, links, numbers, profile_id)
            if table == "adapters":
                row["weights"] = _weights(archive, manifest, int(old), row)
            names = ", ".join(f'"{column}"' for column in row)
            marks = ", ".join("?" * len(row))
            cursor = db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(row.values()))
            if old is not None:
                numbers[table][int(old)] = int(cursor.lastrowid or 0)
            counts[table] = counts.get(table, 0) + 1
    _link_superseded(db, archive, manifest, numbers["facts"])
    _link_results(db, profile_id, numbers)
    return counts


def _translate(row: dict[str, Any], table: str, links: dict[str, str], numbers: Numbers, profile_id: int) -> None:
    """Replaces the numbers of other rows, in columns and in the JSON that quotes them; a live run has ended."""
    for column in _JSON.get(table, ()):
        json.loads(row[column])  # what cannot be read later is refused now
    if "profile_id" in row:
        row["profile_id"] = profile_id
    for column, other in links.items():
        if row.get(column) is not None:
            row[column] = numbers[other][row[column]]
    if table == "facts":
        row["superseded_by"] = None
    if table == "runs":
        row |= {"pid": None, "pid_started": None, "host": None, "lease": None, "notice": ""}
        if row["state"] in ("queued", "running"):
            row |= {"state": "interrupted", "finished": now()}
    if table == "examples":
        data = json.loads(row["data"])
        facts = numbers["facts"]
        data |= {"fact_id": facts.get(data["fact_id"])} if data.get("fact_id") is not None else {}
        data |= {"fact_ids": [facts[fact] for fact in data["fact_ids"] if fact in facts]} if data.get("fact_ids") else {}
        row["data"] = to_json(data)
    if table == "adapters":
        metrics = json.loads(row["metrics"])
        card = (metrics.get("advice") or {}).get("card") or {}
        if isinstance(card.get("checks"), dict):
            card["checks"] = {str(numbers["facts"].get(int(fact), 0)): right for fact, right in card["checks"].items()}
        row["metrics"] = to_json(metrics)
    if table in ("turns", "reports"):
        named = "detail" if table == "turns" else "report"
        data = json.loads(row[named])
        if isinstance(data.get("adapter"), int):
            row[named] = to_json({**data, "adapter": numbers["adapters"].get(data["adapter"])})


def _weights(archive: zipfile.ZipFile, manifest: dict[str, Any], old: int, row: dict[str, Any]) -> bytes:
    weights = _entry(archive, manifest, f"adapters/{old}.safetensors")
    try:
        deserialize(weights)
    except SafetensorError as error:
        raise BadProfileFile(f"The weights of adapter {old} in the file are no safetensors ({error}): nothing was imported.") from error
    if hashlib.sha256(weights).hexdigest() != row["sha256"]:
        raise BadProfileFile(f"The weights of adapter {old} in the file differ from those that were saved: nothing was imported.")
    row["size"] = len(weights)
    return weights


def _link_superseded(db: Database, archive: zipfile.ZipFile, manifest: dict[str, Any], facts: dict[int, int]) -> None:
    for row in _rows(archive, manifest, "facts.jsonl"):
        if row.get("superseded_by") in facts:
            db.execute("UPDATE facts SET superseded_by = ? WHERE id = ?", [facts[row["superseded_by"]], facts[row["id"]]])


def _link_results(db: Database, profile_id: int, numbers: Numbers) -> None:
    """The result of a run names its adapter, which was read after it."""
    for row in fetch(db, "SELECT id, result FROM runs WHERE profile_id = ?", [profile_id]):
        result = json.loads(row["result"])
        if isinstance(result.get("adapter"), int):
            result |= {"adapter": numbers["adapters"].get(result["adapter"]), "run": row["id"]}
            db.execute("UPDATE runs SET result = ? WHERE id = ?", [to_json(result), row["id"]])


def _rows(archive: zipfile.ZipFile, manifest: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    if name not in manifest["sha256"]:  # written by an older Keepsake, which had no such table
        return
    for line in _entry(archive, manifest, name).splitlines():
        yield dict(json.loads(line))


def _entry(archive: zipfile.ZipFile, manifest: dict[str, Any], name: str) -> bytes:
    if archive.getinfo(name).file_size > LARGEST_ENTRY:
        raise BadProfileFile(f"{name} in the file is larger than {LARGEST_ENTRY >> 30} GiB: nothing was imported.")
    content = archive.read(name)
    if hashlib.sha256(content).hexdigest() != manifest["sha256"][name]:
        raise BadProfileFile(f"{name} in the file differs from what was exported: it was changed or damaged, and nothing was imported.")
    return content


def _text(value: object) -> str:
    return value if isinstance(value, str) else to_json(value)
