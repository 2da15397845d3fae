"""The room of adapters: trained weights come in with what is needed to serve them, and come out checked."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from memory.errors import AdapterDamaged, FactsForgotten, StaleAdapter, UnknownAdapter, UnknownRun
from memory.store.certificates import note_reinjection
from memory.store.database import fetch, fetch_one, now, purge, request_purge, to_json, transaction
from memory.store.leases import require_lease

_LISTED = """id, profile_id, run_id, is_current, peft_config, base_id, base_revision, prompt_version, metrics, sha256, size,
             created, stale, allowed"""


@dataclass(frozen=True)
class Adapter:
    """One adapter; `weights` is the safetensors file (empty in a list), `prompt_version` the renderer it was trained with.

    `stale` says since when something that it was trained on is forgotten; it is then used only if the person `allowed` it.
    """

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
    stale: str | None = None
    allowed: bool = False

    @property
    def usable(self) -> bool:
        """Whether nothing that it knows was forgotten, or the person uses it nevertheless."""
        return self.stale is None or self.allowed


def save_adapter(
    db: Database, profile_id: int, run_id: int | None, weights: bytes, peft_config: dict[str, Any], base_id: str,
    base_revision: str, prompt_version: str, fact_ids: Iterable[int], metrics: dict[str, Any],
) -> int:  # fmt: skip
    """Stores an adapter, makes it the profile's current one, and deletes those that know something forgotten.

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
        note_reinjection(db, profile_id, adapter_id)
        went = drop_stale(db, profile_id)  # last, so that the new one cannot get the number of an old one
    if went:
        purge(db)
    return adapter_id


def drop_stale(db: Database, profile_id: int) -> int:
    """Deletes the adapters that know something forgotten, within the caller's transaction; returns how many."""
    went = db.execute("DELETE FROM adapters WHERE profile_id = ? AND stale IS NOT NULL", [profile_id]).rowcount
    if went:
        request_purge(db)
    return int(went)


def drop_stale_adapters(db: Database, profile_id: int) -> int:
    """Deletes the adapters that know something forgotten, and their traces in the file; returns how many."""
    with transaction(db):
        went = drop_stale(db, profile_id)
    if went:
        purge(db)
    return went


def allow_adapter(db: Database, profile_id: int, adapter_id: int, allowed: bool = True) -> None:
    """Says that a stale adapter is to be used nevertheless, or is not; raises UnknownAdapter."""
    with transaction(db):
        changed = db.execute("UPDATE adapters SET allowed = ? WHERE id = ? AND profile_id = ?", [allowed, adapter_id, profile_id]).rowcount
        if not changed:
            raise UnknownAdapter(f"There is no adapter number {adapter_id} in this profile: list them with the adapters command.")


def load_adapter(db: Database, adapter_id: int) -> Adapter:
    """The adapter with its weights, checked against their SHA-256.

    Raises UnknownAdapter, AdapterDamaged, or StaleAdapter for one that knows something forgotten and was not allowed.
    """
    row = fetch_one(db, "SELECT * FROM adapters WHERE id = ?", [adapter_id])
    if row is None:
        raise UnknownAdapter(f"There is no adapter number {adapter_id}: inject the profile's facts to make one.")
    if row["stale"] and not row["allowed"]:
        raise StaleAdapter(
            f"Adapter {adapter_id} was trained on something that has been forgotten since, so it is not used: inject again without it, "
            f"or allow it with python -m memory adapters --profile NAME --allow {adapter_id}."
        )
    if hashlib.sha256(row["weights"]).hexdigest() != row["sha256"]:
        raise AdapterDamaged(
            f"The weights of adapter {adapter_id} differ from those that were saved ({row['size']} bytes of "
            f"{row['created']}): inject the profile's facts again to make a new one."
        )
    return _adapter(db, row)


def current_adapter(db: Database, profile_id: int) -> Adapter | None:
    """The adapter in use, with its checked weights, or None; raises AdapterDamaged or StaleAdapter."""
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
    """Raises unless the run is this process's, and it and all facts still exist in this profile."""
    if run_id is not None:
        if not fetch_one(db, "SELECT 1 FROM runs WHERE id = ? AND profile_id = ?", [run_id, profile_id]):
            raise UnknownRun(f"There is no run number {run_id}: its profile may have been forgotten meanwhile.")
        require_lease(db, run_id)  # one that was taken over while it hung must not put its adapter over the other's
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
        row["stale"], bool(row["allowed"]),
    )  # fmt: skip
