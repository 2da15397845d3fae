"""The blind test: a question and a pair of sides come in, two answers of one model come out, shuffled on the server.

What keeps it blind: the order is drawn here for each question and leaves the server only after the vote; both sides
have searched and read their prompt before either shows a word; they are written together, a token each (`tuning/pair.py`);
and neither pane is finished before the other.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlite_utils import Database

from app import sentences as say
from app.edge import PageError
from memory.store import Profile, Turn, find_vote, list_turns, save_turn, save_vote, transaction
from tuning.prompts import ChatMessage

if TYPE_CHECKING:
    from tuning.sides import Speaker

REMEMBERED_TURNS = 3  # earlier turns of the chat in a prompt: more would push the notes out of a small model's sight

_shuffle = random.SystemRandom()


@dataclass
class Answers:
    """Two answers in the making, left and right; `sides` and `notes` are not for the screen before the vote."""

    question: str
    sides: tuple[str, str]
    texts: list[str] = field(default_factory=lambda: ["", ""])
    notes: list[list[str]] = field(default_factory=lambda: [[], []])
    lifts: list[list[dict[str, Any]]] = field(default_factory=lambda: [[], []])


def draw_sides(pair: str) -> tuple[str, str]:
    """The sides of a pair such as "adapter-rag" in random order."""
    if pair not in say.PAIRS:
        raise PageError(f'"{pair}" is no pair to compare: choose one of {", ".join(say.PAIRS)}.')
    left, right = _shuffle.sample(pair.split("-"), 2)
    return left, right


def write_answers(
    speaker: "Speaker", answers: Answers, earlier: Sequence[Turn], stopped: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """Writes both answers into `answers`, one token a side between two yields, until both have ended or `stopped` says so."""
    from tuning.lift import measure_lift

    streams = [speaker.stream(side, answers.question, history_of(side, earlier)) for side in answers.sides]
    answers.notes = [list(stream.notes) for stream in streams]
    pair = speaker.pair(streams)
    more = True
    while more and not stopped():
        more = pair.step()
        answers.texts = pair.texts
        yield
    if speaker.model is not None:  # of a model that runs elsewhere no lift can be measured
        answers.lifts = [measure_lift(speaker, stream.side, stream.stream.chat, stream.text, stream.notes) for stream in streams]


def history_of(side: str, earlier: Sequence[Turn]) -> list[ChatMessage]:
    """The last turns of a chat as a side lived them: the questions and its own answers."""
    history: list[ChatMessage] = []
    for turn in earlier:
        own = {turn.left_side: turn.left_text, turn.right_side: turn.right_text}
        if own.get(side):
            history += [{"role": "user", "content": turn.question}, {"role": "assistant", "content": own[side]}]
    return history[-2 * REMEMBERED_TURNS :]


def keep_answers(db: Database, profile: Profile, chat_id: str, answers: Answers, adapter: int | None, base: str) -> int:
    """Stores the finished turn; returns its number."""
    left, right = answers.sides
    detail = {"notes": answers.notes, "lifts": answers.lifts, "adapter": adapter, "base": base}
    return save_turn(db, profile.id, chat_id, answers.question, left, right, answers.texts[0], answers.texts[1], detail)


def as_turn(chat_id: str, answers: Answers) -> Turn:
    """A finished turn that is not stored: number 0."""
    left, right = answers.sides
    detail = {"notes": answers.notes, "lifts": answers.lifts}
    return Turn(0, chat_id, answers.question, left, right, answers.texts[0], answers.texts[1], detail, "")


def keep_vote(db: Database, profile: Profile, chat_id: str, turn_id: int | None, choice: str) -> Turn:
    """Stores the one vote on a turn of this chat and returns the turn, whose sides may now be shown."""
    with transaction(db):
        turn = next((turn for turn in list_turns(db, profile.id, chat_id) if turn.id == turn_id), None)
        if turn is None:
            raise PageError(say.NO_TURN)
        if find_vote(db, turn.id) is not None:
            raise PageError(say.ALREADY_VOTED)
        save_vote(db, turn.id, choice)
    return turn
