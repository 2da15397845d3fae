"""The logits after the newest token of every row, with a key-value cache: Keepsake's own pass where the model allows it, else transformers'.

In: token ids that the cache has not read yet, (rows, n). Out: logits of the last one, (rows, vocabulary), and the cache with them in it. A small model
spends most of a token's time on calls of modules and little on products; this pass has a tenth of the calls (`python -m benchmarks.chat`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor
from torch.nn.functional import linear, scaled_dot_product_attention, silu
from transformers.cache_utils import DynamicCache, DynamicLayer

from tuning.adapters import with_side
from tuning.bases import LoadedBase
from tuning.joint import active_loras, base_layer, fits, share_memory
from tuning.speed import speed

ROOM = 64  # tokens for which a cache has room ahead
FEW = 16  # rows up to which a product is taken the other way round


class RoomyLayer(DynamicLayer):
    """Keys and values of a layer with room for tokens to come: a new one is written behind the others instead of copying all of them.

    `keys` and `values` are what transformers' own layer has there; cropping, choosing rows and joining work as with that.
    """

    _rooms: tuple[Tensor, Tensor] | None = None

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Add (rows, heads, n, width) of new tokens; returns all of them."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        read = self.get_seq_length()
        length = read + key_states.shape[-2]
        if self._rooms is None or not self._in_rooms(key_states.shape[0], length):
            rows, heads, _, width = key_states.shape
            rooms = key_states.new_empty(rows, heads, length + ROOM, width), value_states.new_empty(rows, heads, length + ROOM, width)
            if read and self.keys is not None and self.values is not None:
                rooms[0][:, :, :read], rooms[1][:, :, :read] = self.keys, self.values
            self._rooms = rooms
        (keys, values) = self._rooms
        keys[:, :, read:length], values[:, :, read:length] = key_states, value_states
        self.keys, self.values = keys[:, :, :length], values[:, :, :length]
        return self.keys, self.values

    def _in_rooms(self, rows: int, length: int) -> bool:
        """Whether keys and values are still the beginning of the rooms, which have place for so many tokens."""
        assert self._rooms is not None
        return all(
            part is not None
            and len(room) == rows
            and room.shape[2] >= length
            and room.data_ptr() == part.data_ptr()
            and room.stride() == part.stride()
            for room, part in zip(self._rooms, (self.keys, self.values))
        )


def roomy_cache() -> DynamicCache:
    """An empty cache of such layers."""
    cache = DynamicCache()
    cache.layer_class_to_replicate = RoomyLayer
    return cache


def product(states: Tensor, weight: Tensor) -> Tensor:
    """states @ weight.T, (..., in) to (..., out). Of two to `FEW` rows as weight @ states.T: on a CPU the former takes up to three times as long as for one."""
    rows = states.numel() // states.shape[-1]
    if not 1 < rows <= FEW:
        return linear(states, weight)
    return torch.mm(weight, states.reshape(rows, -1).T).T.reshape(*states.shape[:-1], len(weight))


@torch.no_grad()
def next_logits(
    loaded: LoadedBase,
    ids: Tensor,
    cache: Any,
    mask: Tensor | None = None,
    positions: Tensor | None = None,
    model: PeftModel | None = None,
    adapted: Sequence[float] | None = None,
) -> tuple[Tensor, Any]:
    """Logits after the last of `ids` (rows, n), and the cache, which is `None` at first.

    `mask` (rows, tokens read + n) is 0 where a row has only padding on its left, `positions` (rows, n) count from each row's first real token; without
    them no row is padded. `adapted` says for each row how strongly the adapter of `model` acts (0 not at all); without it the model is taken as it stands.
    """
    if speed().decode and fits(loaded.model) and (cache is None or type(cache) is DynamicCache):
        cache = roomy_cache() if cache is None else cache
        with with_side(model if adapted is not None else None, float(any(adapted or ()))):
            return Reading(loaded.model, ids, cache, mask, positions, adapted).logits(), cache
    options: dict[str, Any] = {} if mask is None else {"attention_mask": mask, "position_ids": positions}
    with adapter_on(model, adapted) if adapted is not None else adapter_on(None, ()):
        result = loaded.model(input_ids=ids, cache=cache, use_cache=True, logits_to_keep=1, **options)
    return result.logits[:, -1], result.cache


class Reading:
    """One pass over new tokens of a batch of rows through a Llama's layers; `due` says after how many of the last ones logits are wanted."""

    due = 1

    def __init__(
        self, base: Any, ids: Tensor, cache: Any, mask: Tensor | None, positions: Tensor | None, adapted: Sequence[float] | None
    ) -> None:
        self.base, self.ids, self.cache, self.config = base, ids, cache, base.config
        self.read, new = int(cache.get_seq_length()), ids.shape[1]
        self.head = self.config.head_dim or self.config.hidden_size // self.config.num_attention_heads
        self.heads, self.pairs = self.config.num_attention_heads, self.config.num_key_value_heads
        if positions is None:
            positions = torch.arange(self.read, self.read + new)[None]
        angles = positions[..., None].float() * base.model.rotary_emb.inv_freq.float()
        self.cos, self.sin = angles.cos()[:, :, None], angles.sin()[:, :, None]
        self.mask = self._mask(mask, new)
        some = adapted is not None and any(strength != 1 for strength in adapted)
        self.rows = torch.tensor([row for row, strength in enumerate(adapted or ()) if strength]) if some else None
        self.strengths = torch.tensor([float(strength) for strength in adapted or () if strength])[:, None, None] if some else None

    def _mask(self, mask: Tensor | None, new: int) -> Tensor | None:
        """Who sees whom, (1 or rows, 1, n, all); None where everybody sees everything."""
        if mask is None and new == 1:
            return None
        seen = torch.ones(new, self.read + new, dtype=torch.bool).tril(self.read)[None, None]
        if mask is None:
            return seen
        itself = torch.zeros(new, self.read + new, dtype=torch.bool)
        itself[:, self.read :].fill_diagonal_(True)
        # Padding sees itself: an attention to nothing would be no number, and spoil what is multiplied by its weight of 0.
        return seen & mask[:, None, None].bool() | itself

    def logits(self) -> Tensor:
        """Logits after the last token, (rows, vocabulary)."""
        return self.all_due()[:, -1]

    def all_due(self) -> Tensor:
        """Logits after the last `due` tokens, (rows, due, vocabulary)."""
        model = self.base.model
        states = model.embed_tokens(self.ids)
        for number, layer in enumerate(model.layers):
            states = self._attend(layer, number, states, number == len(model.layers) - 1)
            states = states + self._feed(layer.mlp, number, self._norm(states, layer.post_attention_layernorm))
        return product(self._norm(states, model.norm), self.base.lm_head.weight)

    def _norm(self, states: Tensor, norm: Any) -> Tensor:
        length = torch.linalg.vector_norm(states, dim=-1, keepdim=True)
        factor = length.square_().div_(states.shape[-1]).add_(self.config.rms_norm_eps).rsqrt_()
        return (states * factor).mul_(norm.weight)

    def _attend(self, layer: Any, number: int, states: Tensor, last: bool) -> Tensor:
        """States after a layer's attention; of the last layer only those of the newest tokens, whose logits are due."""
        attention, (rows, new, _) = layer.self_attn, states.shape
        joint = share_memory([attention.q_proj, attention.k_proj, attention.v_proj])
        normed = self._norm(states, layer.input_layernorm)
        parts = product(normed, joint)
        self._adapt(number, "look", [], normed, parts)
        parts = parts.view(rows, new, -1, self.head)
        turning = parts[:, :, : self.heads + self.pairs]
        low, high = turning.chunk(2, -1)
        turned = torch.cat([low * self.cos - high * self.sin, high * self.cos + low * self.sin], -1).transpose(1, 2)
        value = parts[:, :, self.heads + self.pairs :].transpose(1, 2)
        query, key = turned.split([self.heads, self.pairs], 1)
        key, value = self.cache.update(key, value, number)
        mask = self.mask
        if last:
            due = -self.due
            query, states, mask = query[:, :, due:], states[:, due:], None if mask is None else mask[:, :, due:]
        seen = scaled_dot_product_attention(query, key, value, attn_mask=mask, enable_gqa=self.heads != self.pairs)
        seen = seen.transpose(1, 2).flatten(2)
        out = product(seen, attention.o_proj.weight)
        self._adapt(number, "say", [], seen, out)
        return states + out

    def _feed(self, mlp: Any, number: int, states: Tensor) -> Tensor:
        gate, up, down = mlp.gate_proj, mlp.up_proj, mlp.down_proj
        both = product(states, share_memory([base_layer(gate), base_layer(up)]))
        self._adapt(number, "widen", [gate, up], states, both)
        inner = both.shape[-1] // 2
        hidden = silu(both[..., :inner]) * both[..., inner:]
        out = product(hidden, base_layer(down).weight)
        self._adapt(number, "narrow", [down], hidden, out)
        return out

    def _adapt(self, number: int, place: str, modules: Sequence[Any], states: Tensor, out: Tensor) -> None:
        """Add what adapters make of the input of one of a layer's four products, `modules` being the linear layers whose outputs stand in `out`.

        Here they are PEFT's, which stand in the modules and, in this pass, never in the attention.
        """
        for module, part in zip(modules, out.chunk(max(1, len(modules)), -1)):
            self._add_loras(module, states, part)

    def _add_loras(self, module: Any, states: Tensor, out: Tensor) -> None:
        """Add what the LoRAs of a linear layer make of its input, on the rows that they act on."""
        for a, b, scale in active_loras(module):
            if self.rows is None or self.strengths is None:
                out.add_(linear(linear(states, a), b), alpha=scale)
            else:
                out[self.rows] += scale * self.strengths * linear(linear(states[self.rows], a), b)


@contextmanager
def adapter_on(model: PeftModel | None, rows: Sequence[float]) -> Iterator[None]:
    """The adapter acts as strongly as that on each row of a batch in transformers' own pass: where it is 0, what its LoRAs add is exactly 0."""
    if model is None or len(set(rows)) <= 1:
        with with_side(model, float(rows[0]) if rows else 0.0):
            yield
        return
    share = torch.tensor([float(row) for row in rows], device=model.device)[:, None, None]

    def only(module: torch.nn.Module, given: Any, out: Tensor) -> Tensor:
        return out * share.to(out.dtype)

    parts = [part for name, part in model.named_modules() if ".lora_B." in name]
    hooks = [part.register_forward_hook(only) for part in parts]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
