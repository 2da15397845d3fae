"""How sure a model is of given answers, without writing them: one forward pass.

In: chats with their answers. Out: for each, whether greedy decoding would give the answer to the letter, and the least sure token.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tuning.bases import LoadedBase
from tuning.generate import encode_chat, pad_token
from tuning.prompts import ChatMessage


@dataclass(frozen=True)
class Encoded:
    """An example as tokens: prompt and answer (with its end token), the loss is on the answer alone."""

    prompt: list[int]
    answer: list[int]
    weight: float = 1.0

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


def encode_example(loaded: LoadedBase, chat: Sequence[ChatMessage], answer: str, weight: float = 1.0) -> Encoded:
    """Tokens of a chat and its answer."""
    tokens = loaded.tokenizer(answer, add_special_tokens=False)["input_ids"]
    return Encoded(encode_chat(loaded, chat), [*tokens, int(loaded.tokenizer.eos_token_id)], weight)


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


def answer_logits(model: torch.nn.Module, ids: Tensor, mask: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Logits where an answer token is due, the tokens due, and their row: (n, vocabulary), (n,), (n,). Right padding needs no positions."""
    due = labels[:, 1:] != -100
    width = int(due.any(0).nonzero()[0])  # no logits before the first answer token of the batch
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False, logits_to_keep=ids.shape[1] - width).logits[:, :-1]
    due = due[:, width:]
    return logits[due], labels[:, 1 + width :][due], due.nonzero()[:, 0]


@torch.no_grad()
def certainty(loaded: LoadedBase, model: torch.nn.Module, examples: Sequence[Encoded], batch: int = 64) -> list[tuple[bool, float]]:
    """For each example: whether greedy decoding gives its answer, and the probability of its least likely token."""
    order = sorted(range(len(examples)), key=lambda index: len(examples[index]))
    results: list[tuple[bool, float]] = [(False, 0.0)] * len(examples)
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        logits, tokens, rows = answer_logits(model, *pad_batch(loaded, [examples[index] for index in chosen]))
        right = logits.argmax(-1) == tokens
        sure = logits.float().softmax(-1).gather(1, tokens[:, None]).squeeze(1)
        for row, index in enumerate(chosen):
            own = rows == row
            results[index] = (bool(right[own].all()), float(sure[own].min()))
    return results
