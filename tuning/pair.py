"""Two answers of one model written in one batch, each row with the adapter as strong as its side has it, or without: one pass a token for both panes.

In: a model with its adapter and two `generate.Stream`s. Out: what they would write in turn, token for token. Their prompts are read one by one,
since padding them to one length would cost more than it saves; from then on a pass serves both, until one answer has ended.
"""

from collections.abc import Sequence
from typing import Any

import torch
from peft import PeftModel
from torch.nn.functional import pad
from transformers.cache_utils import DynamicCache

from tuning.adapters import with_side
from tuning.decode import next_logits, roomy_cache
from tuning.generate import Stream, forgets_nothing
from tuning.speed import speed


class PairStream:
    """Two answers being written: call `step()` until it returns False; `texts` is what stands so far.

    `adapted` says for each how strongly the adapter acts (0 not at all, 1 as trained). Models whose cache forgets (sliding windows) are written in turn.
    """

    def __init__(self, model: PeftModel | None, streams: Sequence[Stream], adapted: Sequence[float]) -> None:
        self.model, self.streams, self.adapted = model, list(streams), list(adapted)
        self.running = [True] * len(self.streams)
        self._joint: DynamicCache | None = None
        self._begun = False

    @property
    def texts(self) -> list[str]:
        """The answers so far."""
        return [stream.text for stream in self.streams]

    def step(self) -> bool:
        """Write one token of each answer that has not ended; False once all have."""
        if self._joint is None and self._begun and all(self.running) and speed().pair and self._may_join():
            self._join()
        if self._joint is None:
            self._step_in_turn()
        else:
            self._step_jointly()
        self._begun = True
        return any(self.running)

    def _step_in_turn(self) -> None:
        for row, stream in enumerate(self.streams):
            if self.running[row]:
                with with_side(self.model, self.adapted[row]):
                    self.running[row] = stream.step()

    def _may_join(self) -> bool:
        return all(forgets_nothing(stream.cache) for stream in self.streams)

    def _join(self) -> None:
        lengths = [stream.cache.get_seq_length() for stream in self.streams]
        self._padding = [max(lengths) - length for length in lengths]
        self._joint = join_caches([stream.cache for stream in self.streams], self._padding)
        device = self.streams[0].loaded.model.device
        self._mask = torch.tensor([[0] * gap + [1] * length for gap, length in zip(self._padding, lengths)], device=device)
        self._positions = torch.tensor(lengths, device=device)[:, None]
        for stream in self.streams:
            stream.cache = None

    @torch.no_grad()
    def _step_jointly(self) -> None:
        if all(stream.full for stream in self.streams):
            self._part()
            self._step_in_turn()
            return
        loaded = self.streams[0].loaded
        self._mask = torch.cat([self._mask, torch.ones_like(self._mask[:, :1])], 1)
        ids = torch.cat([stream.next for stream in self.streams])
        logits, self._joint = next_logits(loaded, ids, self._joint, self._mask, self._positions, self.model, self.adapted)
        self._positions = self._positions + 1
        for stream in self.streams:
            stream.read += stream.next[0].tolist()
        tokens = logits.argmax(-1).tolist()
        self.running = [stream.take(token) for stream, token in zip(self.streams, tokens)]
        if not all(self.running):
            self._part()

    def _part(self) -> None:
        """Give each answer its own cache back: who goes on does so alone."""
        assert self._joint is not None
        for row, (stream, gap) in enumerate(zip(self.streams, self._padding)):
            stream.cache = split_cache(self._joint, row, gap)
        self._joint = None


def join_caches(caches: Sequence[Any], padding: Sequence[int]) -> DynamicCache:
    """Key-value caches of one row each as the rows of one, with so many empty places on the left of each."""
    joint = roomy_cache()
    for number in range(len(caches[0].layers)):
        rows = [cache.layers[number] for cache in caches]
        keys = torch.cat([pad(layer.keys, (0, 0, gap, 0)) for layer, gap in zip(rows, padding)])
        joint.update(keys, torch.cat([pad(layer.values, (0, 0, gap, 0)) for layer, gap in zip(rows, padding)]), number)
    return joint


def split_cache(joint: Any, row: int, padding: int) -> DynamicCache:
    """One row of a joint cache as a cache of its own."""
    own = roomy_cache()
    for number, layer in enumerate(joint.layers):
        own.update(layer.keys[row : row + 1, :, padding:], layer.values[row : row + 1, :, padding:], number)
    return own
