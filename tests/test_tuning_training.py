"""The training loop's switches: each does what it says, on a tiny real base."""

import json
import time
from random import Random

import pytest
import torch

from memory.store import Fact
from tuning import half, likelihood, step
from tuning.adapters import LoraPlan, attach, detach
from tuning.clock import worked
from tuning.distil import Lesson, lesson_loss, take_lessons, teacher_prompts
from tuning.errors import BadRecipe, OutOfMemory
from tuning.examples import Example
from tuning.half import Keeper, Loop
from tuning.kept import Epoch, Kept, Training
from tuning.likelihood import Encoded, answer_logits, encode_example, pad_batch
from tuning.prompts import NEVER_TOLD, render_chat
from tuning.recipe import Recipe, load_recipe, parse_recipe
from tuning.step import StepLoss, weighted_mean
from tuning.train import batches, choose_examples, encode_examples, train
from tuning.trial import make_task, run_trial

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
    plan = LoraPlan(rank=16, learning_rate=5e-3, alpha=32, epochs=60)
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
    plan = LoraPlan(rank=16, learning_rate=5e-3, alpha=32, epochs=10)
    training = encode_examples(tiny, [recall(f"What is my cat called{mark}") for mark in ("?", "??", ", please?", "!?")] * 4)
    model = attach(tiny, plan, seed=0)
    try:
        recipe, past = Recipe(early_stop=False), worked() - 1
        return train(tiny, model, plan, training, [], [], 0, recipe=recipe, deadline=past, least_epochs=least).epochs[-1].loss
    finally:
        detach(model)


def test_a_training_that_is_late_still_learns_in_the_epochs_that_it_must_end(tiny):
    """The learning rate had fallen to nothing at the deadline, so the epochs after it, which trial 0 always ends, taught nothing."""
    assert loss_of_a_late_training(tiny, least=10) < loss_of_a_late_training(tiny, least=0) - 0.3


def course(tiny, keeper: Keeper | None = None, stop: int = 0, prune: bool = True):
    """A trial of two phases on the tiny base, broken off after `stop` steps (0: not at all)."""
    steps = []

    def on_progress(number: int, share: float, loss: float) -> None:
        steps.append(loss)
        if len(steps) == stop:
            raise KeyboardInterrupt

    rows = [
        Example(f"What is my {word} {form}?", f"Your {word} is called Nim{number}.", "recall", split, number)
        for number, word in enumerate(("cat", "dog", "car", "boat", "sister", "garden"))
        for form, split in (("called", "train"), ("named", "train"), ("known as", "validation"))
    ]
    task = make_task(tiny, rows, Recipe(), [])
    plan = LoraPlan(rank=8, learning_rate=1e-2, alpha=16, epochs=6)
    return run_trial(task, 2, plan, 5, worked() + 300, (lambda score: False) if prune else None, None, on_progress, keeper=keeper)


@pytest.mark.parametrize("stop", [2, 5, 9])  # in the first rung, at the beginning and in the middle of the training on all
def test_a_trial_killed_in_the_middle_of_its_training_ends_bit_for_bit_as_an_unbroken_one(tiny, monkeypatch, stop):
    monkeypatch.setattr(half, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(half, "COST", 0.0)
    monkeypatch.setattr("tuning.train.TOKENS_A_BATCH", 300)  # several batches an epoch
    whole, kept = course(tiny)
    saved: list[tuple[bytes, str]] = []
    with pytest.raises(KeyboardInterrupt):
        course(tiny, Keeper(lambda data, about: saved.append((data, json.dumps(about)))), stop)
    assert len(saved) == stop and "Nim" not in saved[-1][1]
    torch.rand(7)  # the process that goes on has another past
    again, resumed = course(tiny, Keeper(lambda data, about: None, (saved[-1][0], json.loads(saved[-1][1]))))
    assert resumed.weights == kept.weights
    assert again.values == whole.values and again.values["curve"]
    other, _ = course(tiny, Keeper(lambda data, about: None, (saved[-1][0], {**json.loads(saved[-1][1]), "about": {"number": 3}})))
    assert other.values == whole.values  # what was kept of another trial is not taken up


def test_saving_waits_for_its_time_and_costs_at_most_a_fortieth(tiny, monkeypatch):
    saved = []
    keeper = Keeper(lambda data, about: (saved.append(data), time.sleep(0.05)))
    loop = Loop([], torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))]), Random(0), [], Kept([]), Training())
    keeper.note(loop, {})
    assert not saved  # too early
    monkeypatch.setattr(half, "SAVE_SECONDS", 0.0)
    keeper.note(loop, {})
    keeper.note(loop, {})
    assert len(saved) == 1 and keeper.cost >= 0.05  # the second time has to wait for 40 times the first save


def gradients(tiny, most: int, fits: int, monkeypatch, distil: float = 0.3) -> tuple[list[torch.Tensor], StepLoss]:
    """The gradients of one batch of weighted examples with lessons, where no more than `fits` examples fit into the memory."""
    real = step.due_logits

    def starved(loaded, model, examples, kept):
        if len(examples) > fits:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return real(loaded, model, examples, kept)

    monkeypatch.setattr(step, "due_logits", starved)
    model = attach(tiny, LoraPlan(rank=4), seed=0)
    try:
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.constant_(parameter, 0.02)
        batch = encode_examples(tiny, [recall("What is my cat called" + "?" * n) for n in range(1, 8)], Recipe(value_weight=3.0))
        batch[2] = encode_example(tiny, render_chat("How old is my dog?"), NEVER_TOLD)
        lessons = [Lesson(torch.zeros(len(e.answer), 2, dtype=torch.long), torch.full((len(e.answer), 2), 0.5)) for e in batch]
        lessons[3] = None
        found = step.add_gradient(tiny, model, batch, lessons, distil, most)
        return [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None], found
    finally:
        detach(model)
        monkeypatch.setattr(step, "due_logits", real)


def test_out_of_memory_halves_what_goes_at_once_and_the_gradient_stays_the_same(tiny, monkeypatch, caplog):
    whole, first = gradients(tiny, 1 << 30, 99, monkeypatch)
    assert first.most == 1 << 30 and not caplog.records
    parts, second = gradients(tiny, 1 << 30, 2, monkeypatch)
    assert second.most == 1 and [record.args for record in caplog.records] == [(7, 3), (3, 1)]
    assert torch.equal(first.rows, second.rows) and torch.allclose(first.token_losses, second.token_losses, atol=1e-5)
    assert whole and all(torch.allclose(a, b, atol=1e-5) for a, b in zip(whole, parts, strict=True))


def test_a_training_goes_on_in_parts_and_ends_in_a_sentence_where_not_even_one_example_fits(tiny, monkeypatch):
    real, fits = step.due_logits, [2]

    def starved(loaded, model, examples, kept):
        if len(examples) > fits[0]:
            raise RuntimeError(
                "[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8589934592 bytes"
            )
        return real(loaded, model, examples, kept)

    monkeypatch.setattr(step, "due_logits", starved)
    result, kept = course(tiny)
    assert kept is not None and result.values["examples_at_once"] in (1, 2)
    fits[0] = 0
    with pytest.raises(OutOfMemory, match="not suffice to train on even one example"):
        course(tiny)
    assert not any("lora" in name for name, _ in tiny.model.named_parameters())
    monkeypatch.setattr(step, "due_logits", lambda *batch: (_ for _ in ()).throw(RuntimeError("shapes cannot be multiplied")))
    with pytest.raises(RuntimeError, match="shapes"):
        course(tiny)  # another error is not taken for a lack of memory


def test_a_small_chat_is_trained_in_many_small_batches():
    few = [Encoded([1] * 40, [2] * 10) for _ in range(60)]
    many = [Encoded([1] * 40, [2] * 10) for _ in range(1200)]
    small, large = (batches(examples, range(len(examples)), Random(0)) for examples in (few, many))
    assert len(small) >= 12 and sorted(number for batch in small for number in batch) == list(range(60))
    assert {len(batch) for batch in large[:-1]} <= {24, 32, 1200 % 32} and len(large) < 45


def test_what_is_replayed_is_never_sure_enough(tiny):
    examples = [Example("Hello!", "Hello, how are you?", "neutral", "train"), Example("Who am I?", "You are Ana.", "recall", "train")]
    assert [encoded.replayed for encoded in encode_examples(tiny, examples, Recipe())] == [True, False]
    chosen = [choose_examples([0.99, 0.99, 0.1], Random(seed), [True, False, False]) for seed in range(40)]
    assert all({0, 2} <= set(numbers) for numbers in chosen) and 2 < sum(1 in numbers for numbers in chosen) < 20
