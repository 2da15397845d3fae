"""The four sides that answer: base, rag (retrieved lines in the prompt), adapter, hybrid (both).

In: a profile's store, a loaded base, its adapter. Out: answers, at once for many questions or streamed for one.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from peft import PeftModel
from sqlite_utils import Database
from torch import Tensor

from memory.errors import StaleAdapter
from memory.retrieval import Hit, nearness
from memory.store import Adapter, Profile, list_adapters, load_adapter
from tuning.adapters import from_adapter, take_off, with_side
from tuning.bases import Base, LoadedBase, load_base, resolve_at, resolve_base
from tuning.errors import NoAdapter
from tuning.gate import may_be_personal
from tuning.generate import ANSWER_MOST, Stream, encode_chat, generate
from tuning.lookup import look_up
from tuning.pair import PairStream
from tuning.prompts import ChatMessage, render_chat
from tuning.speed import speed

SIDES = ("base", "rag", "adapter", "hybrid")
WITH_ADAPTER = ("adapter", "hybrid")
WITH_NOTES = ("rag", "hybrid")
WITH_LINES = 0.7  # strength of the adapter beside retrieved lines, so that it does not outvote what they say (docs/injection.md)


def strength_of(side: str, notes: Sequence[str], chat: Sequence[ChatMessage] = ()) -> float:
    """How strongly the adapter acts on a side with these retrieved lines in its prompt: 0 not at all, 1 as trained.

    Not at all where a chat only begins, with a question that surely is not about the person (`tuning.gate`): what follows may mean anything.
    """
    if side not in WITH_ADAPTER or (len(chat) == 2 and not may_be_personal([chat[-1]["content"]])[0]):
        return 0.0
    return WITH_LINES if notes else 1.0


@dataclass(frozen=True)
class RetrievalPlan:
    """What retrieval brings: how many lines, from facts, messages or both, and nothing at all where not even the nearest line has a cosine of
    `least` with the question. Chosen on validation questions at injection."""

    k: int = 4
    sources: tuple[str, ...] = ("facts", "messages")
    least: float = 0.0

    def keeps(self, hits: Sequence[Hit]) -> bool:
        """Whether the lines found are near enough to the question to be read."""
        return nearness(hits) >= self.least


def load_plan(row: dict[str, Any]) -> RetrievalPlan:
    """The plan that an adapter was stored with."""
    return RetrievalPlan(int(row["k"]), tuple(row["sources"]), float(row.get("least", 0.0)))


def first_plan(base: Base) -> RetrievalPlan:
    """What retrieval brings before anything was chosen on a person's questions: pocket is misled by many lines (docs/injection.md)."""
    return RetrievalPlan(2) if base.id == "pocket" else RetrievalPlan()


@dataclass
class Answer:
    """An answer and what it cost; `notes` are the lines that stood in its prompt."""

    side: str
    question: str
    text: str
    notes: list[str]
    prompt_tokens: int
    milliseconds: float


def render_side(
    db: Database, profile: Profile, plan: RetrievalPlan, side: str, question: str, history: Sequence[ChatMessage] = ()
) -> tuple[list[ChatMessage], list[str]]:
    """The prompt of a side, and the retrieved lines in it (oldest first, later ones win), wherever the answer is then written."""
    hits, lines = look_up(db, profile.id, question, plan.k, plan.sources) if side in WITH_NOTES else ([], [])
    notes = lines if plan.keeps(hits) else []
    return render_chat(question, notes, history), notes


@dataclass
class Speaker:
    """A base with a profile's adapter around it (None where there is none yet) and its retrieval plan; nobody else may use the base meanwhile.

    `rounds.SharedSpeaker` is one of several on one base.
    """

    db: Database
    profile: Profile
    loaded: LoadedBase
    model: Any = None  # a PeftModel; of a SharedSpeaker the `loose.Loras` beside the base
    adapter_id: int | None = None
    plan: RetrievalPlan = field(default_factory=RetrievalPlan)
    refused: str = ""  # why the profile's adapter is not used, though there is one
    _last: dict[tuple[str, float], Stream] = field(
        default_factory=dict, repr=False
    )  # the newest answer of each side and strength, for the next turn

    def check_side(self, side: str) -> None:
        """Raise NoAdapter if the side needs an adapter that is not there."""
        if side in WITH_ADAPTER and self.model is None and self.refused:
            raise StaleAdapter(self.refused)
        if side in WITH_ADAPTER and self.model is None:
            raise NoAdapter(f'The profile "{self.profile.name}" has no adapter for {self.loaded.base.id} yet: inject first.')

    def answer(self, side: str, questions: Sequence[str], max_new_tokens: int = 64) -> list[Answer]:
        """Answers to questions of their own; milliseconds are those of the batch, shared out evenly, retrieval included."""
        self.check_side(side)
        started = time.monotonic()
        chats = [render_side(self.db, self.profile, self.plan, side, question) for question in questions]
        may_be_personal(questions if side in WITH_ADAPTER else ())  # all at once: one by one they take longer
        strengths, replies = [strength_of(side, notes, chat) for chat, notes in chats], [""] * len(chats)
        for strength in dict.fromkeys(strengths):
            places = [place for place, other in enumerate(strengths) if other == strength]
            with with_side(self.model, strength):
                for place, reply in zip(places, generate(self.loaded, [chats[place][0] for place in places], max_new_tokens)):
                    replies[place] = reply
        each = 1000 * (time.monotonic() - started) / max(1, len(questions))
        return [
            Answer(side, question, reply, notes, len(encode_chat(self.loaded, chat)), each)
            for question, reply, (chat, notes) in zip(questions, replies, chats)
        ]

    def stream(self, side: str, question: str, history: Sequence[ChatMessage] = (), strength: float = 1.0) -> "SideStream":
        """An answer that is written token by token; `strength` scales the adapter (0 leaves the base, 1 is as the side has it)."""
        self.check_side(side)
        chat, notes = render_side(self.db, self.profile, self.plan, side, question, history)
        power = strength_of(side, notes, chat)
        return SideStream(self, side, self.make_stream(side, chat, power, strength), notes, power, strength)

    def make_stream(
        self, side: str, chat: list[ChatMessage], power: float, strength: float = 1.0, max_new_tokens: int = ANSWER_MOST
    ) -> Stream:
        """What writes a side's answer; it goes on from the side's last one in which the adapter had the same `power`, if nobody scaled that."""
        if strength != 1.0:
            return Stream(self.loaded, chat, max_new_tokens)
        stream = Stream(self.loaded, chat, max_new_tokens, before=self._last.get((side, power)) if speed().conversation else None)
        self._last[side, power] = stream
        return stream

    def pair(self, streams: "Sequence[SideStream]") -> Any:
        """Answers of streams that have not begun, written together: a pass a token for all of them. Their adapter is as strong as trained."""
        return PairStream(self.model, [stream.stream for stream in streams], [stream.power for stream in streams])

    @contextmanager
    def model_alone(self) -> Iterator[None]:
        """Model and tokenizer for what is no answer, such as `read_both`."""
        yield

    @torch.no_grad()
    def read_both(self, prompt: list[int], answer: list[int], strength: float = 1.0) -> tuple[Tensor, Tensor]:
        """Logits where an answer's tokens are due after a prompt, with the adapter as strong as that and without it: (tokens, vocabulary) each."""
        ids, found = torch.tensor([prompt + answer], device=self.loaded.model.device), []
        for adapter in (strength, 0.0):
            with with_side(self.model, adapter):
                found.append(self.loaded.model(input_ids=ids, use_cache=False).logits[0, len(prompt) - 1 : -1])
        return found[0], found[1]

    def rest(self) -> None:
        """Nobody waits for an answer any more; the speaker may be asked again."""

    def close(self, keep_adapter: bool = False) -> None:
        """Let go of the store, and of the adapter unless the next one takes its place on the base."""
        self.db.close()
        if not keep_adapter:
            take_off(self.model)

    @property
    def nbytes(self) -> int:
        """Bytes of what was read for the last answers."""
        caches = [stream.cache for stream in self._last.values() if stream.cache is not None]
        return sum(layer.keys.nbytes + layer.values.nbytes for cache in caches for layer in cache.layers)

    def settle(self, put_on: Callable[[Adapter], Any]) -> None:
        """Take the profile's current adapter, if it is of this base, and its retrieval plan; `put_on` makes a model of what is stored."""
        self.plan = first_plan(self.loaded.base)
        current = next((adapter for adapter in list_adapters(self.db, self.profile.id) if adapter.current), None)
        if current is None or (current.base_id, current.base_revision) != (self.loaded.base.id, self.loaded.base.revision):
            return
        try:
            stored = load_adapter(self.db, current.id)
        except StaleAdapter as error:
            self.refused = str(error)  # retrieval and the bare base answer all the same
        else:
            self.model = put_on(stored)
            self.adapter_id = current.id
        if chosen := current.metrics.get("retrieval"):
            self.plan = load_plan(chosen)


@dataclass
class SideStream:
    """One side's answer in the making; two of them can be stepped in turn on the same model. `power` is `strength_of` it, `strength` what scales that."""

    speaker: Speaker
    side: str
    stream: Stream
    notes: list[str]
    power: float
    strength: float = 1.0

    def step(self) -> bool:
        """Write one token with this side's adapter state; False once the answer has ended."""
        with with_side(self.speaker.model, self.strength * self.power):
            return self.stream.step()

    @property
    def text(self) -> str:
        """The answer so far."""
        return self.stream.text

    @property
    def counts(self) -> tuple[int, int]:
        """Tokens of the prompt and of the answer so far."""
        return len(self.stream.prompt_tokens), len(self.stream.tokens)


def base_of(adapter: Adapter) -> Base:
    """The base that an adapter was trained on."""
    return resolve_at(adapter.base_id, adapter.base_revision)


def open_speaker(
    db: Database,
    profile: Profile,
    base_id: str | None = None,
    precision: str = "auto",
    loaded: LoadedBase | None = None,
    worn: PeftModel | None = None,
) -> Speaker:
    """Load the base (that of the profile's adapter unless another is named) and the profile's current adapter if it fits.

    `worn`: another profile's adapter that the loaded base still wears; it gives way, by having its weights overwritten where the plans are the same.
    """
    current = next((adapter for adapter in list_adapters(db, profile.id) if adapter.current), None)
    base = resolve_base(base_id) if base_id or current is None else base_of(current)
    if loaded is None:
        loaded = load_base(base, precision)
    speaker = Speaker(db, profile, loaded)
    given_way = False

    def put_on(stored: Adapter) -> PeftModel:
        nonlocal given_way
        given_way = True  # from here on `from_adapter` takes the other one off
        return from_adapter(loaded, stored, worn=worn)

    try:
        speaker.settle(put_on)
    finally:
        if not given_way:
            take_off(worn)
    return speaker
