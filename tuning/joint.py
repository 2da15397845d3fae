"""Keepsake's own pass over a Llama in full precision on a CPU: logits where answer tokens are due, with their gradients, in fewer and wider products.

In: a batch of encoded examples, and a model with or without LoRAs on its feed-forward layers. Out: what `likelihood.answer_logits` gives for the
same batch, to within rounding. Other architectures, precisions and devices go the general way (`fits`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import linear, scaled_dot_product_attention
from transformers import LlamaForCausalLM

from tuning.frozen import FrozenStates, Place
from tuning.products import FeedForward, FeedForwardWeights, Folded, Norm, Rotate
from tuning.speed import speed

FORWARD = ("gate_proj", "up_proj", "down_proj")
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")


class Example(Protocol):
    """Tokens of a prompt and of its answer."""

    @property
    def prompt(self) -> list[int]:
        """Its tokens up to where the assistant begins."""

    @property
    def answer(self) -> list[int]:
        """The answer's tokens with the one that ends it."""


def fits(model: Any) -> bool:
    """Whether a bare or adapted model can go through this pass: a Llama in fp32 on a CPU, LoRAs on whole feed-forward layers alone."""
    base = base_model(model)
    if type(base) is not LlamaForCausalLM or base.dtype != torch.float32 or base.device.type != "cpu":
        return False
    config = base.config
    plain = config.hidden_act == "silu" and not config.attention_bias and not config.mlp_bias
    plain = plain and (config.rope_parameters or {}).get("rope_type") == "default" and not config.attention_dropout
    return bool(plain) and all(_layer_fits(layer) for layer in base.model.layers) and not hasattr(base.lm_head, "lora_A")


def _layer_fits(layer: Any) -> bool:
    if any(type(getattr(layer.self_attn, name)) is not torch.nn.Linear for name in ATTENTION):
        return False
    modules = [getattr(layer.mlp, name) for name in FORWARD]
    adapted = [bool(_active(module)) for module in modules]
    plain = all(type(base_layer(module)) is torch.nn.Linear for module in modules)
    quiet = all(type(drop) is torch.nn.Identity for module in modules for drop in getattr(module, "lora_dropout", {}).values())
    unmerged = not any(getattr(module, "merged", False) for module in modules)
    return plain and quiet and unmerged and len(set(adapted)) == 1


def base_model(model: Any) -> Any:
    """The transformers model inside a PEFT model, or the model itself."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def base_layer(module: Any) -> Any:
    """The plain linear layer inside one that bears LoRAs, or the layer itself."""
    return getattr(module, "base_layer", module)


def active_loras(module: Any) -> list[tuple[Tensor, Tensor, float]]:
    """The LoRAs that act on a linear layer now: A (rank, in), B (out, rank) and their scale."""
    return [(module.lora_A[name].weight, module.lora_B[name].weight, module.scaling[name]) for name in _active(module)]


def _active(module: Any) -> list[str]:
    """The LoRAs that act on a linear layer now."""
    if not hasattr(module, "lora_A") or module.disable_adapters:
        return []
    return [name for name in module.active_adapters if name in module.lora_A]


def fold(module: Any) -> Folded | None:
    """The active LoRAs of a linear layer as one pair of factors."""
    found = active_loras(module)
    if not found:
        return None
    a, b = [a for a, _, _ in found], [b * scale for _, b, scale in found]
    return (a[0], b[0]) if len(found) == 1 else (torch.cat(a), torch.cat(b, 1))


def share_memory(modules: Sequence[torch.nn.Linear]) -> Tensor:
    """The weights of linear layers below one another as one tensor; the layers' own become views of it, so that nothing is held twice."""
    joint = modules[0].__dict__.get("keepsake_joint")
    if joint is not None and all(_inside(module.weight, joint) for module in modules):
        return joint
    joint = torch.cat([module.weight.detach() for module in modules])
    for module, part in zip(modules, joint.split([module.out_features for module in modules])):
        module.weight.data = part
    modules[0].__dict__["keepsake_joint"] = joint
    return joint


def _inside(weight: Tensor, joint: Tensor) -> bool:
    return joint.data_ptr() <= weight.data_ptr() < joint.data_ptr() + joint.numel() * joint.element_size()


@dataclass
class Batch:
    """Examples in rows padded on the right, behind what all of them begin with; the last answer token is no input, nothing follows it."""

    tokens: list[list[int]]
    due: list[tuple[int, list[int]]]  # a row's first position that an answer token follows, and its answer
    shared: int
    longest: int = field(init=False)

    def __post_init__(self) -> None:
        self.longest = max(len(tokens) for tokens in self.tokens) - self.shared

    @classmethod
    def of(cls, examples: Sequence[Example], shared: int) -> "Batch":
        """The batch of examples that share so many leading tokens."""
        tokens = [[*example.prompt, *example.answer[:-1]] for example in examples]
        return cls(tokens, [(len(example.prompt) - 1, example.answer) for example in examples], shared)


def answer_logits(model: Any, examples: Sequence[Example], shared: int, kept: FrozenStates | None) -> tuple[Tensor, Tensor, Tensor]:
    """Logits where an answer token is due, the tokens due, and their row: (n, vocabulary), (n,), (n,), rows in order.

    `shared` is how many tokens all examples begin with; frozen states come from and go to `kept`.
    """
    base, batch = base_model(model), Batch.of(examples, shared)
    layers = list(base.model.layers)
    lowest = next((number for number, layer in enumerate(layers) if _active(layer.mlp.gate_proj)), len(layers))
    passing = Pass(base, batch)
    begin: Place = (lowest, True)
    states = frozen_states(base, batch, begin, kept) if kept is not None and lowest < len(layers) else None
    if states is None:
        begin, states = (0, False), passing.embed()
    hidden = passing.through(states, begin, (len(layers), False))
    answers = torch.tensor([token for _, answer in batch.due for token in answer])
    rows = torch.tensor([row for row, (_, answer) in enumerate(batch.due) for _ in answer])
    return linear(hidden, base.lm_head.weight), answers, rows


@torch.no_grad()
def frozen_states(base: Any, batch: Batch, place: Place, kept: FrozenStates) -> Tensor | None:
    """The states of a batch below the lowest LoRA: what is kept of it, the rest computed and kept; None where the budget has no room for it.

    Each example is computed alone, so that its states do not depend, by a rounding, on the batch that it was first in: a resumed training is the same.
    """
    found = []
    for tokens in batch.tokens:
        states = kept.find(place, tokens, batch.shared)
        if states is None:
            states = Pass.alone(base, tokens, place)[batch.shared :]
            if not kept.keep(place, tokens, batch.shared, states):
                return None
        found.append(states)
    width = base.config.hidden_size
    whole = torch.zeros(batch.shared + len(found) * batch.longest, width)
    if batch.shared:
        prefix = batch.tokens[0][: batch.shared]
        head = kept.find(place, prefix, 0)
        if head is None:
            kept.keep(place, prefix, 0, head := Pass.alone(base, prefix, place))
        whole[: batch.shared] = head
    for row, own in zip(whole[batch.shared :].view(len(found), batch.longest, width), found):
        row[: len(own)] = own
    return whole


class Pass:
    """One batch on its way through the layers: states are (shared + rows * longest, width), what all rows begin with first."""

    def __init__(self, base: Any, batch: Batch) -> None:
        self.base, self.batch, self.config = base, batch, base.config
        self.head = self.config.head_dim or self.config.hidden_size // self.config.num_attention_heads
        self.heads, self.pairs = self.config.num_attention_heads, self.config.num_key_value_heads
        own = torch.arange(batch.shared, batch.shared + batch.longest)
        positions = torch.cat([torch.arange(batch.shared), own.repeat(len(batch.tokens))])
        angles = positions[:, None].float() * base.model.rotary_emb.inv_freq[None].float()
        self.cos, self.sin = angles.cos()[:, None], angles.sin()[:, None]
        self.due = torch.tensor(
            [row * batch.longest + first + place for row, (first, answer) in enumerate(batch.due) for place in range(len(answer))]
        )

    @classmethod
    def alone(cls, base: Any, tokens: list[int], place: Place) -> Tensor:
        """The states of one sequence at a place, (tokens, width)."""
        passing = cls(base, Batch([tokens], [(0, [])], 0))
        return passing.through(passing.embed(), (0, False), place)

    def embed(self) -> Tensor:
        """The states before the first layer."""
        batch = self.batch
        own = [tokens[batch.shared :] for tokens in batch.tokens]
        rows = [token for tokens in own for token in (*tokens, *[0] * (batch.longest - len(tokens)))]
        return self.base.model.embed_tokens(torch.tensor([*batch.tokens[0][: batch.shared], *rows]))

    def through(self, states: Tensor, begin: Place, end: Place) -> Tensor:
        """From one place to another; at the very end, the normed states where an answer token is due."""
        layers = self.base.model.layers
        (number, attended), top = begin, len(layers)
        while (number, attended) != end:
            layer, narrow = layers[number], number == top - 1 and end[0] == top and speed().last
            if not attended:
                states = self._attend(layer, states, narrow)
            states_due = states[self.due] if narrow and attended else states
            if end == (number, True):
                return states
            states = states_due + self._feed(layer, states_due)
            number, attended = number + 1, False
        if end[0] < top:
            return states
        if not speed().last:
            states = states[self.due]
        return Norm.apply(states, self.base.model.norm.weight, self.config.rms_norm_eps)

    def _feed(self, layer: Any, states: Tensor) -> Tensor:
        mlp = layer.mlp
        weights = FeedForwardWeights(share_memory([base_layer(mlp.gate_proj), base_layer(mlp.up_proj)]), base_layer(mlp.down_proj).weight)
        loras = [factor for name in FORWARD for factor in fold(getattr(mlp, name)) or (None, None)]
        normed = Norm.apply(states, layer.post_attention_layernorm.weight, self.config.rms_norm_eps)
        return FeedForward.apply(normed, weights, *loras)

    def _attend(self, layer: Any, states: Tensor, narrow: bool) -> Tensor:
        """States after a layer's attention; `narrow`: only those where an answer token is due, (n, width)."""
        attention, batch = layer.self_attn, self.batch
        normed = Norm.apply(states, layer.input_layernorm.weight, self.config.rms_norm_eps)
        joint = share_memory([attention.q_proj, attention.k_proj, attention.v_proj])
        parts = (normed @ joint.T).view(len(normed), -1, self.head)
        turned = Rotate.apply(parts[:, : self.heads + self.pairs], self.cos, self.sin)
        query, key = turned.split([self.heads, self.pairs], 1)
        value = parts[:, self.heads + self.pairs :]
        cut, rows, columns = batch.shared, len(batch.tokens), batch.longest
        first = 0
        if narrow:
            first = min(first for first, _ in batch.due) - cut
        own = [part[cut:].view(rows, columns, -1, self.head).transpose(1, 2) for part in (query, key, value)]
        seen = self._look(own[0][:, :, first:], own[1], own[2], key[:cut], value[:cut], first)
        seen = seen.transpose(1, 2).flatten(2)
        if narrow:
            due = self.due - cut
            seen = seen[due // columns, due % columns - first]
            return states[self.due] + linear(seen, attention.o_proj.weight)
        seen = seen.flatten(0, 1)
        if cut:
            first_q, first_k, first_v = (part[:cut].transpose(0, 1)[None] for part in (query, key, value))
            alone = scaled_dot_product_attention(first_q, first_k, first_v, is_causal=True, enable_gqa=self.heads != self.pairs)
            seen = torch.cat([alone[0].transpose(0, 1).flatten(1), seen])
        return states + linear(seen, attention.o_proj.weight)

    def _look(self, query: Tensor, key: Tensor, value: Tensor, key_before: Tensor, value_before: Tensor, first: int) -> Tensor:
        """Attention of the rows' own positions from `first` on to what all begin with and to their own past."""
        cut, (rows, heads, columns, _) = len(key_before), key.shape
        if cut:
            before = [part.transpose(0, 1)[None].expand(rows, heads, cut, self.head) for part in (key_before, value_before)]
            key, value = torch.cat([before[0], key], 2), torch.cat([before[1], value], 2)
        mask = torch.ones(columns, cut + columns, dtype=torch.bool).tril(cut)[first:]
        return scaled_dot_product_attention(query, key, value, attn_mask=mask, enable_gqa=self.heads != self.pairs)
