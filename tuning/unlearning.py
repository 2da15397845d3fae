"""Forgetting to the end: a fact or message comes in; it goes, the adapter is made anew without it, and a probe is written on the certificate.

What is forgotten is known in this process only as long as the probe needs it. The new adapter never saw it, for it is trained from the bare
base on the facts that are left; the probe shows that it also recalls it no better than the base.
"""

from collections.abc import Callable
from typing import Any

from sqlite_utils import Database

from memory.errors import UnknownFact
from memory.store import (
    Profile,
    current_adapter,
    drop_stale_adapters,
    fetch_facts,
    forget_facts,
    forget_message,
    list_adapters,
    list_examples,
    list_facts,
    load_certificate,
    note_probe,
    sole_facts,
)
from tuning.adapters import detach, from_adapter
from tuning.bases import LoadedBase, load_base, resolve_base
from tuning.exposure import Exposure, measure_exposure
from tuning.frames import frame_questions
from tuning.sides import base_of

MOST_QUESTIONS = 6

Inject = Callable[[LoadedBase], dict[str, Any]]


def forget_and_inject(
    db: Database, profile: Profile, fact_id: int | None, message_id: int | None, inject: Inject, precision: str = "auto"
) -> dict[str, Any]:
    """Forgets, injects again by calling `inject`, probes: {"forgotten": counts, "certificate": the certificate, "injected": result or None}.

    The base is that of the adapter that knew it. Raises UnknownFact, UnknownMessage, and what an injection raises; what was forgotten then
    stays forgotten, and the adapter that knew it stays refused.
    """
    numbers = [fact_id] if fact_id is not None else sole_facts(db, profile.id, message_id or 0)
    facts = [fact for fact in fetch_facts(db, numbers)]
    if fact_id is not None and not facts:
        raise UnknownFact(f"There is no fact number {fact_id} in this profile: list them with the facts command.")
    adapters = list_adapters(db, profile.id)
    current = next((adapter for adapter in adapters if adapter.current), None)
    loaded = load_base(base_of(current) if current else resolve_base(), precision)
    asked = {fact.id: _questions(db, current.run_id if current else None, fact.id, fact.text) for fact in facts}
    probes = [(fact.text, asked[fact.id]) for fact in facts if asked[fact.id]]

    before = _exposures(db, profile, loaded, probes) if current and current.usable else []
    went = forget_facts(db, profile.id, [fact_id]) if fact_id is not None else forget_message(db, profile.id, message_id or 0)
    injected = None
    if list_facts(db, profile.id):
        injected = inject(loaded)
    else:
        drop_stale_adapters(db, profile.id)  # nothing is left to learn, and what knew it goes
    if probes:
        base = [measure_exposure(loaded, loaded.model, questions, text) for text, questions in probes]
        after = _exposures(db, profile, loaded, probes) if injected else base
        note_probe(db, went["certificate"], summarise(before, after, base))
    return {"forgotten": went, "certificate": load_certificate(db, profile.id, went["certificate"]), "injected": injected}


def summarise(before: list[Exposure], after: list[Exposure], base: list[Exposure]) -> dict[str, Any]:
    """Numbers only: each fact's rank before, after and for the base; `forgotten` when none is known now that the base does not know as well."""
    return {
        "before": [exposure.row() for exposure in before],
        "after": [exposure.row() for exposure in after],
        "base": [exposure.row() for exposure in base],
        "forgotten": all(not now.known or (bare.known and now.rank >= bare.rank) for now, bare in zip(after, base, strict=True)),
    }


def _exposures(db: Database, profile: Profile, loaded: LoadedBase, probes: list[tuple[str, list[str]]]) -> list[Exposure]:
    """With the profile's current adapter on the base, which is taken off again."""
    adapter = current_adapter(db, profile.id)
    if adapter is None or (adapter.base_id, adapter.base_revision) != (loaded.base.id, loaded.base.revision):
        return []
    model = from_adapter(loaded, adapter)
    try:
        return [measure_exposure(loaded, model, questions, text) for text, questions in probes]
    finally:
        detach(model)


def _questions(db: Database, run_id: int | None, fact_id: int, text: str) -> list[str]:
    """Questions that the fact answers: those it was taught with, else those that its grammar gives."""
    rows = list_examples(db, run_id) if run_id else []
    taught = [row["question"] for row in rows if row.get("fact_id") == fact_id and row.get("kind") == "recall" and not row.get("notes")]
    return list(dict.fromkeys(taught or frame_questions(text)))[:MOST_QUESTIONS]
