"""The model that answers in this process: a profile comes in, its speaker comes out, for one visitor at a time.

One base is loaded at most, with one adapter around it; another profile or a newer adapter takes its place. The heavy
modules (torch) are imported when the first model is needed, so that the page opens at once.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import sentences as say
from app.edge import PageError
from app.handover import chosen_endpoint
from app.warm import warm_up
from memory.store import Profile, data_folder, embeddings, list_adapters, open_store

if TYPE_CHECKING:
    from peft import PeftModel

    from tuning.bases import Base, LoadedBase
    from tuning.sides import Speaker

PATIENCE_SECONDS = 120.0

# Data folder, profile, hash of the adapter, whether it may be used, what was removed from the store until then.
Key = tuple[str, int, str | None, bool, int]


class Speakers:
    """The loaded base and the speaker of the profile that spoke last."""

    def __init__(self) -> None:
        # A plain lock, not a reentrant one: a generator that holds it may be resumed and closed in different threads.
        self._lock = threading.Lock()
        self._meant: Base | None = None
        self._loaded: LoadedBase | None = None
        self._speaker: Speaker | None = None
        self._key: Key | None = None

    @contextmanager
    def speaking(self, profile: Profile) -> Iterator["Speaker"]:
        """The profile's speaker with its current adapter; nobody else's answer is written meanwhile."""
        if not self._lock.acquire(timeout=PATIENCE_SECONDS):
            raise PageError(say.MODEL_BUSY)
        try:
            yield self._find(profile)
        finally:
            self._lock.release()

    def release(self) -> None:
        """Gives the memory back before a child process needs it, unless an answer is being written."""
        if self._lock.acquire(blocking=False):
            try:
                self._forget_speaker()
                self._loaded = self._meant = None
            finally:
                self._lock.release()

    def forget(self, home: Path) -> None:
        """Lets go of the speaker of a data folder that is about to be deleted."""
        if self._lock.acquire(timeout=PATIENCE_SECONDS):
            try:
                if self._key is not None and self._key[0] == str(home):
                    self._forget_speaker()
            finally:
                self._lock.release()

    def _find(self, profile: Profile) -> "Speaker":
        warm_up()
        from tuning.bases import load_base, resolve_base
        from tuning.sides import base_of, open_speaker

        if url := chosen_endpoint():
            return self._find_remote(profile, url)
        db = open_store()
        try:
            current = next((adapter for adapter in list_adapters(db, profile.id) if adapter.current), None)
            base = base_of(current) if current else resolve_base()
            # By its hash, not its number: a number may be used again after everything was forgotten.
            # And by what was removed: a speaker keeps its last answers' keys and values, in which something forgotten may have stood.
            sha256, usable = (current.sha256, current.usable) if current else (None, False)
            key = (str(data_folder()), profile.id, sha256, usable, embeddings.removals(db))
            if self._speaker is not None and key == self._key and base == self._meant:
                db.close()
                return self._speaker
            same = self._loaded is not None and base == self._meant
            worn = self._forget_speaker(keep_adapter=same)
            if not same:
                self._loaded = None  # before the next one is loaded: two may not fit
                self._loaded, self._meant = load_base(base), base
            self._speaker, self._key = open_speaker(db, profile, loaded=self._loaded, base_id=base.id, worn=worn), key
            return self._speaker
        except BaseException:
            # The base may be left with half an adapter on it: load it anew next time.
            self._loaded = self._meant = None
            db.close()
            raise

    def _find_remote(self, profile: Profile, url: str) -> "Speaker":
        """A speaker whose model runs on a server; the base of this process gives its memory back."""
        from tuning.endpoint import open_remote

        key = (str(data_folder()), profile.id, url, True, 0)
        if self._speaker is None or key != self._key:
            self._forget_speaker()
            self._loaded = self._meant = None
            speaker: Any = open_remote(open_store(), profile, url)  # the same calls as a Speaker
            self._speaker, self._key = speaker, key
        return self._speaker

    def _forget_speaker(self, keep_adapter: bool = False) -> "PeftModel | None":
        """Closes the last profile's connection and takes its adapter off the base, or returns the model that still wears it."""
        speaker, self._speaker, self._key = self._speaker, None, None
        if speaker is None:
            return None
        speaker.db.close()
        if speaker.model is not None and not keep_adapter:
            from tuning.adapters import detach

            detach(speaker.model)
        return speaker.model if keep_adapter else None


SPEAKERS = Speakers()
