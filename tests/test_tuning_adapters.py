"""Adapters: several at once, proved active, exact on the way to the store and back; and the CPU trap of 4-bit weights."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load, save

from memory.store import Adapter
from tuning.adapters import LoraPlan, attach, detach, from_adapter, layer_numbers, prove_active, to_bytes, with_side
from tuning.bases import load_base, resolve_base
from tuning.errors import InactiveAdapter, NoAdapter, UnknownBase
from tuning.likelihood import encode_example
from tuning.prompts import PROMPT_VERSION, render_chat
from tuning.train import train

IDS = torch.tensor([[5, 9, 200, 301, 44, 7]])


def stir(model) -> None:
    """Give every LoRA an effect, as training does."""
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)


def stored(loaded, weights: bytes, config: dict) -> Adapter:
    return Adapter(
        1, 1, None, True, weights, config, loaded.base.id, loaded.base.revision, PROMPT_VERSION, (), {}, "", len(weights), "2026-01-01"
    )


@torch.no_grad()
def logits_of(model) -> torch.Tensor:
    return model(input_ids=IDS).logits


def test_several_loras_are_active_together_and_add_up(tiny):
    model = attach(tiny, LoraPlan(("all", "late"), rank=4), seed=0)
    stir(model)
    both = logits_of(model)
    model.base_model.set_adapter(["lora0"])
    first = logits_of(model)
    assert not torch.equal(both, first)
    assert all("gate_proj" in name or "up_proj" in name or "down_proj" in name for name, _ in model.named_parameters() if "lora_" in name)
    layers = {name.split(".layers.")[1].split(".")[0] for name, _ in model.named_parameters() if "lora_A.lora1" in name}
    assert layers == {"1"}


def test_an_adapter_comes_back_from_bytes_to_the_bit(tiny):
    model = attach(tiny, LoraPlan(("all", "early"), rank=4), seed=0)
    stir(model)
    expected = logits_of(model)
    weights, config = to_bytes(model, tiny.base)
    detach(model)
    again = from_adapter(tiny, stored(tiny, weights, config))
    assert torch.equal(logits_of(again), expected)


def test_the_base_side_and_the_detached_model_equal_the_base_bit_for_bit(tiny):
    before = logits_of(tiny.model)
    model = attach(tiny, LoraPlan(("all",), rank=4), seed=0)
    stir(model)
    with with_side(model, adapter=False):
        assert torch.equal(logits_of(model), before)
    assert not torch.equal(logits_of(model), before)
    detach(model)
    assert torch.equal(logits_of(tiny.model), before)


def test_an_adapter_of_another_base_is_refused(tiny):
    model = attach(tiny, LoraPlan(), seed=0)
    adapter = stored(tiny, *to_bytes(model, tiny.base))
    detach(model)
    with pytest.raises(NoAdapter, match="was trained on"):
        from_adapter(tiny, replace(adapter, base_revision="other"))
    with pytest.raises(NoAdapter, match="prompt version"):
        from_adapter(tiny, replace(adapter, prompt_version="0"))


def test_another_adapter_takes_the_place_of_one_that_is_worn(tiny):
    """Of the same plan by its weights alone, else in a wrapper of its own; in either case it answers as on a fresh base."""
    bare, made = logits_of(tiny.model), {}
    for name, plan in (("a", LoraPlan(("all",), 4)), ("b", LoraPlan(("all",), 4)), ("c", LoraPlan(("all", "late"), 2))):
        model = attach(tiny, plan, seed=ord(name))
        stir(model)
        torch.nn.init.normal_(next(parameter for key, parameter in model.named_parameters() if "lora_B" in key), std=0.1 * ord(name) / 97)
        made[name] = stored(tiny, *to_bytes(model, tiny.base)), logits_of(model)
        detach(model)
    worn = from_adapter(tiny, made["a"][0])
    for name, same in (("b", True), ("a", True), ("c", False), ("a", False)):
        model = from_adapter(tiny, made[name][0], worn=worn)
        assert (model is worn) == same and torch.equal(logits_of(model), made[name][1])
        worn = model
    with pytest.raises(NoAdapter, match="finite"):
        from_adapter(tiny, made["b"][0], weights=spoilt(made["b"][0].weights), worn=worn)
    assert torch.equal(logits_of(tiny.model), bare), "what does not fit leaves the base bare, not half an adapter on it"


def spoilt(weights: bytes) -> bytes:
    """The same tensors with a NaN in the last."""
    tensors = load(weights)
    tensors[sorted(tensors)[-1]].view(-1)[0] = float("nan")
    return save(tensors)


def test_an_adapter_that_does_nothing_is_found_out(tiny):
    model = attach(tiny, LoraPlan(), seed=0)
    with pytest.raises(InactiveAdapter, match="still zero"):
        prove_active(model, tiny, IDS[0].tolist())
    stir(model)
    assert prove_active(model, tiny, IDS[0].tolist())["max_logit_change"] > 0


def test_training_refuses_a_first_gradient_of_zero(tiny):
    model = attach(tiny, LoraPlan(epochs=1), seed=0)
    for name, parameter in model.named_parameters():
        if "lora_A" in name:
            torch.nn.init.zeros_(parameter)  # with A and B both zero nothing can flow
    example = encode_example(tiny, render_chat("What is my cat called?"), "Your cat is called Biscuit.")
    with pytest.raises(InactiveAdapter, match="first gradient"):
        train(tiny, model, LoraPlan(epochs=1), [example], [], [], seed=0)


def test_four_bit_weights_still_train_on_a_cpu_after_an_evaluation(tiny_folder):
    """bitsandbytes repacks 4-bit weights at the first no-grad forward on AVX512-BF16 CPUs; from then on every gradient was exactly 0."""
    loaded = load_base(resolve_base(str(tiny_folder)), "nf4")
    assert any("Linear4bit" in type(module).__name__ for module in loaded.model.modules())
    model = attach(loaded, LoraPlan(rank=4, epochs=3), seed=0)
    logits_of(model)
    example = encode_example(loaded, render_chat("What is my cat called?"), "Your cat is called Biscuit.")
    result = train(loaded, model, LoraPlan(rank=4, learning_rate=1e-2, epochs=3), [example] * 4, [example], [], seed=0)
    assert result.first_gradient > 0
    assert result.epochs[-1].loss < result.epochs[0].loss


def test_layer_sets_hold_at_least_one_layer():
    assert layer_numbers("all", 3) == [0, 1, 2]
    assert (
        layer_numbers("early", 8) == [0, 1, 2, 3]
        and layer_numbers("late", 8) == [4, 5, 6, 7]
        and layer_numbers("middle", 8) == [2, 3, 4, 5]
    )
    assert layer_numbers("late", 1) == [0]


@pytest.mark.parametrize(
    ("base", "said"),
    [("no-such-model", "pocket, a folder, or a hub model"), ("/tmp", "no config.json"), ("nobody/no-such-model", "hub was not reached")],
)
def test_a_base_that_cannot_be_had_is_explained(base: str, said: str):
    with pytest.raises(UnknownBase, match=said):
        load_base(resolve_base(base))


def test_a_folder_with_pickled_weights_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(UnknownBase, match="safetensors"):
        resolve_base(str(tmp_path))
