"""Forgetting: the number of a fact or a message comes in; it, all that was made of it and its traces in the file go.

A salted hash stays, so that neither study nor another import brings it back. Each function returns what went, by kind.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlite_utils import Database

from memory.errors import UnknownFact, UnknownMessage
from memory.store.certificates import note_traces, write_certificate
from memory.store.database import fetch, fetch_one, now, purge, request_purge, to_json, transaction
from memory.store.forms import ABOUT_ME, fact_of_field
from memory.store.keys import hash_parts, normalise_fact, profile_salt
from memory.store.messages import forgotten_key

SOUGHT = 50  # texts of a whole profile that are looked for in the folder after it is gone
BEGINNING = 200  # letters of a long text that every quotation of it holds
SHORTEST_QUOTE = 8  # letters of a message from which a turn is taken to quote it
TABLES = ("messages", "facts", "runs", "adapters", "turns", "reports")


def forget_fact(db: Database, profile_id: int, fact_id: int) -> dict[str, int]:
    """Deletes a fact, its vectors, its examples and what quotes it; adapters trained on it become stale, its messages excluded.

    Returns what went, by kind, with the number of the `certificate`. Raises UnknownFact.
    """
    return forget_facts(db, profile_id, [fact_id])


def forget_facts(db: Database, profile_id: int, fact_ids: Sequence[int]) -> dict[str, int]:
    """As forget_fact for several facts, all or none, with one purge at the end; raises UnknownFact."""
    went: Counter[str] = Counter()
    notes: list[tuple[int, list[str]]] = []
    with transaction(db):
        for fact_id in fact_ids:
            fact = fetch_one(db, "SELECT * FROM facts WHERE id = ? AND profile_id = ?", [fact_id, profile_id])
            if fact is None:
                raise UnknownFact(f"There is no fact number {fact_id} in this profile: list them with the facts command.")
            stale = _adapters_of(db, [fact_id])
            gone = _forget_one(db, profile_id, fact)
            digest = hash_parts(profile_salt(db, profile_id), "fact", fact["normal"])
            notes.append((write_certificate(db, profile_id, "fact", fact_id, digest, gone, stale), [fact["text"]]))
            went.update(gone)
        request_purge(db)
    return _prove(db, dict(went), notes)


def _forget_one(db: Database, profile_id: int, fact: dict[str, Any]) -> dict[str, int]:
    excluded = db.execute(
        "UPDATE messages SET excluded = 1 WHERE id IN (SELECT message_id FROM fact_messages WHERE fact_id = ?)",
        [fact["id"]],
    ).rowcount
    remember_forgotten_fact(db, profile_id, fact["normal"])
    _empty_field(db, profile_id, fact["normal"])
    return {**delete_fact(db, fact), "messages_excluded": excluded}


def forget_message(db: Database, profile_id: int, message_id: int) -> dict[str, int]:
    """Deletes a message, what quotes it, and the facts that no other message of the person states; raises UnknownMessage."""
    with transaction(db):
        row = fetch_one(db, "SELECT * FROM messages WHERE id = ? AND profile_id = ?", [message_id, profile_id])
        if row is None:
            raise UnknownMessage(f"There is no message number {message_id} in this profile: list them with the messages command.")
        gone = forgotten_key(profile_salt(db, profile_id), row["sender"], row["timestamp"], row["text"])
        db.execute("INSERT OR IGNORE INTO forgotten VALUES (?, 'message', ?)", [profile_id, gone])
        stale = _adapters_of(db, sole_facts(db, profile_id, message_id))
        went = {"messages": 1, **delete_messages(db, profile_id, [row["id"]])}
        if row["conversation"] == ABOUT_ME:  # its sentence must not survive in the text that it was taken from
            db.execute("UPDATE profiles SET about = trim(replace(about, ?, '')) WHERE id = ?", [row["text"], profile_id])
        number = write_certificate(db, profile_id, "message", message_id, gone, went, stale)
        request_purge(db)
    return _prove(db, went, [(number, [row["text"]])])


def forget_all(db: Database, profile_id: int) -> dict[str, int]:
    """Deletes all that is stored of a profile, the form and the hashes of forgotten things included; its name stays."""
    with transaction(db):
        went = count_rows(db, profile_id)
        texts = [row["text"] for row in fetch(db, f"SELECT text FROM messages WHERE profile_id = ? LIMIT {SOUGHT}", [profile_id])]
        for table in ("reports", "turns", "adapters", "runs", "facts", "messages", "imports", "forgotten", "masks", "batch_profiles"):
            db.execute(f"DELETE FROM {table} WHERE profile_id = ?", [profile_id])
        db.execute("UPDATE profiles SET me = NULL, form = '{}', about = '' WHERE id = ?", [profile_id])
        number = write_certificate(db, profile_id, "all", None, None, went, [])
        request_purge(db)
    return _prove(db, went, [(number, texts)])


def _prove(db: Database, went: dict[str, int], notes: list[tuple[int, list[str]]]) -> dict[str, int]:
    """Purges the file, and notes on the certificates whether the words are still anywhere in the data folder."""
    if purge(db):
        for number, words in notes:
            note_traces(db, number, words)
    return {**went, "certificate": notes[-1][0]} if notes else went


def _adapters_of(db: Database, fact_ids: Sequence[int]) -> list[int]:
    sql = "SELECT DISTINCT adapter_id FROM adapter_facts WHERE fact_id IN (SELECT value FROM json_each(?)) ORDER BY adapter_id"
    return [row["adapter_id"] for row in fetch(db, sql, [json.dumps(list(fact_ids))])]


def _mark_stale(db: Database, adapters: Sequence[int]) -> int:
    """Says that adapters know something forgotten; returns how many did not before."""
    sql = "UPDATE adapters SET stale = ?, allowed = 0 WHERE id IN (SELECT value FROM json_each(?)) AND stale IS NULL"
    return int(db.execute(sql, [now(), json.dumps(list(adapters))]).rowcount)


def count_rows(db: Database, profile_id: int) -> dict[str, int]:
    """How many rows a profile has, by table, examples and votes included."""
    counts = {name: _count(db, f"SELECT count(*) AS n FROM {name} WHERE profile_id = ?", profile_id) for name in TABLES}
    by_run = "SELECT count(*) AS n FROM examples WHERE run_id IN (SELECT id FROM runs WHERE profile_id = ?)"
    by_turn = "SELECT count(*) AS n FROM votes WHERE turn_id IN (SELECT id FROM turns WHERE profile_id = ?)"
    return {**counts, "examples": _count(db, by_run, profile_id), "votes": _count(db, by_turn, profile_id)}


def delete_messages(db: Database, profile_id: int, ids: list[int]) -> dict[str, int]:
    """Deletes messages and the facts that rest on them alone, without keeping a hash; within the caller's transaction."""
    sql = """SELECT DISTINCT fact_id FROM fact_messages WHERE message_id IN
             (SELECT id FROM messages WHERE profile_id = ? AND id IN (SELECT value FROM json_each(?)))"""
    stated = [row["fact_id"] for row in fetch(db, sql, [profile_id, json.dumps(ids)])]
    texts = [row["text"] for row in fetch(db, "SELECT text FROM messages WHERE id IN (SELECT value FROM json_each(?))", [json.dumps(ids)])]
    # A short message ("yes") stands in many a turn that has nothing to do with it.
    turns, reports = drop_quoting(db, profile_id, [text for text in texts if len(text) >= SHORTEST_QUOTE])
    examples = _drop_examples(db, profile_id, texts)
    db.execute(
        "DELETE FROM messages WHERE profile_id = ? AND id IN (SELECT value FROM json_each(?))",
        [profile_id, json.dumps(ids)],
    )
    went = _drop_unsaid(db, stated)
    return {**went, "turns": went["turns"] + turns, "reports": went["reports"] + reports, "examples": went["examples"] + examples}


def sole_facts(db: Database, profile_id: int, message_id: int) -> list[int]:
    """The numbers of the facts that only this message states: those that go with it."""
    sql = """SELECT s.fact_id AS id FROM fact_messages AS s JOIN facts AS f ON f.id = s.fact_id AND f.source = 'study'
             WHERE s.message_id = ? AND f.profile_id = ?
             AND NOT EXISTS (SELECT 1 FROM fact_messages AS o WHERE o.fact_id = s.fact_id AND o.message_id <> s.message_id)"""
    return [row["id"] for row in fetch(db, sql, [message_id, profile_id])]


def drop_facts_of_others(db: Database, profile_id: int) -> dict[str, int]:
    """Unlinks facts from messages that are not the person's, and deletes those that nothing else states."""
    others = "message_id IN (SELECT id FROM messages WHERE profile_id = ? AND NOT me)"
    linked = fetch(db, f"SELECT DISTINCT fact_id FROM fact_messages WHERE {others}", [profile_id])
    db.execute(f"DELETE FROM fact_messages WHERE {others}", [profile_id])
    return _drop_unsaid(db, [row["fact_id"] for row in linked])


def _drop_unsaid(db: Database, fact_ids: list[int]) -> dict[str, int]:
    """Of these facts, points each to the newest message that still states it; studied ones without any are deleted."""
    total = {"facts": 0, "examples": 0, "adapters_stale": 0, "reports": 0, "turns": 0}
    newest = """SELECT m.id FROM fact_messages AS s JOIN messages AS m ON m.id = s.message_id
                WHERE s.fact_id = facts.id ORDER BY m.timestamp DESC, m.id DESC LIMIT 1"""
    for fact_id in fact_ids:
        db.execute(f"UPDATE facts SET message_id = ({newest}) WHERE id = ?", [fact_id])
        fact = fetch_one(db, "SELECT * FROM facts WHERE id = ?", [fact_id])
        if fact and fact["source"] == "study" and fact["message_id"] is None:
            for kind, count in delete_fact(db, fact).items():
                total[kind] += count
    return total


def delete_fact(db: Database, fact: dict[str, Any]) -> dict[str, int]:
    """Deletes one row of facts, its examples, and the turns and reports that tell it; adapters trained on it become stale.

    An example, turn or report is also dropped when it quotes the fact's text, as one about another fact may do; an example also when it quotes a
    message that says it.
    A fact that this one had superseded is not revived: the person corrected it once.
    """
    profile_id, quoted = fact["profile_id"], json.dumps(fact["text"], ensure_ascii=False)[1:-1]
    about = """run_id IN (SELECT id FROM runs WHERE profile_id = :profile) AND (fact_id = :fact OR instr(data, :quoted)
               OR EXISTS (SELECT 1 FROM json_each(data, '$.fact_ids') WHERE value = :fact))"""
    given = {"profile": profile_id, "fact": fact["id"], "quoted": quoted}
    stale = _adapters_of(db, [fact["id"]])
    marked = _mark_stale(db, stale)
    turns, reports = drop_quoting(db, profile_id, [fact["text"], *telling_words(db, fact)], stale)
    examples = db.execute(f"DELETE FROM examples WHERE {about}", given).rowcount
    said = "SELECT text FROM messages WHERE id IN (SELECT message_id FROM fact_messages WHERE fact_id = ?)"
    examples += _drop_examples(db, profile_id, [row["text"] for row in fetch(db, said, [fact["id"]])])
    db.execute("DELETE FROM checkpoints WHERE run_id IN (SELECT id FROM runs WHERE profile_id = ?)", [profile_id])
    db.execute("DELETE FROM facts WHERE id = ?", [fact["id"]])
    return {"facts": 1, "examples": examples, "adapters_stale": marked, "reports": reports, "turns": turns}


def _drop_examples(db: Database, profile_id: int, texts: Sequence[str]) -> int:
    """Deletes the examples among whose notes one of these messages stands, on one line and perhaps shortened; returns how many."""
    quoting = """EXISTS (SELECT 1 FROM json_each(data, '$.notes') AS note
                 WHERE substr(note.value, 1, :most) IN (SELECT value FROM json_each(:texts)))"""
    sql = f"DELETE FROM examples WHERE run_id IN (SELECT id FROM runs WHERE profile_id = :profile) AND {quoting}"
    given = {"profile": profile_id, "most": BEGINNING, "texts": json.dumps([_beginning(text) for text in texts])}
    return int(db.execute(sql, given).rowcount)


def _beginning(text: str) -> str:
    """A text as a prompt's note begins with it: on one line, of a long one the beginning."""
    return " ".join(text.split())[:BEGINNING]


def telling_words(db: Database, fact: dict[str, Any]) -> list[str]:
    """The numbers and names of a fact that no other fact of the profile says: where one stands, the fact is told."""
    words = {word for word in re.findall(r"\w[\w'-]*", fact["text"])[1:] if len(word) >= 3 and (word[0].isupper() or word[0].isdigit())}
    others = "SELECT 1 FROM facts WHERE profile_id = ? AND id <> ? AND instr(lower(text), lower(?))"
    return [word for word in sorted(words) if not fetch_one(db, others, [fact["profile_id"], fact["id"], word])]


def drop_quoting(db: Database, profile_id: int, texts: Sequence[str], adapters: Sequence[int] = ()) -> tuple[int, int]:
    """Deletes the turns and reports in which one of these texts stands, and the reports on these adapters; returns how many of each."""
    shorts = {_short(text) for text in texts} - {""}
    count = {"turns": 0, "reports": 0}
    for table, column in (
        ("turns", "question || char(31) || left_text || char(31) || right_text || char(31) || detail"),
        ("reports", "report"),
    ):
        rows = fetch(db, f"SELECT id, {column} AS said FROM {table} WHERE profile_id = ?", [profile_id])
        gone = [row["id"] for row in rows if _says(row["said"], shorts) or (table == "reports" and _adapter_of(row["said"]) in adapters)]
        count[table] = db.execute(f"DELETE FROM {table} WHERE id IN (SELECT value FROM json_each(?))", [json.dumps(gone)]).rowcount
    return count["turns"], count["reports"]


def _short(text: str) -> str:
    """A text as a prompt's note begins with it, as JSON writes it, without capitals."""
    return json.dumps(_beginning(text), ensure_ascii=False)[1:-1].casefold()


def _says(said: str, shorts: set[str]) -> bool:
    plain = " ".join(said.split()).casefold()
    return any(re.search(rf"(?<!\w){re.escape(short)}(?!\w)", plain) for short in shorts if short in plain)


def _adapter_of(report: str) -> Any:
    return json.loads(report).get("adapter")


def remember_forgotten_fact(db: Database, profile_id: int, normal: str) -> None:
    """Keeps the hash of a fact's text, so that study does not bring it back."""
    key = hash_parts(profile_salt(db, profile_id), "fact", normal)
    db.execute("INSERT OR IGNORE INTO forgotten VALUES (?, 'fact', ?)", [profile_id, key])


def _empty_field(db: Database, profile_id: int, normal: str) -> None:
    """Removes the field of the form that says a forgotten fact."""
    row = fetch_one(db, "SELECT form FROM profiles WHERE id = ?", [profile_id])
    form = json.loads(row["form"]) if row else {}
    kept = {field: value for field, value in form.items() if normalise_fact(fact_of_field(field, value)) != normal}
    if kept != form:
        db.execute("UPDATE profiles SET form = ? WHERE id = ?", [to_json(kept), profile_id])


def _count(db: Database, sql: str, profile_id: int) -> int:
    row = fetch_one(db, sql, [profile_id])
    return int(row["n"]) if row else 0
