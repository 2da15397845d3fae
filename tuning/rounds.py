"""Many threads, one model: each asks for its own answer, and whoever finds nobody at work writes a token of everybody's (`tuning/crowd.py`).

In: a loaded base that goes through Keepsake's own pass. Out: `Rounds`, and a `SharedSpeaker` that is used as `sides.Speaker` is, by one thread at a
time, while other speakers of the same base are used by others. There is no thread of its own: one person alone is served in their own thread, as
if there were nobody else; of many, those who wait find their token written when the pass ends. Who is slow to fetch theirs gets several at once.
"""

import json
import threading
import time
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlite_utils import Database
from torch import Tensor, tensor

from memory.store import Adapter, Profile
from tuning.bases import LoadedBase
from tuning.crowd import Crowd, Row, Told
from tuning.generate import ANSWER_MOST
from tuning.joint import fits
from tuning.loose import Loras, from_stored
from tuning.prompts import ChatMessage
from tuning.sides import WITH_ADAPTER, Answer, SideStream, Speaker, render_side, strength_of
from tuning.speed import speed


def may_share(loaded: LoadedBase) -> bool:
    """Whether several may be answered at once on a base: one that Keepsake's own pass can read. Others serve one person after the other."""
    return speed().decode and fits(loaded.model)


class Rounds:
    """A base whose passes serve all answers that are being written; safe for any number of threads."""

    def __init__(self, loaded: LoadedBase) -> None:
        self.loaded = loaded
        self._crowd = Crowd(loaded)
        self._changed = threading.Condition()
        self._busy = False
        self._waiting = 0  # newcomers: they go before the next pass
        self._gone: list[Row] = []  # left while somebody was at work, who takes them out

    @contextmanager
    def alone(self) -> Iterator[Crowd]:
        """The model and its tokenizer for this thread, between two passes; never to be held while waiting for anybody."""
        with self._changed:
            self._waiting += 1
            try:
                while self._busy:
                    self._changed.wait()
                self._busy = True
            finally:
                self._waiting -= 1
        try:
            yield self._crowd
        finally:
            self._free()

    def begin(self, rows: Sequence[Row]) -> None:
        """Read the prompts of rows that belong together and write their first tokens; raises what a prompt raises, and then none has begun."""
        with self.alone() as crowd:
            crowd.begin(rows)
            self._tell(rows)

    def await_news(self, rows: Sequence[Row], seen: Sequence[Told]) -> None:
        """Return once any of these rows, which were begun together, is further than `seen`: by a pass of this thread if nobody else is at work."""
        with self._changed:
            while all(row.told is last for row, last in zip(rows, seen)):
                if not self._busy and not self._waiting:
                    self._busy = True
                    break
                self._changed.wait()
            else:
                return
        try:
            self._tell(self._crowd.step())
        finally:
            self._free()

    def leave(self, rows: Sequence[Row]) -> None:
        """Take rows out, whether or not they are at their end; while somebody is at work, as soon as that is done.

        It never waits: Python may close a forgotten answer anywhere, even in the thread that is at work.
        """
        with self._changed:
            self._gone += [row for row in rows if row.told is None or row.told.running]
            if self._busy:
                return
            self._busy = True
        self._free()

    def _tell(self, rows: Sequence[Row]) -> None:
        """Show the owners of rows how far these are: all at once, so that no pane is ahead of the other."""
        with self._changed:
            for row in rows:
                row.tell()

    def _free(self) -> None:
        with self._changed:
            try:
                while self._gone:
                    self._crowd.leave(self._gone.pop())
            finally:
                self._busy = False
                self._changed.notify_all()


@dataclass
class Writing:
    """Answers that belong together (one, or both of a pair) being written with everybody else's: call `step()` until it returns False."""

    rounds: Rounds
    rows: list[Row]
    _seen: list[Told] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        """The answers as of the last step."""
        return [told.text for told in self._seen] or [""] * len(self.rows)

    @property
    def tokens(self) -> list[int]:
        """How many tokens they have."""
        return [told.tokens for told in self._seen] or [0] * len(self.rows)

    def step(self) -> bool:
        """Wait for what is new, which under load is more than a token; False once all have ended. Raises what ended one before its time."""
        if not self._seen:
            self.rounds.begin(self.rows)
        elif any(told.running for told in self._seen):
            self.rounds.await_news(self.rows, self._seen)
        self._seen = [row.told for row in self.rows if row.told is not None]
        for told in self._seen:
            if told.error is not None:
                raise told.error
        return any(told.running for told in self._seen)


@dataclass
class SharedStream(SideStream):
    """One side's answer in the making, in a row of its own."""

    def __post_init__(self) -> None:
        speaker = self.speaker
        assert isinstance(speaker, SharedSpeaker)
        self.row = Row(self.stream, speaker.model if self.side in WITH_ADAPTER else None, self.strength * self.power)
        self.writing = Writing(speaker.rounds, [self.row])

    def step(self) -> bool:
        """Wait for what is new; False once the answer has ended."""
        return self.writing.step()

    @property
    def text(self) -> str:
        """The answer as of the last step, alone or in a pair."""
        return self.row.told.text if self.row.told is not None else ""


@dataclass
class SharedSpeaker(Speaker):
    """A profile's speaker on a base that others answer on as well; `model` is the LoRAs beside it. For one thread at a time."""

    rounds: Rounds = field(kw_only=True)
    _begun: list[Row] = field(default_factory=list, repr=False)

    def answer(self, side: str, questions: Sequence[str], max_new_tokens: int = 64) -> list[Answer]:
        """Answers to questions of their own, one after the other."""
        answers = []
        for question in questions:
            started = time.monotonic()
            stream = self.stream(side, question, max_new_tokens=max_new_tokens)
            while stream.step():
                pass
            spent = 1000 * (time.monotonic() - started)
            answers.append(Answer(side, question, stream.text, stream.notes, len(stream.stream.prompt_tokens), spent))
        return answers

    def stream(
        self, side: str, question: str, history: Sequence[ChatMessage] = (), strength: float = 1.0, max_new_tokens: int = ANSWER_MOST
    ) -> SharedStream:
        """An answer that is written with everybody else's; `strength` scales the adapter (0 leaves the base, 1 is as the side has it)."""
        self.check_side(side)
        chat, notes = render_side(self.db, self.profile, self.plan, side, question, history)
        power = strength_of(side, notes, chat)
        with self.rounds.alone():  # a tokenizer is not for two threads at once
            made = self.make_stream(side, chat, power, strength, max_new_tokens)
        stream = SharedStream(self, side, made, notes, power, strength)
        self._begun.append(stream.row)
        return stream

    def pair(self, streams: Sequence[SideStream]) -> Writing:
        """Answers of streams that have not begun, written a token each with everybody else's."""
        return Writing(self.rounds, [stream.row for stream in streams if isinstance(stream, SharedStream)])

    @contextmanager
    def model_alone(self) -> Iterator[None]:
        """Model and tokenizer, between two passes."""
        with self.rounds.alone():
            yield

    def read_both(self, prompt: list[int], answer: list[int], strength: float = 1.0) -> tuple[Tensor, Tensor]:
        """Logits where an answer's tokens are due, with the adapter as strong as that and without it."""
        ids = tensor([[*prompt, *answer[:-1]]] * 2)
        acting = [(0, 1, self.model, strength)] if self.model is not None else []
        with_adapter, without = Crowd(self.loaded).read(ids, len(answer), acting)
        return with_adapter, without

    def rest(self) -> None:
        """Nobody waits for an answer any more: rows that are still being written leave."""
        begun, self._begun = self._begun, []
        self.rounds.leave(begun)

    def close(self, keep_adapter: bool = False) -> None:
        """Let go of the store, the adapter and what was read."""
        self.rest()
        self.db.close()
        self.model = None
        self._last.clear()

    @property
    def nbytes(self) -> int:
        """Bytes of the adapter and of what was read for the last answers."""
        return super().nbytes + (self.model.nbytes if self.model is not None else 0)


def open_shared(db: Database, profile: Profile, rounds: Rounds, worn: MutableMapping[str, Loras]) -> SharedSpeaker:
    """A speaker with the profile's current adapter if that fits; `worn` holds the LoRAs in use by what is in them, so that each is in memory once."""
    speaker = SharedSpeaker(db, profile, rounds.loaded, rounds=rounds)

    def put_on(stored: Adapter) -> Loras:
        content = f"{stored.sha256} {json.dumps(stored.peft_config, sort_keys=True)}"
        loras = worn.get(content)
        if loras is None:
            loras = worn[content] = from_stored(rounds.loaded, stored)
        return loras

    speaker.settle(put_on)
    return speaker
