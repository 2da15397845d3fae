"""Answers of a model: a batch at once, or one token at a time for two panes in lockstep.

In: chat messages. Out: text. Whether an adapter is active is the model's state; see `adapters.with_side`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache, DynamicLayer

from tuning.bases import LoadedBase
from tuning.decode import RoomyLayer, next_logits
from tuning.prompts import ChatMessage

BATCH = 48
ANSWER_TOKENS = 48
ANSWER_MOST = 96  # tokens of an answer in the chat
LARGEST_KEPT = 128 * 2**20  # bytes of keys and values that a conversation keeps for its next turn


def encode_chat(loaded: LoadedBase, chat: Sequence[ChatMessage]) -> list[int]:
    """Token ids of a chat up to where the assistant begins to answer; reasoning is switched off where a template knows it."""
    text = loaded.tokenizer.apply_chat_template(list(chat), tokenize=False, add_generation_prompt=True, enable_thinking=False)
    ids = loaded.tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids[-context_limit(loaded) :]


def context_limit(loaded: LoadedBase) -> int:
    """Prompt tokens that leave room for an answer."""
    return int(getattr(loaded.model.config, "max_position_embeddings", 2048)) - 2 * ANSWER_TOKENS


def generate(
    loaded: LoadedBase,
    chats: Sequence[Sequence[ChatMessage]],
    max_new_tokens: int = ANSWER_TOKENS,
    temperature: float = 0.0,
    seed: int = 0,
    on_batch: Callable[[float], None] | None = None,
    stop_loops: bool = True,
) -> list[str]:
    """One reply a chat, greedy unless `temperature` > 0; `on_batch` hears the share done and may raise to stop."""
    outputs = _generate_all(loaded, chats, max_new_tokens, temperature, seed, on_batch, stop_loops)
    return [str(loaded.tokenizer.decode([token for token, _ in output], skip_special_tokens=True)).strip() for output in outputs]


def generate_lines(loaded: LoadedBase, chats: Sequence[Sequence[ChatMessage]], max_new_tokens: int) -> list[list[tuple[str, float]]]:
    """The lines of one greedy reply a chat, each with the probability of its least likely token: how sure the model was of it."""
    replies = []
    for output in _generate_all(loaded, chats, max_new_tokens, 0.0, 0, None, True):
        lines: list[list[tuple[int, float]]] = [[]]
        for token, probability in output:
            if "\n" in str(loaded.tokenizer.decode([token])):
                lines.append([])
            else:
                lines[-1].append((token, probability))
        texts = [(str(loaded.tokenizer.decode([token for token, _ in line])).strip(), line) for line in lines]
        replies.append([(text, min(probability for _, probability in line)) for text, line in texts if text])
    return replies


Output = list[tuple[int, float]]  # token ids with their probabilities


def _generate_all(
    loaded: LoadedBase,
    chats: Sequence[Sequence[ChatMessage]],
    max_new_tokens: int,
    temperature: float,
    seed: int,
    on_batch: Callable[[float], None] | None,
    stop_loops: bool,
) -> list[Output]:
    """Replies in batches of prompts of like length."""
    prompts = [encode_chat(loaded, chat) for chat in chats]
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
    outputs: list[Output] = [[] for _ in prompts]
    torch.manual_seed(seed)
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        found = _generate_batch(loaded, [prompts[index] for index in chosen], max_new_tokens, temperature, stop_loops)
        for index, output in zip(chosen, found):
            outputs[index] = output
        if on_batch:
            on_batch((start + len(chosen)) / len(order))
    return outputs


@torch.no_grad()
def _generate_batch(
    loaded: LoadedBase, prompts: list[list[int]], max_new_tokens: int, temperature: float, stop_loops: bool
) -> list[Output]:
    """Continuations of left-padded prompts with a key-value cache; a row stops at its end token."""
    pad, ends = pad_token(loaded), set(end_tokens(loaded).tolist())
    longest = max(len(prompt) for prompt in prompts)
    ids = torch.full((len(prompts), longest), pad, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, longest - len(prompt) :] = torch.tensor(prompt)
        mask[row, longest - len(prompt) :] = 1
    device = loaded.model.device
    ids, mask = ids.to(device), mask.to(device)
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    outputs: list[Output] = [[] for _ in prompts]
    rows = list(range(len(prompts)))  # whose answer each row of the batch is
    running = set(rows)
    cache: Any = None
    for _ in range(max_new_tokens):
        logits, cache = next_logits(loaded, ids, cache, mask, positions)
        tokens = pick(logits, temperature)
        sure = logits.float().softmax(-1).gather(1, tokens[:, None])[:, 0].tolist()
        for number, token, probability in zip(rows, tokens.tolist(), sure):
            if number not in running:
                continue
            if token in ends:
                running.remove(number)
                continue
            outputs[number].append((token, probability))
            kept = end_of_loop([written for written, _ in outputs[number]]) if stop_loops else None
            if kept is not None:
                outputs[number] = outputs[number][:kept]
                running.remove(number)
        if not running:
            break
        ids, positions = tokens[:, None], positions[:, -1:] + 1
        mask = torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)
        if 2 * len(running) <= len(rows) and forgets_nothing(cache):
            # Answers that have ended cost as much as the others while they stay in the batch.
            chosen = torch.tensor([row for row, number in enumerate(rows) if number in running], device=device)
            cache.batch_select_indices(chosen)
            ids, positions, mask = ids[chosen], positions[chosen], mask[chosen]
            rows = [number for number in rows if number in running]
    return outputs


def end_of_loop(tokens: Sequence[int]) -> int | None:
    """How many tokens to keep of an answer that began to repeat itself, or None while it does not.

    Greedy decoding of a small model can fall into "need need need need" and never leave it. A stretch of 4 to 12 tokens that stands
    three times in a row is such a loop (shorter ones: five times, since a code may hold 0000 or 121212); it is kept once.
    """
    for size in range(1, 13):
        times = 3 if size > 3 else 5
        tail = tokens[-size * times :]
        if len(tail) == size * times and all(tail[place] == tail[place - size] for place in range(size, len(tail))):
            return len(tokens) - size * (times - 1)
    return None


def pick(logits: Tensor, temperature: float) -> Tensor:
    """The likeliest token a row, or one drawn among the 40 likeliest."""
    if temperature <= 0:
        return logits.argmax(-1)
    top = torch.topk(logits.float() / temperature, min(40, logits.shape[-1]))
    return top.indices.gather(-1, torch.multinomial(top.values.softmax(-1), 1)).squeeze(-1)


def pad_token(loaded: LoadedBase) -> int:
    """The id that fills up a row."""
    return int(loaded.tokenizer.pad_token_id or 0)


def end_tokens(loaded: LoadedBase) -> Tensor:
    """Ids that end an answer: those of the generation configuration and the tokenizer's own."""
    configured = loaded.model.generation_config.eos_token_id
    found = configured if isinstance(configured, list) else [configured]
    return torch.tensor(sorted({int(end) for end in [*found, loaded.tokenizer.eos_token_id] if end is not None}))


def forgets_nothing(cache: Any) -> bool:
    """Whether a key-value cache holds every token it has read, as those of sliding windows do not: only such a one may be cut or joined."""
    return isinstance(cache, DynamicCache) and all(type(layer) in (DynamicLayer, RoomyLayer) for layer in cache.layers)


@dataclass
class Stream:
    """One answer being written: call `step()` until it returns False; `text` is what stands so far."""

    loaded: LoadedBase
    chat: Sequence[ChatMessage]
    max_new_tokens: int = ANSWER_MOST
    text: str = ""
    before: "Stream | None" = None  # an earlier answer of the same conversation and side: what both prompts begin with is not read again

    def __post_init__(self) -> None:
        self.prompt_tokens = encode_chat(self.loaded, self.chat)
        self.cache: Any = None
        self.read: list[int] = []  # the tokens whose keys and values the cache holds
        self.done = False
        self._tokens: list[int] = []
        before, self.before = self.before, None
        if before is not None and before.done:
            self._go_on_from(before)
        self.next = torch.tensor([self.prompt_tokens[len(self.read) :]], device=self.loaded.model.device)  # what the next pass reads
        self._ends = set(end_tokens(self.loaded).tolist())

    def _go_on_from(self, before: "Stream") -> None:
        """Take over the cache of an earlier answer, cut to what both prompts begin with."""
        cache, read = before.cache, before.read
        before.cache = None
        if cache is None or not forgets_nothing(cache):
            return
        most = min(len(read), len(self.prompt_tokens) - 1)
        shared = next((place for place in range(most) if read[place] != self.prompt_tokens[place]), most)
        if shared and sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers) <= LARGEST_KEPT:
            cache.crop(shared - len(read))
            self.cache, self.read = cache, read[:shared]

    @property
    def tokens(self) -> Sequence[int]:
        """The tokens of the answer so far."""
        return self._tokens

    @property
    def full(self) -> bool:
        """Whether the answer is as long as it may become."""
        return len(self._tokens) >= self.max_new_tokens

    @torch.no_grad()
    def step(self) -> bool:
        """Write one token; False once the answer has ended."""
        if self.full:
            self.done = True
            return False
        logits, self.cache = next_logits(self.loaded, self.next, self.cache)
        self.read += self.next[0].tolist()
        return self.take(int(logits[0].argmax()))

    def take(self, token: int) -> bool:
        """Add a token to the answer; False where it ends it, or where the answer is full or began to repeat itself."""
        if token in self._ends or self.full:
            self.done = True
            return False
        self._tokens.append(token)
        kept = end_of_loop(self._tokens)
        self._tokens = self._tokens[:kept]
        self.next = torch.tensor([[token]], device=self.loaded.model.device)
        self.text = str(self.loaded.tokenizer.decode(self._tokens, skip_special_tokens=True)).strip()
        self.done = kept is not None
        return kept is None
