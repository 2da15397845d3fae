"""The room of adapters: trained weights come in with what is needed to serve them, and come out checked."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from memory.errors import AdapterDamaged, FactsForgotten, UnknownAdapter, UnknownRun
from memory.store.database import fetch, fetch_one, now, to_json, transaction

_LISTED = """id, profile_id, run_id, is_current, peft_config, base_id, base_revision, prompt_version, metrics, sha256, size,
             created"""


@dataclass(frozen=True)
class Adapter:
    """One adapter; `weights` is the safetensors file (empty in a list), `prompt_version` the renderer it was trained with."""

    id: int
    profile_id: int
    run_id: int | None
    current: bool
    weights: bytes
    peft_config: dict[str, Any]
    base_id: str
    base_revision: str
    prompt_version: str
    fact_ids: tuple[int, ...]
    metrics: dict[str, Any]
    sha256: str
    size: int
    created: str


def save_adapter(
    db: Database, profile_id: int, run_id: int | None, weights: bytes, peft_config: dict[str, Any], base_id: str,
    base_revision: str, prompt_version: str, fact_ids: Iterable[int], metrics: dict[str, Any],
) -> int:  # fmt: skip
    """Stores an adapter and makes it the profile's current one.

    Raises FactsForgotten when a fact it was trained on has been forgotten since: such an adapter may not exist.
    """
    facts = sorted(set(fact_ids))
    with transaction(db):
        _check_origin(db, profile_id, run_id, facts)
        db.execute("UPDATE adapters SET is_current = 0 WHERE profile_id = ?", [profile_id])
        cursor = db.execute(
            """INSERT INTO adapters (profile_id, run_id, is_current, peft_config, base_id, base_revision, prompt_version,
               metrics, sha256, size, created, weights) VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            [profile_id, run_id, to_json(peft_config), base_id, base_revision, prompt_version, to_json(metrics),
             hashlib.sha256(weights).hexdigest(), len(weights), now(), weights],
        )  # fmt: skip
        adapter_id = int(cursor.lastrowid or 0)
        for fact_id in facts:
            db.execute("INSERT INTO adapter_facts VALUES (?, ?)", [adapter_id, fact_id])
    return adapter_id


def load_adapter(db: Database, adapter_id: int) -> Adapter:
    """The adapter with its weights, checked against their SHA-256; raises UnknownAdapter or AdapterDamaged."""
    row = fetch_one(db, "SELECT * FROM adapters WHERE id = ?", [adapter_id])
    if row is None:
        raise UnknownAdapter(f"There is no adapter number {adapter_id}: inject the profile's facts to make one.")
    if hashlib.sha256(row["weights"]).hexdigest() != row["sha256"]:
        raise AdapterDamaged(
            f"The weights of adapter {adapter_id} differ from those that were saved ({row['size']} bytes of "
            f"{row['created']}): inject the profile's facts again to make a new one."
        )
    return _adapter(db, row)


def current_adapter(db: Database, profile_id: int) -> Adapter | None:
    """The adapter in use, with its checked weights, or None; raises AdapterDamaged."""
    row = fetch_one(db, "SELECT id FROM adapters WHERE profile_id = ? AND is_current", [profile_id])
    return load_adapter(db, row["id"]) if row else None


def list_adapters(db: Database, profile_id: int) -> list[Adapter]:
    """Every adapter of a profile, newest first, without its weights."""
    sql = f"SELECT {_LISTED} FROM adapters WHERE profile_id = ? ORDER BY id DESC"
    return [_adapter(db, row) for row in fetch(db, sql, [profile_id])]


def use_adapter(db: Database, adapter_id: int) -> None:
    """Makes an earlier adapter the current one of its profile; raises UnknownAdapter."""
    with transaction(db):
        row = fetch_one(db, "SELECT profile_id FROM adapters WHERE id = ?", [adapter_id])
        if row is None:
            raise UnknownAdapter(f"There is no adapter number {adapter_id}: choose one from the list.")
        db.execute("UPDATE adapters SET is_current = 0 WHERE profile_id = ?", [row["profile_id"]])
        db.execute("UPDATE adapters SET is_current = 1 WHERE id = ?", [adapter_id])


def _check_origin(db: Database, profile_id: int, run_id: int | None, facts: list[int]) -> None:
    """Raises unless the run and all facts still exist in this profile."""
    if run_id is not None and not fetch_one(db, "SELECT 1 FROM runs WHERE id = ? AND profile_id = ?", [run_id, profile_id]):
        raise UnknownRun(f"There is no run number {run_id}: its profile may have been forgotten meanwhile.")
    sql = "SELECT id FROM facts WHERE profile_id = ? AND id IN (SELECT value FROM json_each(?))"
    gone = set(facts) - {row["id"] for row in fetch(db, sql, [profile_id, to_json(facts)])}
    if gone:
        raise FactsForgotten(
            f"{len(gone)} of the facts in this adapter were forgotten while it was trained, so it was not kept: inject again."
        )


def _adapter(db: Database, row: dict[str, Any]) -> Adapter:
    facts = fetch(db, "SELECT fact_id FROM adapter_facts WHERE adapter_id = ? ORDER BY fact_id", [row["id"]])
    return Adapter(
        row["id"], row["profile_id"], row["run_id"], bool(row["is_current"]), bytes(row.get("weights", b"")),
        json.loads(row["peft_config"]), row["base_id"], row["base_revision"], row["prompt_version"],
        tuple(fact["fact_id"] for fact in facts), json.loads(row["metrics"]), row["sha256"], row["size"], row["created"],
    )  # fmt: skip
