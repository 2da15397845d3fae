"""How sure a model is of given answers, without writing them: one forward pass.

In: chats with their answers. Out: for each, whether greedy decoding would give the answer to the letter, and the least sure token.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from tuning import joint
from tuning.bases import LoadedBase
from tuning.frozen import FrozenStates
from tuning.generate import encode_chat, pad_token
from tuning.prompts import ChatMessage
from tuning.scores import key_words, normal_words
from tuning.speed import speed

SHARED_LEAST = 8  # tokens that all prompts of a batch begin with, from which computing them once pays
SHARED_ROWS = 3


@dataclass(frozen=True)
class Encoded:
    """An example as tokens: prompt and answer (with its end token), the loss is on the answer alone, weighted by `weights` (1 where empty). One that
    is `replayed` is what the base knows already."""

    prompt: list[int]
    answer: list[int]
    weights: list[float] = field(default_factory=list)
    replayed: bool = False

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


def encode_example(loaded: LoadedBase, chat: Sequence[ChatMessage], answer: str, value_weight: float = 1.0, question: str = "") -> Encoded:
    """Tokens of a chat and its answer; those of words that carry the answer (see `scores.key_words`) weigh `value_weight`."""
    encoded = loaded.tokenizer(answer, add_special_tokens=False, return_offsets_mapping=value_weight != 1.0)
    weights = value_weights(answer, question, encoded["offset_mapping"], value_weight) if value_weight != 1.0 else []
    end = int(loaded.tokenizer.eos_token_id)  # type: ignore[arg-type]
    return Encoded(encode_chat(loaded, chat), [*encoded["input_ids"], end], [*weights, 1.0] if weights else [])


def value_weights(answer: str, question: str, offsets: Sequence[tuple[int, int]], weight: float) -> list[float]:
    """For each token of an answer, given by its letters, `weight` if it belongs to a word that carries the answer, else 1."""
    carrying = set(key_words(answer, question))
    spans = [match.span() for match in re.finditer(r"\w+(?:[.,:]\d+)*", answer) if set(normal_words(match[0])) & carrying]
    return [weight if any(start < right and end > left for left, right in spans) else 1.0 for start, end in offsets]


def pad_batch(loaded: LoadedBase, batch: Sequence[Encoded]) -> tuple[Tensor, Tensor, Tensor]:
    """Ids, attention mask and labels (-100 outside answers), each (batch, longest), padded on the right."""
    longest = max(len(example) for example in batch)
    ids = torch.full((len(batch), longest), pad_token(loaded), dtype=torch.long)
    mask = torch.zeros_like(ids)
    labels = torch.full_like(ids, -100)
    for row, example in enumerate(batch):
        tokens = [*example.prompt, *example.answer]
        ids[row, : len(tokens)] = torch.tensor(tokens)
        mask[row, : len(tokens)] = 1
        labels[row, len(example.prompt) : len(tokens)] = torch.tensor(example.answer)
    device = loaded.model.device
    return ids.to(device), mask.to(device), labels.to(device)


def due_logits(
    loaded: LoadedBase, model: torch.nn.Module, examples: Sequence[Encoded], kept: FrozenStates | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """As `answer_logits`, of a batch of examples, the fastest way that this model allows; states below the lowest LoRA are kept in `kept`."""
    if not speed().joint or not joint.fits(model):
        return answer_logits(model, *pad_batch(loaded, examples))
    shared = shared_tokens([example.prompt for example in examples])
    return joint.answer_logits(model, examples, shared, kept if speed().frozen else None)


def shared_tokens(prompts: Sequence[list[int]]) -> int:
    """How many leading tokens all prompts share, short of the last one; 0 where sharing would not pay."""
    if len(prompts) < SHARED_ROWS or not speed().prefix:
        return 0
    low, high = min(prompts), max(prompts)
    shared = next((place for place, (a, b) in enumerate(zip(low, high)) if a != b), min(len(low), len(high)))
    shared = min(shared, min(map(len, prompts)) - 1)
    return shared if shared >= SHARED_LEAST else 0


def answer_logits(model: torch.nn.Module, ids: Tensor, mask: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Logits where an answer token is due, the tokens due, and their row: (n, vocabulary), (n,), (n,), rows in order.

    Right padding needs no positions. What all prompts begin with (the system's words) is computed once and shared by the rows: about half
    of the work of short questions.
    """
    due = labels[:, 1:] != -100
    width = int(due.any(0).nonzero()[0])  # no logits before the first answer token of the batch
    kept = ids.shape[1] - width
    shared = shared_prefix(ids, width)
    options: dict[str, Any] = {"attention_mask": mask, "logits_to_keep": kept, "use_cache": False}
    if shared:
        cache = model(input_ids=ids[:1, :shared], use_cache=True, logits_to_keep=1).cache
        cache.batch_repeat_interleave(ids.shape[0])
        options |= {"cache": cache, "use_cache": True}
    logits = model(input_ids=ids[:, shared:], **options).logits[:, :-1]
    due = due[:, width:]
    return logits[due], labels[:, 1 + width :][due], due.nonzero()[:, 0]


def shared_prefix(ids: Tensor, most: int) -> int:
    """How many leading tokens all rows share, at most `most`; 0 where sharing would not pay."""
    if ids.shape[0] < SHARED_ROWS or not speed().prefix:
        return 0
    same = (ids[:, :most] == ids[0, :most]).all(0).long()
    shared = int(same.cumprod(0).sum())
    return shared if shared >= SHARED_LEAST else 0


@torch.no_grad()
def certainty(
    loaded: LoadedBase, model: torch.nn.Module, examples: Sequence[Encoded], batch: int = 64, kept: FrozenStates | None = None
) -> list[tuple[bool, float]]:
    """For each example: whether greedy decoding gives its answer, and the probability of its least likely token."""
    order = sorted(range(len(examples)), key=lambda index: len(examples[index]))
    results: list[tuple[bool, float]] = [(False, 0.0)] * len(examples)
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        logits, tokens, rows = due_logits(loaded, model, [examples[index] for index in chosen], kept)
        right = logits.argmax(-1) == tokens
        sure = logits.float().softmax(-1).gather(1, tokens[:, None]).squeeze(1)
        for row, index in enumerate(chosen):
            own = rows == row
            results[index] = (bool(right[own].all()), float(sure[own].min()))
    return results
