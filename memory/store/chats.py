"""The room of chats: questions with two sides' answers come in, then votes on them; reports are kept beside them."""

import json
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from memory.errors import UnknownTurn
from memory.store.database import fetch, fetch_one, now, to_json, transaction

CHOICES = ("left", "right", "tie", "both_bad")


@dataclass(frozen=True)
class Turn:
    """One question and both answers; `left_side` and `right_side` name who gave them (kept from the voter's eyes)."""

    id: int
    chat_id: str
    question: str
    left_side: str
    right_side: str
    left_text: str
    right_text: str
    detail: dict[str, Any]
    created: str


@dataclass(frozen=True)
class Vote:
    """One vote; `winner` is the side that was preferred, None for a tie or when both were bad."""

    turn_id: int
    choice: str
    left_side: str
    right_side: str
    winner: str | None
    question: str
    created: str


@dataclass(frozen=True)
class Judgement:
    """What the person said of the memory in one answer: was it relevant, was it accurate (None: not said)?"""

    turn_id: int
    place: str
    side: str
    relevant: bool | None
    accurate: bool | None


def save_turn(
    db: Database, profile_id: int, chat_id: str, question: str, left_side: str, right_side: str, left_text: str,
    right_text: str, detail: dict[str, Any],
) -> int:  # fmt: skip
    """Stores a question with both answers; returns its number."""
    with transaction(db):
        cursor = db.execute(
            """INSERT INTO turns (profile_id, chat_id, question, left_side, right_side, left_text, right_text, detail,
               created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            [profile_id, chat_id, question, left_side, right_side, left_text, right_text, to_json(detail), now()],
        )
    return int(cursor.lastrowid or 0)


def list_turns(db: Database, profile_id: int, chat_id: str | None = None) -> list[Turn]:
    """The turns of a profile, or of one of its chats, oldest first."""
    sql = "SELECT * FROM turns WHERE profile_id = :profile AND (:chat IS NULL OR chat_id = :chat) ORDER BY id"
    return [_turn(row) for row in fetch(db, sql, {"profile": profile_id, "chat": chat_id})]


def _turn(row: dict[str, Any]) -> Turn:
    return Turn(
        row["id"], row["chat_id"], row["question"], row["left_side"], row["right_side"], row["left_text"], row["right_text"],
        json.loads(row["detail"]), row["created"],
    )  # fmt: skip


def save_vote(db: Database, turn_id: int, choice: str) -> None:
    """Stores the vote on a turn: left, right, tie or both_bad; a second one replaces the first. Raises UnknownTurn."""
    if choice not in CHOICES:
        raise ValueError(f"a vote is one of {CHOICES}, not {choice!r}")
    with transaction(db):
        if not fetch_one(db, "SELECT 1 FROM turns WHERE id = ?", [turn_id]):
            raise UnknownTurn(f"There is no stored answer number {turn_id} to vote on: ask the question again.")
        db.execute("INSERT OR REPLACE INTO votes VALUES (?, ?, ?)", [turn_id, choice, now()])


def find_vote(db: Database, turn_id: int) -> str | None:
    """The choice that was made on a turn, or None."""
    row = fetch_one(db, "SELECT choice FROM votes WHERE turn_id = ?", [turn_id])
    return row["choice"] if row else None


def list_votes(db: Database, profile_id: int) -> list[Vote]:
    """Every vote of a profile with the sides it was about, in the order of the turns."""
    sql = """SELECT votes.*, left_side, right_side, question FROM votes JOIN turns ON turns.id = turn_id
             WHERE profile_id = ? ORDER BY turn_id"""
    return [
        Vote(row["turn_id"], row["choice"], row["left_side"], row["right_side"],
             row.get(f"{row['choice']}_side"), row["question"], row["created"])
        for row in fetch(db, sql, [profile_id])
    ]  # fmt: skip


def save_judgement(db: Database, turn_id: int, place: str, relevant: bool | None, accurate: bool | None) -> None:
    """Stores whether the memory in the left or right answer of a turn was relevant and accurate; replaces what was said before.

    Raises UnknownTurn.
    """
    if place not in ("left", "right"):
        raise ValueError(f"an answer is left or right, not {place!r}")
    with transaction(db):
        if not fetch_one(db, "SELECT 1 FROM turns WHERE id = ?", [turn_id]):
            raise UnknownTurn(f"There is no stored answer number {turn_id} to judge: ask the question again.")
        db.execute("INSERT OR REPLACE INTO judgements VALUES (?, ?, ?, ?, ?)", [turn_id, place, relevant, accurate, now()])


def list_judgements(db: Database, profile_id: int) -> list[Judgement]:
    """Every judgement of a profile with the side it is about, in the order of the turns."""
    sql = """SELECT judgements.*, CASE place WHEN 'left' THEN left_side ELSE right_side END AS side
             FROM judgements JOIN turns ON turns.id = turn_id WHERE profile_id = ? ORDER BY turn_id, place"""
    return [
        Judgement(row["turn_id"], row["place"], row["side"], _truth(row["relevant"]), _truth(row["accurate"]))
        for row in fetch(db, sql, [profile_id])
    ]


def load_turn(db: Database, profile_id: int, turn_id: int | None) -> Turn:
    """A stored turn of a profile; raises UnknownTurn."""
    row = fetch_one(db, "SELECT * FROM turns WHERE profile_id = ? AND id IS ?", [profile_id, turn_id])
    if row is None:
        raise UnknownTurn(f"There is no stored answer number {turn_id} in this profile: ask the question again.")
    return _turn(row)


def _truth(value: int | None) -> bool | None:
    return None if value is None else bool(value)


def save_report(db: Database, profile_id: int, kind: str, report: dict[str, Any]) -> int:
    """Keeps a report of a kind (each is kept, the latest counts); returns its number."""
    with transaction(db):
        cursor = db.execute(
            "INSERT INTO reports (profile_id, kind, report, created) VALUES (?, ?, ?, ?)",
            [profile_id, kind, to_json(report), now()],
        )
    return int(cursor.lastrowid or 0)


def latest_report(db: Database, profile_id: int, kind: str) -> dict[str, Any] | None:
    """The newest report of a kind as it was saved, or None."""
    sql = "SELECT report FROM reports WHERE profile_id = ? AND kind = ? ORDER BY id DESC LIMIT 1"
    row = fetch_one(db, sql, [profile_id, kind])
    return json.loads(row["report"]) if row else None
