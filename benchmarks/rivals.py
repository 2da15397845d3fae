"""The sides that Keepsake is measured against, beside its own: prompts with everything in them, a plain LoRA, and MiLP as published.

In: a store with a person, a loaded base, the examples of the injection. Out: replies, with what each side cost.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from peft import PeftModel
from sqlite_utils import Database

from memory.store import Profile, list_facts, list_messages
from tuning.adapters import LoraPlan, attach, detach, to_bytes, trainable_parameters
from tuning.bases import LoadedBase
from tuning.examples import Example
from tuning.forgetting import answer_losses, mean_loss
from tuning.generate import context_limit, encode_chat, generate
from tuning.likelihood import Encoded, encode_example
from tuning.priors import Prior
from tuning.prompts import render_chat, render_system
from tuning.recipe import Recipe
from tuning.search import first_parameters, next_plan
from tuning.train import encode_examples, train
from tuning.trial import TrialResult

SINGLE_RATE = 2e-4  # the usual LoRA setting of PEFT's and QLoRA's examples: this rate, alpha = 16, three epochs
SINGLE_EPOCHS = 3


@dataclass
class Said:
    """A side's replies and what they cost: milliseconds and prompt tokens an answer; for a trained side seconds, bytes and parameters."""

    replies: list[str]
    ms: float
    prompt_tokens: float
    cost: dict[str, Any] = field(default_factory=dict)


def answer_with_notes(loaded: LoadedBase, questions: Sequence[str], notes: Sequence[str]) -> Said:
    """Answers with the same lines before every question; the oldest lines are left out where they do not fit."""
    kept = list(notes)
    room = context_limit(loaded) - max((len(encode_chat(loaded, render_chat(question))) for question in questions), default=0)
    while kept and len(loaded.tokenizer(render_system(kept))["input_ids"]) > room:
        kept = kept[max(1, len(kept) // 20) :]
    return answer_chats(loaded, [render_chat(question, kept) for question in questions]) if questions else Said([], 0.0, 0.0)


def answer_chats(loaded: LoadedBase, chats: Sequence[Any]) -> Said:
    """Replies to chats with whatever adapter is active."""
    started = time.monotonic()
    replies = generate(loaded, chats)
    each = 1000 * (time.monotonic() - started) / max(1, len(chats))
    return Said(replies, each, sum(len(encode_chat(loaded, chat)) for chat in chats) / max(1, len(chats)))


def profile_lines(db: Database, profile: Profile) -> list[str]:
    """Everything that study understood of the person, oldest first: the profile in the prompt."""
    return [fact.text for fact in sorted(list_facts(db, profile.id), key=lambda fact: fact.said_at or "")]


def history_lines(db: Database, profile: Profile) -> list[str]:
    """Everything that the person wrote, oldest first: the whole history in the prompt."""
    return [message.text for message in list_messages(db, profile.id, only_me=True)]


def single_lora(loaded: LoadedBase, examples: Sequence[Example], parameters: int, seed: int) -> tuple[PeftModel, dict[str, Any]]:
    """One LoRA of about as many parameters on all feed-forward layers with the usual settings, trained on the same examples' plain questions
    and facts, without Keepsake's switches."""
    started = time.monotonic()
    model = attach(loaded, LoraPlan(("all",), 4, SINGLE_RATE, 16, SINGLE_EPOCHS), seed)
    rank = max(1, round(4 * parameters / trainable_parameters(model)))
    detach(model)
    plan = LoraPlan(("all",), rank, SINGLE_RATE, 16, SINGLE_EPOCHS)
    model = attach(loaded, plan, seed)
    plain = Recipe(value_weight=1.0, distil=0.0, early_stop=False)
    training = encode_examples(loaded, [example for example in examples if example.split == "train" and example.view == "direct"], plain)
    train(loaded, model, plan, training, [], [], seed, recipe=plain)
    return model, _cost(loaded, model, plan, started)


def milp_as_published(
    loaded: LoadedBase, db: Database, profile: Profile, trials: int, epochs: int, seed: int
) -> tuple[PeftModel, dict[str, Any]]:
    """Feed-forward LoRAs on the raw history, their number, layers and size by Bayesian optimisation of the loss on held-out messages.

    The paper's ranges, rate and budget are not published: ours serve. Each message is learnt as the text after an empty question.
    """
    started = time.monotonic()
    texts = [text for text in history_lines(db, profile) if text.strip()]
    Random(seed).shuffle(texts)
    encoded: list[Encoded] = [encode_example(loaded, render_chat(""), text) for text in texts]
    held_out, training = encoded[: max(1, len(encoded) // 10)], encoded[max(1, len(encoded) // 10) :] or encoded
    plain = Recipe(value_weight=1.0, distil=0.0, early_stop=False)
    done: list[TrialResult] = []
    best: tuple[float, LoraPlan] | None = None
    prior = Prior(first_parameters(LoraPlan(("all",), 8, 4e-3 if loaded.base.id == "pocket" else 3e-4, 16, epochs)))
    for number in range(trials):
        plan, suggested = next_plan(loaded, prior, done, epochs, seed, "gp")
        model = attach(loaded, plan, seed)
        train(loaded, model, plan, training, [], [], seed, recipe=plain)
        loss, size = mean_loss(answer_losses(loaded, held_out)), trainable_parameters(model)
        detach(model)
        done.append(TrialResult(number, {}, {"quality": -loss, "suggested": suggested}, "complete", 0.0, size))
        if best is None or loss < best[0]:
            best = (loss, plan)
    assert best is not None
    model = attach(loaded, best[1], seed)
    train(loaded, model, best[1], encoded, [], [], seed, recipe=plain)
    return model, _cost(loaded, model, best[1], started) | {"trials": trials, "held_out_loss": round(best[0], 4)}


def _cost(loaded: LoadedBase, model: PeftModel, plan: LoraPlan, started: float) -> dict[str, Any]:
    model.eval()
    weights, _ = to_bytes(model, loaded.base)
    return {
        "seconds": round(time.monotonic() - started, 1),
        "bytes": len(weights),
        "parameters": trainable_parameters(model),
        "plan": plan.describe(loaded.layers),
    }
