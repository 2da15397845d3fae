"""Keepsake's own pass for answers gives what transformers' gives: logits to within rounding, and the same answers, on the real embedded base."""

import pytest
import torch
from peft.helpers import rescale_adapter_scale

from tuning import decode
from tuning.adapters import LoraPlan, attach, detach
from tuning.decode import next_logits
from tuning.generate import generate
from tuning.prompts import render_chat
from tuning.speed import with_speed

CLOSE = 2e-3  # of logits up to about 30 in absolute terms
QUESTIONS = (
    "What is my cat called?",
    "Where do I live?",
    "Tell me a story about the sea.",
    "Hi!",
    "Who is my dentist, the one I went to last spring?",
)
NOTES = ("Your cat is called Biscuit.", "You live in Vellmar, near the old mill.")


@pytest.fixture
def passes(monkeypatch):
    """How often Keepsake's own pass was taken."""
    taken, real = [], decode.Reading
    monkeypatch.setattr(decode, "Reading", lambda *given: taken.append(1) or real(*given))
    return taken


def both_ways(read):
    """The same reading in our own pass and in transformers'."""
    with with_speed(decode=True):
        ours = read()
    with with_speed(decode=False):
        theirs = read()
    return ours, theirs


def test_a_prompt_and_what_follows_it_token_by_token_and_several_at_once(pocket, model, passes):
    ids = torch.tensor([pocket.tokenizer("The quick brown fox sees an old mill in Vellmar, and so do I.")["input_ids"]])

    def read():
        found, cache = [], None
        for part in (ids[:, :6], ids[:, 6:7], ids[:, 7:8], ids[:, 8:]):
            logits, cache = next_logits(pocket, part, cache)
            found.append(logits)
        return torch.stack(found)

    ours, theirs = both_ways(read)
    assert len(passes) == 4 and torch.allclose(ours, theirs, atol=CLOSE) and ours.shape[-1] == pocket.model.config.vocab_size
    with model.disable_adapter():
        bare, theirs = both_ways(read)
    assert torch.allclose(bare, theirs, atol=CLOSE) and not torch.allclose(bare, ours, atol=0.1)
    with rescale_adapter_scale(model, 0.5):
        weaker, theirs = both_ways(read)
    assert torch.allclose(weaker, theirs, atol=CLOSE) and not torch.allclose(weaker, ours, atol=0.1)


def test_padding_on_the_left_and_an_adapter_on_some_rows(pocket, model):
    ids = torch.tensor([[0, 0, 0, 5, 9, 200], [301, 44, 7, 5, 9, 200], [0, 44, 7, 5, 9, 200]])
    mask = torch.tensor([[0, 0, 0, 1, 1, 1], [1] * 6, [0, 1, 1, 1, 1, 1]])
    positions = (mask.cumsum(1) - 1).clamp(min=0)

    def read():
        first, cache = next_logits(pocket, ids, None, mask, positions, model, [True, False, 0.5])
        more = torch.cat([mask, torch.ones(3, 1, dtype=torch.long)], 1)
        second, _ = next_logits(pocket, torch.tensor([[8], [9], [10]]), cache, more, positions[:, -1:] + 1, model, [True, False, 0.5])
        return torch.stack([first, second])

    ours, theirs = both_ways(read)
    assert torch.isfinite(ours).all() and torch.allclose(ours, theirs, atol=CLOSE)
    with model.disable_adapter():
        bare, _ = next_logits(pocket, ids[1:2], None)
    assert torch.allclose(ours[0, 1], bare[0], atol=CLOSE), "the bare row is the bare base"
    alone, _ = next_logits(pocket, ids[:1, 3:], None)
    assert torch.allclose(ours[0, 0], alone[0], atol=CLOSE), "what stands left of a row does not reach it"


@pytest.mark.parametrize("adapted", [True, False])
def test_answers_are_the_same(pocket, model, passes, adapted):
    chats = [render_chat(question, notes) for question in QUESTIONS for notes in ((), NOTES)]
    if not adapted:
        model.base_model.disable_adapter_layers()
    ours, theirs = both_ways(lambda: generate(pocket, chats, 24))
    assert passes and ours == theirs and len(set(ours)) > 3


def test_what_our_pass_cannot_do_goes_transformers_way(pocket, passes):
    model = attach(pocket, LoraPlan(("all",), rank=4, targets="all"), seed=0)  # LoRAs on the attention too
    try:
        assert len(generate(pocket, [render_chat("Hi!")], 3)) == 1 and not passes
    finally:
        detach(model)
    assert generate(pocket, [render_chat("Hi!")], 3) and passes
