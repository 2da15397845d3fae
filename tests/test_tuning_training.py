"""The training loop's switches: each does what it says, on a tiny real base."""

import time

import pytest
import torch

from memory.store import Fact
from tuning import likelihood
from tuning.adapters import LoraPlan, attach, detach
from tuning.distil import lesson_loss, take_lessons, teacher_prompts
from tuning.errors import BadRecipe
from tuning.examples import Example
from tuning.likelihood import answer_logits, encode_example, pad_batch
from tuning.prompts import NEVER_TOLD, render_chat
from tuning.recipe import Recipe, load_recipe, parse_recipe
from tuning.train import Epoch, Kept, encode_examples, train, weighted_mean

FACT = Fact(1, "Your cat is called Biscuit.", None, "study", "active", None, None, "")


def recall(question: str, split: str = "train") -> Example:
    return Example(question, FACT.text, "recall", split, 1)


def test_a_prompt_that_all_rows_share_is_computed_once_and_changes_nothing(tiny, monkeypatch):
    model = attach(tiny, LoraPlan(rank=4), seed=0)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)
    pairs = [
        ("What is my cat called?", FACT.text),
        ("Where do I live now, again?", "You live in Vellmar."),
        ("And my rent?", "It is 940 euros."),
    ]
    batch = pad_batch(tiny, [encode_example(tiny, render_chat(ask), answer) for ask, answer in pairs])
    found = []
    for least in (10_000, likelihood.SHARED_LEAST):
        monkeypatch.setattr(likelihood, "SHARED_LEAST", least)
        model.zero_grad()
        logits, tokens, _ = answer_logits(model, *batch)
        torch.nn.functional.cross_entropy(logits, tokens).backward()
        found.append((logits.detach(), [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]))
    (apart, apart_grads), (shared, shared_grads) = found
    assert likelihood.shared_prefix(batch[0], 50) > 8
    assert torch.allclose(apart, shared, atol=1e-4)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(apart_grads, shared_grads))


def test_the_words_that_carry_an_answer_weigh_more(tiny):
    encoded = encode_examples(tiny, [recall("What is my cat called?")], Recipe(value_weight=3.0))[0]
    heavy = "".join(tiny.tokenizer.decode([token]) for token, weight in zip(encoded.answer, encoded.weights) if weight == 3.0)
    assert heavy.strip() == "Biscuit" and encoded.weights[-1] == 1.0
    losses = torch.ones(len(encoded.answer))
    losses[encoded.weights.index(3.0)] = 2.0
    assert weighted_mean(losses, [encoded]) > losses.mean()


def test_the_teacher_reads_the_facts_and_only_teaches_what_it_gets_right(tiny):
    example = recall("What is my cat called?")
    assert teacher_prompts([example, Example("hello", "Hi!", "neutral", "train")], [FACT])[0] == [FACT.text]
    lessons = take_lessons(tiny, [example], [FACT], top=4)
    assert lessons == [None]  # an untrained base does not give the answer, so it teaches nothing
    logits, rows = torch.zeros(3, 10, requires_grad=True), torch.tensor([0, 0, 1])
    assert float(lesson_loss(logits, rows, [None, None])) == 0.0


def test_lessons_of_a_base_that_knows_pull_the_student_towards_it(pocket):
    facts = [FACT]
    example = recall("What is my cat called?")
    lessons = take_lessons(pocket, [example], facts, top=8)
    if lessons[0] is None:
        pytest.skip("this pocket does not answer from its prompt, so there is nothing to check")
    logits, _, rows = answer_logits(pocket.model, *pad_batch(pocket, encode_examples(pocket, [example])))
    ideal = torch.full_like(logits, -30.0).scatter(1, lessons[0].tokens, lessons[0].chances.clamp_min(1e-9).log())
    assert lesson_loss(ideal, rows, lessons) < lesson_loss(logits, rows, lessons)


def test_the_best_epoch_is_kept_and_put_back():
    weight = torch.nn.Parameter(torch.zeros(2))
    kept = Kept([weight])
    for number, recall_share in ((1, 0.4), (2, 0.8), (3, 0.5)):
        with torch.no_grad():
            weight.fill_(number)
        kept.note(Epoch(number, 0.1, recall_share, 1.0))
    assert kept.restore() == 2 and weight.tolist() == [2.0, 2.0]


def test_training_stops_once_held_out_questions_are_answered(tiny):
    plan = LoraPlan(rank=16, learning_rate=2e-2, alpha=32, epochs=60)
    model = attach(tiny, plan, seed=0)
    training = encode_examples(tiny, [recall(f"What is my cat called{mark}") for mark in ("?", "??", ", please?")])
    training += [encode_example(tiny, render_chat("How old is my dog?"), NEVER_TOLD)] * 3
    try:
        result = train(tiny, model, plan, training, training[:1], training[-1:], seed=0)
        assert result.stopped and result.best and len(result.epochs) < 60
        assert result.epochs[-1].recall == 1.0
    finally:
        detach(model)


@pytest.mark.parametrize("word", ["distil", "nothing=1", "distil=much", "views=dreams", "early_stop=perhaps", "replay=-1"])
def test_a_wrong_switch_is_explained(word: str):
    with pytest.raises(BadRecipe):
        parse_recipe([word])


def test_switches_are_read_and_stored():
    recipe = parse_recipe(["distil=0.5", "early_stop=no", "views=reversal,yes_no", "questions_a_fact=3"])
    assert (recipe.distil, recipe.early_stop, recipe.views, recipe.questions_a_fact) == (0.5, False, ("reversal", "yes_no"), 3)
    assert load_recipe(recipe.row()) == recipe and load_recipe({"later": 1}) == Recipe() and parse_recipe(["views="]).views == ()


def loss_of_a_late_training(tiny, least: int) -> float:
    """The loss after ten epochs that all lie past the deadline."""
    plan = LoraPlan(rank=16, learning_rate=2e-2, alpha=32, epochs=10)
    training = encode_examples(tiny, [recall(f"What is my cat called{mark}") for mark in ("?", "??", ", please?", "!?")] * 4)
    model = attach(tiny, plan, seed=0)
    try:
        recipe, past = Recipe(early_stop=False), time.monotonic() - 1
        return train(tiny, model, plan, training, [], [], 0, recipe=recipe, deadline=past, least_epochs=least).epochs[-1].loss
    finally:
        detach(model)


def test_a_training_that_is_late_still_learns_in_the_epochs_that_it_must_end(tiny):
    """The learning rate had fallen to nothing at the deadline, so the epochs after it, which trial 0 always ends, taught nothing."""
    assert loss_of_a_late_training(tiny, least=10) < loss_of_a_late_training(tiny, least=0) - 0.3
