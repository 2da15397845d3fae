"""Answers of several people written together: one pass a token over one base for all of them, each row with an adapter of its own or none.

In: a base that goes through Keepsake's own pass, `generate.Stream`s, and the LoRAs that act on each (`tuning/loose.py`). Out: what each would have
been written alone, token for token. A prompt is read alone; then its row joins the others, and leaves when its answer ends or nobody wants it any more.
Not for several threads at once: `tuning/rounds.py` sees to that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from tuning.bases import LoadedBase
from tuning.decode import ROOM, Reading, roomy_cache
from tuning.generate import Stream
from tuning.loose import Loras


@dataclass(frozen=True, eq=False)
class Told:
    """How far a row is, for its owner: the text, its tokens, whether there is more to come, and what ended it before its time."""

    text: str
    tokens: int
    running: bool
    error: Exception | None


@dataclass(eq=False)
class Row:
    """An answer in the making, with the adapter that acts on it and how strong it is; `error` is what ended it before its time."""

    stream: Stream
    loras: Loras | None = None
    strength: float = 1.0
    running: bool = True
    error: Exception | None = None
    told: Told | None = None  # None until its prompt has been read

    def tell(self) -> None:
        """Note for the owner how far it is."""
        self.told = Told(self.stream.text, len(self.stream.tokens), self.running, self.error)


@dataclass
class Slots:
    """Keys and values of many rows of unlike lengths in one room a layer, a slot a row: who joins or leaves moves nobody else's.

    It stands where `Reading` has a cache; `begin` says which slots the pass is over.
    """

    lengths: list[int] = field(default_factory=list)
    _rooms: list[tuple[Tensor, Tensor]] = field(default_factory=list)  # a layer: (slots, heads, places, width) twice
    _first: int = 0
    _behind: int = 0

    def get_seq_length(self) -> int:
        """Of the longest row."""
        return max(self.lengths, default=0)

    def put(self, cache: Any, coming: int) -> None:
        """Take in a cache of one row that will read so many more tokens."""
        slot, length = len(self.lengths), int(cache.get_seq_length())
        layers = cache.layers
        if not self._rooms or slot >= self._rooms[0][0].shape[0] or length + coming > self._rooms[0][0].shape[2]:
            self._enlarge(layers, slot + 1, length + coming)
        for (keys, values), layer in zip(self._rooms, layers):
            keys[slot, :, :length], values[slot, :, :length] = layer.keys[0], layer.values[0]
        self.lengths.append(length)

    def _enlarge(self, layers: Sequence[Any], slots: int, places: int) -> None:
        """Larger rooms with all that stands in the present ones."""
        had = self._rooms[0][0].shape if self._rooms else torch.Size((1, 0, 0, 0))
        slots = had[0] if slots <= had[0] else max(slots, 2 * had[0])
        places = had[2] if places <= had[2] else -(-places // ROOM) * ROOM
        used, longest = len(self.lengths), self.get_seq_length()
        for number, layer in enumerate(layers):
            _, heads, _, width = layer.keys.shape
            # Zeros and not what lies there: a number that is none, times the weight 0 of a place not looked at, would spoil the sum.
            rooms = layer.keys.new_zeros(slots, heads, places, width), layer.values.new_zeros(slots, heads, places, width)
            if used:
                for room, before in zip(rooms, self._rooms[number]):
                    room[:used, :, :longest] = before[:used, :, :longest]
                self._rooms[number] = rooms
            else:
                self._rooms[number:] = [rooms]

    def take(self, slot: int, wanted: bool) -> Any:
        """Free a slot, into which the last row moves; the row's cache, if it is wanted."""
        length, last, cache = self.lengths[slot], len(self.lengths) - 1, None
        if wanted:
            cache = roomy_cache()
            for number, (keys, values) in enumerate(self._rooms):
                cache.update(keys[slot : slot + 1, :, :length], values[slot : slot + 1, :, :length], number)
        if slot != last:
            moved = self.lengths[last]
            for keys, values in self._rooms:
                keys[slot, :, :moved], values[slot, :, :moved] = keys[last, :, :moved], values[last, :, :moved]
            self.lengths[slot] = moved
        self.lengths.pop()
        if not self.lengths:
            self._rooms = []
        return cache

    def begin(self, first: int, behind: int) -> tuple[Tensor | None, Tensor]:
        """A pass over slots `first` to `behind` (excluded) begins: what each row's new token sees, added to its scores
        (rows, 1, 1, longest + 1) or None where all are of one length, and the positions of the new tokens (rows, 1)."""
        self._first, self._behind = first, behind
        lengths = torch.tensor(self.lengths[first:behind])
        self._at, self._rows, self._longest = lengths, torch.arange(first, behind), int(lengths.max()) + 1
        if int(lengths.min()) + 1 == self._longest:
            return None, lengths[:, None]
        unseen = torch.arange(self._longest)[None] > lengths[:, None]
        return torch.zeros(unseen.shape).masked_fill_(unseen, -torch.inf)[:, None, None], lengths[:, None]

    def update(self, key: Tensor, value: Tensor, number: int) -> tuple[Tensor, Tensor]:
        """Write a token's keys and values (rows, heads, 1, width) behind each row's; those of all, as far as the longest row goes."""
        keys, values = self._rooms[number]
        keys[self._rows, :, self._at], values[self._rows, :, self._at] = key[:, :, 0], value[:, :, 0]
        return (
            keys[self._first : self._behind, :, : self._longest],
            values[self._first : self._behind, :, : self._longest],
        )

    def advance(self) -> None:
        """The pass has come through: each of its rows is a token longer."""
        for slot in range(self._first, self._behind):
            self.lengths[slot] += 1


class Mixed(Reading):
    """A pass in which LoRAs beside the base act, each on its rows: (first row, row behind the last, LoRAs, strength)."""

    def __init__(
        self, base: Any, ids: Tensor, cache: Any, acting: Sequence[tuple[int, int, Loras, float]], seen: Tensor | None = None,
        positions: Tensor | None = None, due: int = 1,
    ) -> None:  # fmt: skip
        super().__init__(base, ids, cache, None, positions, None)
        self.acting, self.due = acting, due
        if positions is not None:
            self.mask = seen

    def _adapt(self, number: int, place: str, modules: Sequence[Any], states: Tensor, out: Tensor) -> None:
        for first, behind, loras, strength in self.acting:
            loras.add(number, place, states[first:behind], out[first:behind], strength)


def groups(rows: Sequence[Row]) -> list[tuple[int, int, Loras, float]]:
    """Who acts where; neighbours with the same adapter, as strong, are one group."""
    found: list[tuple[int, int, Loras, float]] = []
    for place, row in enumerate(rows):
        if row.loras is None or row.strength == 0.0:
            continue
        if found and found[-1][1] == place and found[-1][2] is row.loras and found[-1][3] == row.strength:
            found[-1] = (found[-1][0], place + 1, row.loras, row.strength)
        else:
            found.append((place, place + 1, row.loras, row.strength))
    return found


class Crowd:
    """The rows that are being written on one base."""

    def __init__(self, loaded: LoadedBase) -> None:
        self.loaded = loaded
        self.rows: list[Row] = []
        self._slots = Slots()

    def begin(self, rows: Sequence[Row]) -> None:
        """Read the prompts of newcomers, each alone, and write their first tokens; those not at their end then join. Raises what a prompt raises,
        and then none has joined."""
        for row in rows:
            self._write_alone(row)
            if row.error is not None:
                raise row.error
        try:
            for row in rows:
                if row.running:
                    self._join(row)
        except BaseException:
            for row in rows:
                self.leave(row)
            raise

    def step(self) -> list[Row]:
        """Write one token of each row; who is at its end leaves. What goes wrong with a row ends that row alone. The rows that were written."""
        full = [row for row in self.rows if row.stream.full]
        for row in full:
            row.running, row.stream.done = False, True
            self.leave(row)
        rows = list(self.rows)
        if not rows:
            return full
        try:
            self._write(0, len(rows))
        except Exception as error:  # noqa: BLE001 - told to the row's owner
            self._write_each(rows, error)
        for row in [row for row in rows if not row.running]:
            self.leave(row)
        return full + rows

    def _write_each(self, rows: Sequence[Row], error: Exception) -> None:
        """Whose fault it was that a pass failed shows when each is written alone: a failed pass over slots has left them as they were."""
        for place, row in enumerate(rows):
            try:
                if len(rows) == 1:
                    raise error
                self._write(place, place + 1)
            except Exception as own:  # noqa: BLE001 - told to the row's owner
                row.error, row.running = own, False

    def leave(self, row: Row) -> None:
        """Take a row out, wherever it stands; of a whole answer the cache goes back to its stream, for the next turn of the conversation."""
        if row not in self.rows:
            return
        place = self.rows.index(row)
        if self._slots.lengths:
            row.stream.cache = self._slots.take(place, row.stream.done)
            self.rows[place] = self.rows[-1]  # as the slots do
            self.rows.pop()
        else:
            self.rows.pop(place)
            if not row.stream.done:
                row.stream.cache = None

    def _join(self, row: Row) -> None:
        self.rows.append(row)
        if len(self.rows) == 1:
            return  # one alone keeps its own cache
        try:
            for each in self.rows[len(self._slots.lengths) :]:
                self._slots.put(each.stream.cache, each.stream.max_new_tokens)
                each.stream.cache = None
        except BaseException:
            self.rows.pop()
            raise

    def _write(self, first: int, behind: int) -> None:
        """A pass over some of the rows, in which each gets a token."""
        rows = self.rows[first:behind]
        if not self._slots.lengths:
            self._write_alone(rows[0])
            return
        with torch.no_grad():
            seen, positions = self._slots.begin(first, behind)
            ids = torch.cat([row.stream.next for row in rows])
            logits = Mixed(self.loaded.model, ids, self._slots, groups(rows), seen, positions).logits()
        tokens = logits.argmax(-1).tolist()
        self._slots.advance()
        for row, token in zip(rows, tokens):
            row.stream.read += row.stream.next[0].tolist()
            self._take(row, token)

    @torch.no_grad()
    def _write_alone(self, row: Row) -> None:
        """As `Stream.step`, with the row's own adapter beside the base."""
        stream = row.stream
        if stream.full:
            row.running, stream.done = False, True
            return
        stream.cache = roomy_cache() if stream.cache is None else stream.cache
        logits = Mixed(self.loaded.model, stream.next, stream.cache, groups([row])).logits()
        stream.read += stream.next[0].tolist()
        self._take(row, int(logits[0].argmax()))

    def _take(self, row: Row, token: int) -> None:
        try:
            row.running = row.stream.take(token)
        except Exception as error:  # noqa: BLE001 - told to the row's owner, the others go on
            row.error, row.running = error, False

    @torch.no_grad()
    def read(self, ids: Tensor, due: int, acting: Sequence[tuple[int, int, Loras, float]]) -> Tensor:
        """Logits after the last `due` of tokens (rows, n) that belong to no answer in the making: (rows, due, vocabulary)."""
        return Mixed(self.loaded.model, ids, roomy_cache(), acting, due=due).all_due()
