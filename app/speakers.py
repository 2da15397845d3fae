"""The model that answers in this process: a profile comes in, its speaker comes out.

One base is loaded at most. Where Keepsake's own pass can read it (`tuning/rounds.py`), several visitors' answers are written on it together, each with
its own profile's adapter; any other base, and a server that answers, serves one visitor after the other, with one adapter around the base.
Who has to wait stands in one line. The heavy modules (torch) are imported when the first model is needed, so that the page opens at once.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from app import sentences as say
from app.edge import PageError
from app.handover import chosen_endpoint
from app.slices import lent
from app.warm import warm_up
from memory.store import Profile, data_folder, embeddings, list_adapters, open_store

if TYPE_CHECKING:
    from peft import PeftModel

    from tuning.bases import Base, LoadedBase
    from tuning.loose import Loras
    from tuning.rounds import Rounds
    from tuning.sides import Speaker

PATIENCE_SECONDS = 120.0  # in which nobody before one has got on
LOOK_SECONDS = 1.0
MOST_ROWS = 16  # answers written at once; a pair is two
MOST_RESTING = 8  # speakers that are kept for the next question of their profile
LARGEST_KEPT = 128 * 2**20  # bytes of what they have read and of their adapters, all together

# Data folder, profile, hash of the adapter, whether it may be used, what was removed from the store until then.
Key = tuple[str, int, str | None, bool, int]


@dataclass(frozen=True)
class Wish:
    """What a visitor needs: the key of a speaker, and its base, or the address of a server."""

    key: Key
    base: "Base | None"
    url: str | None = None


@dataclass(eq=False)
class Turn:
    """A visitor's place in the line, and then the speaker, until the block ends."""

    speakers: "Speakers"
    profile: Profile
    rows: int
    keep: bool = True  # whether the speaker may be kept for the next question
    wish: Wish | None = None
    _speaker: "Speaker | None" = None

    def __enter__(self) -> "Turn":
        self.speakers._queue(self)
        return self

    def __exit__(self, *_: object) -> None:
        self.speakers._leave(self)

    def places(self, patience: float | None = None) -> Iterator[int]:
        """How many are before this one, about once a second, until none is and the model is free. PageError if the line has not got on for
        `patience` seconds; without it, who waits decides how long."""
        since, last = time.monotonic(), None
        while not self.speakers._admit(self):
            place = self.speakers._before(self)
            if place != last:
                since, last = time.monotonic(), place
            elif patience is not None and time.monotonic() - since > patience:
                raise PageError(say.MODEL_BUSY)
            yield len(place)

    @property
    def speaker(self) -> "Speaker":
        """The profile's speaker with its current adapter, once `places` has ended."""
        assert self._speaker is not None
        return self._speaker


class Speakers:
    """The loaded base, who is answered on it, who waits, and speakers that rest until their profile is asked again."""

    def __init__(self) -> None:
        # Never held while an answer is written or a model is read: a generator may be resumed and closed in different threads.
        self._changed = threading.Condition()
        self._line: list[Turn] = []
        self._at_work: list[Turn] = []
        self._resting: list[tuple[Key, Speaker]] = []  # longest resting first; at most one on a base that is not shared
        self._changing = False  # the base, by somebody at work
        self._meant: Base | None = None
        self._loaded: LoadedBase | None = None
        self._rounds: Rounds | None = None  # of a base that is shared
        self._worn: WeakValueDictionary[str, Loras] = WeakValueDictionary()

    def turn(self, profile: Profile, rows: int = 1) -> Turn:
        """A place in the line for a visitor who wants so many answers written at once; to be entered with `with`."""
        return Turn(self, profile, rows)

    @contextmanager
    def speaking(self, profile: Profile, rows: int = 1) -> Iterator["Speaker"]:
        """The profile's speaker with its current adapter, as soon as it is this visitor's turn; PageError if that takes too long."""
        with self.turn(profile, rows) as turn:
            for _ in turn.places(PATIENCE_SECONDS):
                pass
            yield turn.speaker

    def release(self) -> None:
        """Gives the memory back before a child process needs it; what answers are being written with stays until they have ended."""
        with self._changed:
            self._close([*self._resting])
            for turn in self._at_work:
                turn.keep = False
            if not self._at_work:
                self._loaded = self._meant = self._rounds = None

    def forget(self, home: Path, profile: int | None = None, patience: float = PATIENCE_SECONDS) -> None:
        """Lets go of the speakers of a data folder that is about to be deleted, or of one profile of it; waits so long for answers being written."""

        def of_it(key: Key) -> bool:
            return key[0] == str(home) and profile in (None, key[1])

        with self._changed:
            busy = [turn for turn in self._at_work if turn.wish is not None and of_it(turn.wish.key)]
            for turn in busy:
                turn.keep = False
            self._close([each for each in self._resting if of_it(each[0])])
            self._changed.wait_for(lambda: not set(busy) & set(self._at_work), patience)

    # The line

    def _queue(self, turn: Turn) -> None:
        with self._changed:
            self._line.append(turn)

    def _before(self, turn: Turn) -> list[Turn]:
        """Who is answered or waits before a turn in the line, and holds it up."""
        with self._changed:
            return [*self._at_work, *self._line[: self._line.index(turn)]]

    def _admit(self, turn: Turn) -> bool:
        """Give a turn its speaker if it is the first in the line and may have one; else wait a little."""
        with self._changed:
            if self._line[0] is not turn or self._changing:
                self._changed.wait(LOOK_SECONDS)
                if self._line[0] is not turn or self._changing:
                    return False
        wish = self._wish(turn.profile)
        with self._changed:
            if self._line[0] is not turn or not self._may_begin(turn, wish):
                self._changed.wait(LOOK_SECONDS)
                return False
            self._line.remove(turn)
            self._at_work.append(turn)
            turn.wish = wish
            self._changing = not self._is_shared(wish)
            self._changed.notify_all()
        if self._is_shared(wish):
            turn._speaker = self._find_shared(turn.profile, wish)
            return True
        try:
            turn._speaker = self._find_alone(turn.profile, wish)
        finally:
            with self._changed:
                self._changing = False
                self._changed.notify_all()
        return True

    def _is_shared(self, wish: Wish) -> bool:
        """Whether what is loaded is the base that is wanted, and serves several."""
        return self._rounds is not None and wish.base is not None and wish.base == self._meant

    def _may_begin(self, turn: Turn, wish: Wish) -> bool:
        if self._changing:
            return False
        if self._is_shared(wish):
            return sum(each.rows for each in self._at_work) + turn.rows <= MOST_ROWS
        return not self._at_work

    def _leave(self, turn: Turn) -> None:
        """The visitor's answers have ended, or nobody wants them any more."""
        speaker = turn._speaker
        if speaker is not None:
            speaker.rest()
        with self._changed:
            if turn in self._line:
                self._line.remove(turn)
            if turn in self._at_work:
                self._at_work.remove(turn)
            if speaker is not None and turn.wish is not None:
                self._resting.append((turn.wish.key, speaker))
                if not turn.keep:
                    self._close(self._resting[-1:])
                self._close_surplus()
            self._changed.notify_all()

    # Speakers

    def _wish(self, profile: Profile) -> Wish:
        """What the profile needs now."""
        warm_up()
        from tuning.bases import resolve_base
        from tuning.sides import base_of

        home = str(data_folder())
        if url := chosen_endpoint():
            return Wish((home, profile.id, url, True, 0), None, url)
        db = open_store()
        try:
            current = next((adapter for adapter in list_adapters(db, profile.id) if adapter.current), None)
            base = base_of(current) if current else resolve_base()
            # By its hash, not its number: a number may be used again after everything was forgotten.
            # And by what was removed: a speaker keeps its last answers' keys and values, in which something forgotten may have stood.
            sha256, usable = (current.sha256, current.usable) if current else (None, False)
            removed = embeddings.removals(db)
        finally:
            db.close()
        with self._changed:
            if self._rounds is not None:
                self._close([each for each in self._resting if each[0][0] == home and each[0][4] != removed])
        return Wish((home, profile.id, sha256, usable, removed), base)

    def _find_alone(self, profile: Profile, wish: Wish) -> "Speaker":
        """A speaker for somebody who is alone at work: their base is not loaded yet, or serves one after the other."""
        if wish.base is None:
            return self._find_remote(profile, wish)
        from tuning.bases import load_base
        from tuning.rounds import Rounds, may_share
        from tuning.sides import open_speaker

        if self._meant == wish.base and (resting := self._take_resting(wish.key)):
            return resting
        same = self._loaded is not None and wish.base == self._meant
        worn = self._forget_speakers(keep_adapter=same)
        try:
            if not same:
                self._loaded = self._rounds = None  # before the next one is loaded: two may not fit
                self._loaded, self._meant = load_base(wish.base), wish.base
                if may_share(self._loaded):
                    self._rounds = Rounds(self._loaded)
            if self._rounds is not None:
                return self._find_shared(profile, wish)
            db = open_store()
            try:
                return open_speaker(db, profile, loaded=self._loaded, base_id=wish.base.id, worn=worn)
            except BaseException:
                db.close()
                raise
        except BaseException:
            # The base may be left with half an adapter on it: load it anew next time.
            self._loaded = self._meant = self._rounds = None
            raise

    def _find_shared(self, profile: Profile, wish: Wish) -> "Speaker":
        """A speaker beside others on the base that is loaded."""
        from tuning.rounds import open_shared

        if resting := self._take_resting(wish.key):
            return resting
        rounds, db = self._rounds, open_store()
        assert rounds is not None
        try:
            return open_shared(db, profile, rounds, self._worn)
        except BaseException:
            db.close()
            raise

    def _find_remote(self, profile: Profile, wish: Wish) -> "Speaker":
        """A speaker whose model runs on a server; the base of this process gives its memory back."""
        from tuning.endpoint import open_remote

        if resting := self._take_resting(wish.key):
            return resting
        self._forget_speakers()
        self._loaded = self._meant = self._rounds = None
        speaker: Any = open_remote(open_store(), profile, str(wish.url))  # the same calls as a Speaker
        return speaker

    def _take_resting(self, key: Key) -> "Speaker | None":
        """The speaker that rested last under a key; older ones of the profile under other keys are closed."""
        with self._changed:
            if self._rounds is not None:
                self._close([each for each in self._resting if each[0][:2] == key[:2] and each[0] != key])
            for place in reversed(range(len(self._resting))):
                if self._resting[place][0] == key:
                    return self._resting.pop(place)[1]
        return None

    def _forget_speakers(self, keep_adapter: bool = False) -> "PeftModel | None":
        """Closes all speakers and takes their adapter off the base, or returns the model that still wears it."""
        with self._changed:
            worn = self._resting[0][1].model if self._resting and keep_adapter else None
            self._close([*self._resting], keep_adapter)
        return worn

    def _close_surplus(self) -> None:
        """Keep few speakers, and no more than may be kept in memory. On a base that is not shared there is one at most."""
        while (
            self._rounds is not None
            and len(self._resting) > 1
            and (len(self._resting) > MOST_RESTING or sum(speaker.nbytes for _, speaker in self._resting) > LARGEST_KEPT)
        ):
            self._close(self._resting[:1])

    def _close(self, chosen: "list[tuple[Key, Speaker]]", keep_adapter: bool = False) -> None:
        for each in chosen:
            self._resting.remove(each)
            each[1].close(keep_adapter)


SPEAKERS = Speakers()


def queue_options() -> dict[str, Any]:
    """How events that answer share Gradio's queue: as many at once as may be answered together, one where a GPU is lent to one. Who is let in
    and must still wait, for another base or a base that serves one after the other, stands in the line of `SPEAKERS`."""
    return {"concurrency_id": "model", "concurrency_limit": 1 if lent() else MOST_ROWS}
