"""Initialises a Llama with induction circuits, so that it copies from its prompt before any training.

In: a `LlamaForCausalLM` with tied embeddings and rotary positions. Out: the same model, its first two layers seeded.

Without this a model of a few million parameters stays on a plateau for millions of tokens before it learns to copy. The circuit
is the known two-layer one (Olsson et al. 2022, "In-context learning and induction heads"), with a memory of two tokens: heads of layer 0
carry the identities of the last token and of the one before it into two free thirds of the residual stream; heads of layer 1 look for
positions whose two preceding tokens equal the current two, and write the token that stands there. One equal token is a match as well, but two
count double: of eight lines with "is" in them, the value is taken from the one where "rent is" stands. Everything trains on from there.
"""

import math
from typing import Any

import torch
from torch import Tensor
from transformers import LlamaForCausalLM

EMBEDDING_STD = 0.08  # a tied embedding at the usual 0.02 caps the logits
CONSTANT = 0.25  # what dimension 0 holds for every token: the bias that position-only attention needs
MATCH_SCORE = 8.0  # attention logit of one equal token
COPY_GAIN = 6.0
PREVIOUS_SCORE = 9.0  # logit margin of the wanted position over its neighbour
SLOW = 0.03  # radians a position: pairs that rotate less than this hardly move over a prompt and can compare identities
NOISE = 0.02  # what is left of the random start inside the seeded heads


@torch.no_grad()
def seed_induction(model: LlamaForCausalLM, match_score: float = MATCH_SCORE) -> LlamaForCausalLM:
    """Write the circuit into layers 0 and 1, into all heads but the last; any width and head count.

    Every layer's output projections start smaller by sqrt(2 * layers) (as GPT-2's do), so that the random rest does not drown the copy.
    """
    config: Any = model.config
    width, head_count = config.hidden_size, config.num_attention_heads
    head_width = width // head_count
    if config.num_hidden_layers < 2 or config.num_key_value_heads != head_count or not config.tie_word_embeddings:
        raise ValueError("seeding needs two layers or more, as many key-value heads as heads, and tied embeddings")
    for layer in model.model.layers:
        for output in (layer.self_attn.o_proj, layer.mlp.down_proj):
            output.weight /= math.sqrt(2 * config.num_hidden_layers)
    third = (width - 1) // 3
    identity = torch.arange(1, third + 1)
    scale = _seed_embedding(model.model.embed_tokens.weight, third)
    speeds = [config.rope_parameters["rope_theta"] ** (-pair / (head_width // 2)) for pair in range(head_width // 2)]
    heads = range(max(2, head_count - 1))
    first, second = (model.model.layers[index].self_attn for index in (0, 1))
    for head in heads:
        rows = slice(head * head_width, (head + 1) * head_width)
        for attention in (first, second):
            for projection in (attention.q_proj, attention.k_proj, attention.v_proj):
                projection.weight[rows] *= NOISE
            attention.o_proj.weight[:, rows] *= NOISE
    for head in heads:  # half of the heads of layer 0 look one token back, half look two back
        back = 1 + head * 2 // len(heads)
        place = head % math.ceil(len(heads) / 2)
        _attend_back(first, head * head_width, head_width, speeds, CONSTANT / scale, back)
        _carry(first, _slice_of(identity, place, head_width), head * head_width, back * third, scale)
    # After layer 0 three identities stand in the stream: RMSNorm divides by their common size.
    stream = math.sqrt(3 * third * EMBEDDING_STD**2 / width + CONSTANT**2 / width)
    slow = [pair for pair, speed in enumerate(speeds) if speed < SLOW]
    slow += [pair + head_width // 2 for pair in slow]
    half = len(slow) // 2
    expected = half * (EMBEDDING_STD / stream) ** 2 / math.sqrt(head_width)
    gain = math.sqrt(match_score / expected)
    writers = torch.zeros(width)
    for head in heads:
        offset = head * head_width
        dims = _slice_of(identity, head, half).tolist()
        for step in (0, 1):  # now against one back, and one back against two back
            for place, dim in zip(slow[step * half : (step + 1) * half], dims):
                second.q_proj.weight[offset + place, dim + step * third] += gain
                second.k_proj.weight[offset + place, dim + (step + 1) * third] += gain
        writers[_slice_of(identity, head, head_width)] += 1
    for head in heads:
        for place, dim in enumerate(_slice_of(identity, head, head_width).tolist()):
            second.v_proj.weight[head * head_width + place, dim] += 1.0
            second.o_proj.weight[dim, head * head_width + place] += COPY_GAIN * stream / writers[dim]
    return model


def _seed_embedding(embedding: Tensor, third: int) -> float:
    """Token identities in the first third, a constant in dimension 0; returns the root mean square of a row (RMSNorm's divisor)."""
    torch.nn.init.normal_(embedding, std=EMBEDDING_STD)
    embedding[:, third + 1 :] *= NOISE
    embedding[:, 0] = CONSTANT
    return math.sqrt(EMBEDDING_STD**2 * third / embedding.shape[1] + CONSTANT**2 / embedding.shape[1])


def _slice_of(identity: Tensor, number: int, count: int) -> Tensor:
    """The `number`-th run of `count` identity dimensions; the runs go round where there are more than fit."""
    places = (torch.arange(count) + number * count) % len(identity)
    return identity[places[: len(identity)]]


def _attend_back(attention: Any, offset: int, head_width: int, speeds: list[float], constant: float, back: int) -> None:
    """Score of position n for key m becomes sum over fast pairs of amplitude^2 * cos((m - n + back) * speed): a peak at m = n - back."""
    fast = range(min(8, head_width // 4))
    margin = sum(1 - math.cos(speeds[pair]) for pair in fast) / math.sqrt(head_width)
    amplitude = math.sqrt(PREVIOUS_SCORE / margin)
    for pair in fast:
        attention.k_proj.weight[offset + pair, 0] += amplitude / constant
        attention.q_proj.weight[offset + pair, 0] += amplitude / constant * math.cos(back * speeds[pair])
        attention.q_proj.weight[offset + pair + head_width // 2, 0] -= amplitude / constant * math.sin(back * speeds[pair])


def _carry(attention: Any, dims: Tensor, offset: int, shift: int, scale: float) -> None:
    """The attended token's identity dimensions land `shift` higher, at their original size (RMSNorm divided them by `scale`)."""
    for place, dim in enumerate(dims.tolist()):
        attention.v_proj.weight[offset + place, dim] += 1.0
        attention.o_proj.weight[shift + dim, offset + place] = scale
