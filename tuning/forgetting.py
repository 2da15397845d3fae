"""How much of the base an adapter has damaged, on prompts that need no memory and that were never replayed in training.

In: a base with an adapter. Out: perplexity of the base's own answers without and with the adapter, answers that changed, refusals that
changed. The prompts are every fourth line of `lists/neutral.txt`; the others may be replayed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from peft import PeftModel

from tuning.adapters import with_side
from tuning.bases import LoadedBase
from tuning.generate import generate
from tuning.likelihood import Encoded, due_logits, encode_example
from tuning.negatives import probe_prompts
from tuning.prompts import is_abstention, render_chat


@dataclass(frozen=True)
class Probe:
    """Neutral prompts with what the bare base answers, and how likely it finds that (mean loss a token)."""

    prompts: list[str]
    replies: list[str]
    encoded: list[Encoded]
    loss: float


def make_probe(loaded: LoadedBase, model: PeftModel | None = None) -> Probe:
    """The probe of a base; with a model its adapter is switched off meanwhile."""
    prompts = probe_prompts()
    with with_side(model, adapter=False):
        replies = generate(loaded, [render_chat(prompt) for prompt in prompts], max_new_tokens=32)
        encoded = [encode_example(loaded, render_chat(prompt), reply) for prompt, reply in zip(prompts, replies)]
        return Probe(prompts, replies, encoded, answer_loss(loaded, encoded))


@torch.no_grad()
def answer_loss(loaded: LoadedBase, examples: Sequence[Encoded]) -> float:
    """Mean loss over all answer tokens, with whatever adapter is active."""
    total, count = 0.0, 0
    for start in range(0, len(examples), 24):
        logits, tokens, _ = due_logits(loaded, loaded.model, examples[start : start + 24])
        total += float(torch.nn.functional.cross_entropy(logits.float(), tokens, reduction="sum"))
        count += len(tokens)
    return total / max(1, count)


def perplexity_rise(loaded: LoadedBase, probe: Probe) -> float:
    """By how much the active adapter raises the perplexity of the base's own answers: 0.02 means by 2 %, 0 where it falls; at most 1."""
    return min(1.0, max(0.0, math.exp(min(20.0, answer_loss(loaded, probe.encoded) - probe.loss)) - 1))


def measure_forgetting(loaded: LoadedBase, probe: Probe) -> dict[str, float]:
    """Perplexity without and with the active adapter, its rise, and the shares of answers and of refusals that changed."""
    replies = generate(loaded, [render_chat(prompt) for prompt in probe.prompts], max_new_tokens=32)
    changed = sum(before != after for before, after in zip(probe.replies, replies))
    refusals = sum(is_abstention(before) != is_abstention(after) for before, after in zip(probe.replies, replies))
    loss = answer_loss(loaded, probe.encoded)
    return {
        "perplexity_base": round(math.exp(probe.loss), 4),
        "perplexity_adapter": round(math.exp(min(20.0, loss)), 4),
        "perplexity_rise": round(math.exp(min(20.0, loss - probe.loss)) - 1, 4),
        "answers_changed": round(changed / max(1, len(replies)), 4),
        "refusals_changed": round(refusals / max(1, len(replies)), 4),
        "prompts": len(replies),
    }
