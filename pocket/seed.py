"""Initialises a Llama with induction circuits, so that it copies from its prompt before any training.

In: a `LlamaForCausalLM` with tied embeddings and rotary positions. Out: the same model, its first two layers seeded.

Without this a model of a few million parameters stays on a plateau for millions of tokens before it learns to copy. The circuit
is the known two-layer one (Olsson et al. 2022, "In-context learning and induction heads"): heads of layer 0 attend to the previous
token and write its identity into the upper half of the residual stream; heads of layer 1 look for positions whose previous token
equals the current one and write the token that stands there. Everything trains on from there.
"""

import math
from typing import Any

import torch
from torch import Tensor
from transformers import LlamaForCausalLM

EMBEDDING_STD = 0.08  # a tied embedding at the usual 0.02 caps the logits
CONSTANT = 0.25  # what dimension 0 holds for every token: the bias that position-only attention needs
MATCH_GAIN = 1.4
COPY_GAIN = 6.0
PREVIOUS_SCORE = 9.0  # logit margin of the previous position over its neighbour
SLOW = 0.03  # radians a position: pairs that rotate less than this hardly move over a prompt and can compare identities
NOISE = 0.02  # what is left of the random start inside the seeded heads


@torch.no_grad()
def seed_induction(model: LlamaForCausalLM, heads: int | None = None) -> LlamaForCausalLM:
    """Write `heads` induction circuits (default: all but one) into layers 0 and 1; any width and head count.

    Every layer's output projections start smaller by sqrt(2 * layers) (as GPT-2's do), so that the random rest does not drown the copy.
    """
    config: Any = model.config
    width, head_count = config.hidden_size, config.num_attention_heads
    head_width = width // head_count
    heads = heads or max(1, head_count - 1)
    if config.num_hidden_layers < 2 or config.num_key_value_heads != head_count or not config.tie_word_embeddings:
        raise ValueError("seeding needs two layers or more, as many key-value heads as heads, and tied embeddings")
    for layer in model.model.layers:
        for output in (layer.self_attn.o_proj, layer.mlp.down_proj):
            output.weight /= math.sqrt(2 * config.num_hidden_layers)
    identity = torch.arange(1, width // 2)
    scale = _seed_embedding(model.model.embed_tokens.weight, width)
    theta = config.rope_parameters["rope_theta"]
    speeds = [theta ** (-pair / (head_width // 2)) for pair in range(head_width // 2)]
    first, second = (model.model.layers[index].self_attn for index in (0, 1))
    for head in range(heads):
        rows = slice(head * head_width, (head + 1) * head_width)
        for attention in (first, second):
            for projection in (attention.q_proj, attention.k_proj, attention.v_proj):
                projection.weight[rows] *= NOISE
            attention.o_proj.weight[:, rows] *= NOISE
        _attend_previous(first, head * head_width, head_width, speeds, CONSTANT / scale)
        _carry(first, _slice_of(identity, head, head_width), head * head_width, width // 2, scale)
        slow = [pair for pair, speed in enumerate(speeds) if speed < SLOW]
        slow += [pair + head_width // 2 for pair in slow]
        for place, dim in zip(slow, _slice_of(identity, head, len(slow)).tolist()):
            second.q_proj.weight[head * head_width + place, dim] += MATCH_GAIN
            second.k_proj.weight[head * head_width + place, width // 2 + dim] += MATCH_GAIN
        for place, dim in enumerate(_slice_of(identity, head, head_width).tolist()):
            second.v_proj.weight[head * head_width + place, dim] += 1.0
            second.o_proj.weight[dim, head * head_width + place] += COPY_GAIN * scale
    return model


def _seed_embedding(embedding: Tensor, width: int) -> float:
    """Token identities in the lower half, a constant in dimension 0; returns the root mean square of a row (RMSNorm's divisor)."""
    torch.nn.init.normal_(embedding, std=EMBEDDING_STD)
    embedding[:, width // 2 :] *= NOISE
    embedding[:, 0] = CONSTANT
    return math.sqrt(EMBEDDING_STD**2 * (width // 2 - 1) / width + CONSTANT**2 / width)


def _slice_of(identity: Tensor, head: int, count: int) -> Tensor:
    """The `head`-th run of `count` identity dimensions, the last run where they have run out."""
    start = head * count
    return identity[start : start + count] if start + count <= len(identity) else identity[-count:]


def _attend_previous(attention: Any, offset: int, head_width: int, speeds: list[float], constant: float) -> None:
    """Score of position n for key m becomes sum over fast pairs of amplitude^2 * cos((m - n + 1) * speed): a peak at m = n - 1."""
    fast = range(min(8, head_width // 4))
    margin = sum(1 - math.cos(speeds[pair]) for pair in fast) / math.sqrt(head_width)
    amplitude = math.sqrt(PREVIOUS_SCORE / margin)
    for pair in fast:
        attention.k_proj.weight[offset + pair, 0] += amplitude / constant
        attention.q_proj.weight[offset + pair, 0] += amplitude / constant * math.cos(speeds[pair])
        attention.q_proj.weight[offset + pair + head_width // 2, 0] -= amplitude / constant * math.sin(speeds[pair])


def _carry(attention: Any, dims: Tensor, offset: int, shift: int, scale: float) -> None:
    """The attended token's identity dimensions land `shift` higher, at their original size (RMSNorm divided them by `scale`)."""
    for place, dim in enumerate(dims.tolist()):
        attention.v_proj.weight[offset + place, dim] += 1.0
        attention.o_proj.weight[shift + dim, offset + place] += scale
