"""Pocket's architecture: a Llama, seeded; and its forward pass over packed rows, faster on a CPU than the general one.

In: width and layers; packed ids with their documents and branches. Out: a `LlamaForCausalLM`; hidden states, and where the retrieving head looked.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear, scaled_dot_product_attention, silu
from transformers import LlamaConfig, LlamaForCausalLM

from pocket.lexicon import Lexicon
from pocket.seed import THETA, seed_circuits
from pocket.tokens import ROLES, VOCABULARY

# Heads (layer, number) that are told where to look (seed.py): at what opens after the line that an answer rests on, at the words of that line, and
# at the token in it that comes next.
RETRIEVING, READING, COPYING = (3, 0), (4, 2), (4, 0)


def build_model(width: int, layers: int, seed: int, tokenizer: Any = None, lexicon: Lexicon | None = None) -> LlamaForCausalLM:
    """A Llama with its first five layers seeded with circuits."""
    model = plain_model(width, layers, seed, len(tokenizer) if tokenizer else VOCABULARY)
    return seed_circuits(model, lexicon, openers(tokenizer) if tokenizer else (2, 3))


def plain_model(width: int, layers: int, seed: int, vocabulary: int = VOCABULARY) -> LlamaForCausalLM:
    """A Llama of `width` (four heads or more, 96 wide where it divides) and `layers`, at its random start."""
    torch.manual_seed(seed)
    heads = next(count for count in range(max(4, width // 96), width) if width % count == 0)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        head_dim=width // heads,
        intermediate_size=width * 2,
        max_position_embeddings=2048,
        rope_parameters={"rope_type": "default", "rope_theta": THETA},
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=1,
        pad_token_id=0,
    )
    return LlamaForCausalLM(config)


def openers(tokenizer: Any) -> tuple[int, ...]:
    """The tokens that begin a line or a turn of the person; what the assistant says counts to the turn it answers."""
    lines = [token for token in range(len(tokenizer)) if "\n" in tokenizer.decode([token])]
    return tuple(tokenizer.convert_tokens_to_ids(ROLES[role]) for role in ("system", "user")) + tuple(lines)


def attention_mask(documents: Tensor, branches: Tensor) -> Tensor:
    """Causal, within one document, in the trunk or one's own branch: (rows, 1, length, length), True where a token may look."""
    length = documents.shape[1]
    same = documents[:, :, None] == documents[:, None, :]
    same &= (branches[:, None, :] == 0) | (branches[:, :, None] == branches[:, None, :])
    return (same & torch.ones(length, length, dtype=torch.bool, device=documents.device).tril())[:, None]


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """Masked attention, (rows, heads, length, head width). On a CPU, short rows go as plain products: half the time of the fused kernel."""
    if query.device.type != "cpu" or query.shape[2] > 512:
        return scaled_dot_product_attention(query, key, value, attn_mask=mask)
    scores = torch.matmul(query, key.transpose(-1, -2)).float() * query.shape[-1] ** -0.5
    return torch.matmul(scores.masked_fill(~mask, -1e9).softmax(-1).to(value.dtype), value)


def last_hidden(
    model: Any, ids: Tensor, positions: Tensor, mask: Tensor, pointed: dict[tuple[int, int], Tensor] | None = None
) -> tuple[Tensor, dict[tuple[int, int], Tensor]]:
    """What `model.model(...)` of transformers returns, with one product for query, key and value and one for gate and up.

    The wider products run nearly twice as fast on two cores at these sizes (pocket/LOG.md). Shapes as there: (rows, length, width). `pointed` maps
    heads to (rows, length, length): for each also the share of its attention that falls where it is True, (rows, length).
    """
    hidden, layers = model.model.embed_tokens(ids), Layers(model, positions, mask, ids.shape)
    shares: dict[tuple[int, int], Tensor] = {}
    for number in range(len(model.model.layers)):
        asked = {head: where for (layer, head), where in (pointed or {}).items() if layer == number}
        hidden, found = layers.step(number, hidden, asked)
        shares |= {(number, head): share for head, share in found.items()}
    return model.model.norm(hidden), shares


def early_hidden(model: Any, ids: Tensor, positions: Tensor, mask: Tensor, taps: tuple[int, ...]) -> list[Tensor]:
    """The stream before the layers `taps` (ascending), each (rows, length, width); no layer after the last of them is computed."""
    hidden, layers = model.model.embed_tokens(ids), Layers(model, positions, mask, ids.shape)
    found = []
    for number in range(taps[-1]):
        hidden, _ = layers.step(number, hidden, {})
        if number + 1 in taps:
            found.append(hidden)
    return found


class Layers:
    """The layers over one batch of packed rows, with one product for query, key and value and one for gate and up."""

    def __init__(self, model: Any, positions: Tensor, mask: Tensor, shape: Any) -> None:
        self.model, self.config, self.mask = model, model.config, mask
        self.shape = (*shape, 3, self.config.num_attention_heads, self.config.head_dim)
        self.cos, self.sin = (part[:, None] for part in model.model.rotary_emb(model.model.embed_tokens.weight, positions))

    def _rotate(self, x: Tensor) -> Tensor:
        low, high = x.chunk(2, -1)
        return x * self.cos + torch.cat((-high, low), -1) * self.sin

    def step(self, number: int, hidden: Tensor, pointed: dict[int, Tensor]) -> tuple[Tensor, dict[int, Tensor]]:
        """One layer; `pointed` maps heads to where they should look, the shares of their attention that fall there come back."""
        layer = self.model.model.layers[number]
        attention, mlp = layer.self_attn, layer.mlp
        joint = torch.cat([part.weight for part in (attention.q_proj, attention.k_proj, attention.v_proj)])
        query, key, value = linear(layer.input_layernorm(hidden), joint).view(self.shape).permute(2, 0, 3, 1, 4)
        query, key = self._rotate(query).to(value.dtype), self._rotate(key).to(value.dtype)
        shares: dict[int, Tensor] = {}
        for head, where in pointed.items():
            scores = torch.matmul(query[:, head], key[:, head].transpose(-1, -2)).float() * self.config.head_dim**-0.5
            shares[head] = (scores.masked_fill(~self.mask[:, 0], -1e9).softmax(-1) * where).sum(-1)
        seen = attend(query, key, value, self.mask)
        hidden = hidden + attention.o_proj(seen.transpose(1, 2).flatten(2))
        joint = torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight])
        gate, up = linear(layer.post_attention_layernorm(hidden), joint).chunk(2, -1)
        return hidden + mlp.down_proj(silu(gate) * up), shares
