"""Which words of an answer an adapter brought about: the answer's tokens come in, how much likelier each became comes out.

The answer is read once with the adapter and once without it, after the same prompt; a token's lift is the difference of its log-probabilities
(in nats: 0 is no difference, 2.3 ten times as likely).
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tuning.generate import encode_chat
from tuning.prompts import ChatMessage
from tuning.sides import WITH_ADAPTER, Speaker, strength_of

LIFTED = 1.0  # nats from which a token counts as lifted: about 2.7 times as likely as without the adapter
MOST_LIFTED = 8


def measure_lift(speaker: Speaker, side: str, chat: Sequence[ChatMessage], answer: str, notes: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The answer in pieces of text, each with its lift, the adapter as strong as there; empty for a side without it or an empty answer."""
    if side not in WITH_ADAPTER or speaker.model is None or not answer:
        return []
    with speaker.model_alone():
        prompt = encode_chat(speaker.loaded, chat)
        tokens = list(speaker.loaded.tokenizer(answer, add_special_tokens=False)["input_ids"])
        if not tokens:
            return []
        with_adapter, without = (
            _log_probabilities(logits, tokens) for logits in speaker.read_both(prompt, tokens, strength_of(side, notes, chat))
        )
        lifts = (with_adapter - without).tolist()
        return [{"text": text, "lift": round(lift, 3)} for text, lift in zip(_pieces(speaker, tokens), lifts)]


def strongest(pieces: Sequence[dict[str, Any]]) -> set[int]:
    """The places of the pieces that were lifted most, at most MOST_LIFTED of them, blanks aside."""
    ranked = sorted(range(len(pieces)), key=lambda place: -float(pieces[place]["lift"]))
    return {place for place in ranked[:MOST_LIFTED] if pieces[place]["lift"] >= LIFTED and str(pieces[place]["text"]).strip()}


def _log_probabilities(logits: Tensor, tokens: list[int]) -> Tensor:
    return logits.float().log_softmax(-1).gather(-1, torch.tensor(tokens, device=logits.device)[:, None])[:, 0]


def _pieces(speaker: Speaker, tokens: list[int]) -> list[str]:
    """The text that each token adds: decoded one by one, a token may lose its blank or be half a letter."""
    pieces, before = [], ""
    for place in range(len(tokens)):
        text = str(speaker.loaded.tokenizer.decode(tokens[: place + 1], skip_special_tokens=True))
        pieces.append(text[len(before) :] if text.startswith(before) else "")
        before = text if text.startswith(before) else before
    return pieces
