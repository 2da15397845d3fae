"""How much of the base an adapter has damaged, on prompts that need no memory and that were never replayed in training.

In: a base with an adapter. Out: perplexity of the base's own answers without and with the adapter, answers that changed, refusals that
changed. The prompts are every fourth line of `lists/neutral.txt`; the others may be replayed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from peft import PeftModel
from torch import Tensor

from tuning.adapters import with_side
from tuning.bases import LoadedBase
from tuning.generate import generate
from tuning.likelihood import Encoded, due_logits, encode_example
from tuning.negatives import probe_prompts
from tuning.prompts import is_abstention, render_chat


@dataclass(frozen=True)
class Probe:
    """Neutral prompts with what the bare base answers, and how likely it finds that: mean loss a token, and `losses` of each answer with its tokens,
    (prompts, 2)."""

    prompts: list[str]
    replies: list[str]
    encoded: list[Encoded]
    losses: Tensor

    @property
    def loss(self) -> float:
        """The mean over all answer tokens."""
        return mean_loss(self.losses)


def make_probe(loaded: LoadedBase, model: PeftModel | None = None, prompts: Sequence[str] = ()) -> Probe:
    """The probe of a base, of these prompts or its own; with a model its adapter is switched off meanwhile."""
    prompts = list(prompts) or probe_prompts()
    with with_side(model, adapter=False):
        replies = generate(loaded, [render_chat(prompt) for prompt in prompts], max_new_tokens=32)
        encoded = [encode_example(loaded, render_chat(prompt), reply) for prompt, reply in zip(prompts, replies)]
        return Probe(prompts, replies, encoded, answer_losses(loaded, encoded))


@torch.no_grad()
def answer_losses(loaded: LoadedBase, examples: Sequence[Encoded]) -> Tensor:
    """The summed loss of each answer and its number of tokens, (examples, 2), with whatever adapter is active."""
    found = torch.zeros(len(examples), 2)
    for start in range(0, len(examples), 24):
        logits, tokens, rows = due_logits(loaded, loaded.model, examples[start : start + 24])
        losses = torch.nn.functional.cross_entropy(logits.float(), tokens, reduction="none")
        found.index_add_(0, start + rows.cpu(), torch.stack([losses, torch.ones_like(losses)], 1).cpu())
    return found


def mean_loss(losses: Tensor) -> float:
    """The mean over all answer tokens of rows of `answer_losses`."""
    return float(losses[:, 0].sum() / losses[:, 1].sum().clamp(min=1))


def perplexity_rise(loaded: LoadedBase, probe: Probe) -> float:
    """By how much the active adapter raises the perplexity of the base's own answers: 0.02 means by 2 %, 0 where it falls; at most 1."""
    return min(1.0, max(0.0, math.exp(min(20.0, mean_loss(answer_losses(loaded, probe.encoded)) - probe.loss)) - 1))


def measure_forgetting(loaded: LoadedBase, probe: Probe, heard: Sequence[bool] | None = None) -> dict[str, float]:
    """Perplexity without and with the active adapter, its rise, and the shares of answers and of refusals that changed.

    `heard`: which of the prompts reach the adapter at all (`tuning.gate`); the same is then also told as it is where the base answers the others.
    """
    replies = generate(loaded, [render_chat(prompt) for prompt in probe.prompts], max_new_tokens=32)
    losses = answer_losses(loaded, probe.encoded)
    found = _compare(probe, replies, losses) | {"prompts": len(replies)}
    if heard is not None:
        replies = [after if hears else before for before, after, hears in zip(probe.replies, replies, heard)]
        losses = torch.where(torch.tensor(list(heard))[:, None], losses, probe.losses)
        found |= {f"gated_{key}": value for key, value in _compare(probe, replies, losses).items()} | {"prompts_heard": sum(heard)}
    return found


def _compare(probe: Probe, replies: Sequence[str], losses: Tensor) -> dict[str, float]:
    changed = sum(before != after for before, after in zip(probe.replies, replies))
    refusals = sum(is_abstention(before) != is_abstention(after) for before, after in zip(probe.replies, replies))
    loss = mean_loss(losses)
    return {
        "perplexity_base": round(math.exp(probe.loss), 4),
        "perplexity_adapter": round(math.exp(min(20.0, loss)), 4),
        "perplexity_rise": round(math.exp(min(20.0, loss - probe.loss)) - 1, 4),
        "answers_changed": round(changed / max(1, len(replies)), 4),
        "refusals_changed": round(refusals / max(1, len(replies)), 4),
    }
