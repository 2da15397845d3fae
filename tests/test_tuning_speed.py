"""What makes training fast changes no result: losses, gradients and answers with each switch on and off, on the real embedded base."""

from dataclasses import fields

import pytest
import torch
from torch.nn.functional import cross_entropy

from tuning import joint
from tuning.adapters import LoraPlan, attach, detach
from tuning.frozen import FrozenStates
from tuning.kept import WHOLE
from tuning.likelihood import certainty, due_logits, encode_example, shared_tokens
from tuning.prompts import render_chat
from tuning.speed import Speed, speed, with_speed
from tuning.step import add_gradient

LOGITS, GRADIENTS = 2e-3, 2e-4  # of logits up to about 30 in absolute terms, of gradients relative to their norm
PAIRS = (
    ("What is my cat called?", "Your cat is called Biscuit."),
    ("Where do I live?", "You live in Vellmar, near the old mill."),
    ("And my rent?", "It is 940 euros."),
    ("Who is my dentist, the one I went to last spring?", "You have never told me that."),
)
OFF = [field.name for field in fields(Speed) if field.name not in ("pair", "conversation")]


def batch_of(loaded, pairs=PAIRS, notes=()):
    return [encode_example(loaded, render_chat(ask, notes), answer, 2.0, ask) for ask, answer in pairs]


@pytest.fixture
def adapted(pocket):
    """The embedded base with LoRAs that act, of any layer sets."""
    made = []

    def make(*layer_sets: str, targets: str = "ffn"):
        model = attach(pocket, LoraPlan(layer_sets or ("all",), rank=4, targets=targets), seed=0)
        made.append(model)
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.05)
        return model

    yield make
    for model in made:
        detach(model)
    pocket.frozen.clear()


def gradient(loaded, model, batch):
    model.zero_grad()
    found = add_gradient(loaded, model, batch, [], 0.0, WHOLE)
    return found, torch.cat([parameter.grad.flatten() for parameter in model.parameters() if parameter.grad is not None])


@pytest.mark.parametrize("layer_sets", [("all",), ("early",), ("middle", "late"), ("late",), ("all", "late", "all")])
def test_losses_and_gradients_are_the_same_with_everything_on_and_off(pocket, adapted, layer_sets):
    model, batch = adapted(*layer_sets), batch_of(pocket)
    with with_speed(**dict.fromkeys(OFF, False)):
        plain, plain_gradient = gradient(pocket, model, batch)
    for _ in range(2):  # the second time from kept states
        fast, fast_gradient = gradient(pocket, model, batch)
        assert torch.equal(plain.rows, fast.rows) and torch.allclose(plain.token_losses, fast.token_losses, atol=LOGITS)
        assert (plain_gradient - fast_gradient).norm() <= GRADIENTS * plain_gradient.norm()
    assert pocket.frozen.states


@pytest.mark.parametrize("switch", OFF)
def test_each_switch_alone_changes_no_gradient(pocket, adapted, switch):
    model, batch = adapted("middle"), batch_of(pocket)
    _, everything = gradient(pocket, model, batch)
    with with_speed(**{switch: False}):
        _, without = gradient(pocket, model, batch)
    assert (everything - without).norm() <= GRADIENTS * everything.norm() and speed() == Speed()


def test_a_few_steps_end_at_the_same_weights(pocket, adapted):
    ends = []
    for switches in ({}, dict.fromkeys(OFF, False)):
        model = adapted("all")
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.SGD(parameters, lr=0.05)
        with with_speed(**switches):
            for start in (0, 1, 0):
                gradient(pocket, model, batch_of(pocket)[start : start + 3])
                optimizer.step()
        ends.append(torch.cat([parameter.detach().flatten().clone() for parameter in parameters]))
        detach(model)
    assert (ends[0] - ends[1]).norm() <= 1e-4 * ends[1].norm()


def test_kept_states_serve_other_batches_and_are_not_taken_for_another_layer(pocket, adapted):
    batch = [*batch_of(pocket), *batch_of(pocket, PAIRS[:2], ["You live in Vellmar.", "Your cat is called Biscuit."])]
    for layer_set in ("late", "middle", "late"):
        model = adapted(layer_set)
        for rows in ([0, 1, 2, 3], [4, 5, 0], [1, 5, 2], [3], [4, 5]):
            chosen = [batch[row] for row in rows]
            apart = due_logits(pocket, model, chosen)[0]
            assert torch.allclose(apart, due_logits(pocket, model, chosen, pocket.frozen)[0], atol=LOGITS)
        detach(model)


def test_what_is_kept_of_an_example_does_not_depend_on_its_batch(pocket, adapted):
    model, batch, kept = adapted("late"), batch_of(pocket), []
    for rows in ([0, 1, 2, 3], [3, 0, 0, 0]):
        states = FrozenStates()
        due_logits(pocket, model, [batch[row] for row in rows], states)
        tokens = (*batch[0].prompt, *batch[0].answer[:-1])
        kept.append(next(found for (_, key), (_, found) in states.states.items() if key == tokens))
    size = min(map(len, kept))
    assert torch.equal(kept[0][-size:], kept[1][-size:])


def test_a_budget_bounds_what_is_kept(pocket, adapted):
    model, small = adapted("late"), FrozenStates(budget=100_000)
    for _ in range(2):
        logits = due_logits(pocket, model, batch_of(pocket), small)[0]
        assert torch.allclose(logits, due_logits(pocket, model, batch_of(pocket))[0], atol=LOGITS)
    assert 0 < small.used <= 100_000
    small.clear()
    assert not small.states and small.used == 0


def test_held_out_questions_are_judged_the_same(pocket, adapted):
    model, batch = adapted("all"), batch_of(pocket) * 2
    fast = certainty(pocket, model, batch, kept=pocket.frozen)
    with with_speed(joint=False):
        plain = certainty(pocket, model, batch)
    assert [right for right, _ in fast] == [right for right, _ in plain]
    assert all(abs(a - b) < 1e-4 for (_, a), (_, b) in zip(fast, plain))
    with model.disable_adapter():
        bare = certainty(pocket, model, batch)
    detach(model)
    assert all(abs(a - b) < 1e-5 for (_, a), (_, b) in zip(bare, certainty(pocket, pocket.model, batch)))


def test_what_the_own_pass_does_not_know_goes_the_general_way(pocket, adapted):
    assert joint.fits(pocket.model) and joint.fits(adapted("all"))
    model = adapted("all", targets="all")  # LoRAs on attention too
    assert not joint.fits(model)
    logits, tokens, _ = due_logits(pocket, model, batch_of(pocket))
    assert cross_entropy(logits, tokens).isfinite()


def test_the_base_is_bit_for_bit_what_it_was(tiny, tmp_path):
    before = {name: tensor.clone() for name, tensor in tiny.model.state_dict().items()}
    model = attach(tiny, LoraPlan(rank=2), seed=0)
    add_gradient(tiny, model, batch_of(tiny), [], 0.0, WHOLE)
    detach(model)
    after = tiny.model.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    tiny.model.save_pretrained(tmp_path)  # weights that share memory are written once each
    again = type(tiny.model).from_pretrained(tmp_path).state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in before.items())


def test_prompts_share_what_all_of_them_begin_with_but_never_their_last_token():
    assert shared_tokens([[1] * 9 + [2, 5], [1] * 9 + [3], [1] * 9 + [2, 4]]) == 9
    assert shared_tokens([[1] * 9, [1] * 12, [1] * 10]) == 8
    assert shared_tokens([[1] * 9 + [2]] * 2) == 0  # two rows: not worth it
