"""LoRA adapters around a frozen base: several at once, always active together; as bytes for the store and back.

In: a `LoadedBase` and a `LoraPlan`. Out: a PEFT model whose LoRAs `lora0`, `lora1`, ... sum up in the layers they share.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from peft.helpers import rescale_adapter_scale
from safetensors.torch import load, save

from memory.store import Adapter
from tuning.bases import Base, LoadedBase, attention_modules
from tuning.errors import InactiveAdapter, NoAdapter
from tuning.prompts import PROMPT_VERSION

LAYER_SETS = ("all", "early", "middle", "late")
KEPT_KEYS = ("r", "lora_alpha", "target_modules", "layers_to_transform", "task_type")  # of a LoRA's configuration


@dataclass(frozen=True)
class LoraPlan:
    """MiLP's three axes and the learning rate: one layer set a LoRA (their number is the number of LoRAs), a common rank.

    `alpha` is the LoRA scaling numerator (scale = alpha / rank, arXiv 2106.09685); `epochs` bounds the training; `targets` are the feed-forward
    layers ("ffn", MiLP's and the default), the attention projections, or all linear layers.
    """

    layer_sets: tuple[str, ...] = ("all",)
    rank: int = 8
    learning_rate: float = 3e-3
    alpha: int = 16
    epochs: int = 10
    targets: str = "ffn"

    @property
    def lora_count(self) -> int:
        """Number of LoRAs trained jointly."""
        return len(self.layer_sets)

    def describe(self, layers: int) -> dict[str, Any]:
        """The plan with its layer numbers, as the command line and the page show it."""
        chosen = [layer_numbers(name, layers) for name in self.layer_sets]
        return {"lora_count": self.lora_count, "layers": chosen, "rank": self.rank, "learning_rate": self.learning_rate} | {
            "layer_sets": list(self.layer_sets),
            "alpha": self.alpha,
            "epochs": self.epochs,
            "targets": self.targets,
        }


def layer_numbers(name: str, layers: int) -> list[int]:
    """Layers of a set: all of them, or the first, middle or last half (at least one)."""
    half = max(1, layers // 2)
    start = {"all": 0, "early": 0, "middle": (layers - half) // 2, "late": layers - half}[name]
    return list(range(layers)) if name == "all" else list(range(start, start + half))


def attach(loaded: LoadedBase, plan: LoraPlan, seed: int) -> PeftModel:
    """Put fresh LoRAs of `plan` on the feed-forward layers, all trainable; their output starts at zero."""
    torch.manual_seed(seed)
    configs = {f"lora{index}": _lora_config(loaded, plan, name) for index, name in enumerate(plan.layer_sets)}
    return _wrap(loaded, configs)


def target_modules(loaded: LoadedBase, targets: str) -> list[str]:
    """The leaf names of the linear layers that LoRAs are put on."""
    if targets == "ffn":
        return loaded.targets
    attention = attention_modules(loaded.model)
    return attention if targets == "attention" else [*loaded.targets, *attention]


def _lora_config(loaded: LoadedBase, plan: LoraPlan, layer_set: str) -> LoraConfig:
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=plan.rank,
        lora_alpha=plan.alpha,
        target_modules=target_modules(loaded, plan.targets),
        layers_to_transform=layer_numbers(layer_set, loaded.layers),
    )


def _wrap(loaded: LoadedBase, configs: dict[str, LoraConfig]) -> PeftModel:
    names = list(configs)
    model: Any = get_peft_model(loaded.model, configs[names[0]], adapter_name=names[0])
    for name in names[1:]:
        model.add_adapter(name, configs[name])
    model.base_model.set_adapter(names)
    for parameter_name, parameter in model.named_parameters():
        parameter.requires_grad_("lora_" in parameter_name)
    return model


def detach(model: PeftModel) -> None:
    """Take the LoRAs off again; the base is then bit for bit what it was."""
    model.unload()


def take_off(model: PeftModel | None) -> None:
    """`detach`, of a base that may wear nothing."""
    if model is not None:
        detach(model)


@contextmanager
def with_side(model: PeftModel | None, adapter: float) -> Iterator[None]:
    """Answer with the adapter as strong as that: 1 as trained, 0 as the bare base, between them its LoRAs' scale times it."""
    if model is None or adapter == 1:
        yield
        return
    with rescale_adapter_scale(model, float(adapter)) if adapter else model.disable_adapter():
        yield


def trainable_parameters(model: PeftModel) -> int:
    """Number of LoRA parameters."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def to_bytes(model: PeftModel, base: Base) -> tuple[bytes, dict[str, Any]]:
    """Safetensors bytes of all LoRAs (keys prefixed with their name) and their PEFT configurations, which name the base by its id."""
    tensors, configs = {}, {}
    for name, config in model.peft_config.items():
        state = get_peft_model_state_dict(model, adapter_name=name)
        tensors.update({f"{name}/{key}": tensor.detach().cpu().contiguous() for key, tensor in state.items()})
        configs[name] = json.loads(json.dumps(config.to_dict(), default=_jsonable))
        configs[name] |= {"base_model_name_or_path": base.id, "revision": base.revision}  # not a path of this machine
    return save(tensors), {"adapters": configs}


def _jsonable(value: Any) -> Any:
    return sorted(value) if isinstance(value, set) else getattr(value, "value", None) or asdict(value)


def from_adapter(loaded: LoadedBase, adapter: Adapter, weights: bytes | None = None, worn: PeftModel | None = None) -> PeftModel:
    """The model with a stored adapter (or with `weights` of the same shape); refuses one of another base, revision or prompt version.

    `worn` is the base with another adapter around it, which gives way: of the same plan its weights are overwritten, else it is taken off.
    """
    try:
        check_fits(loaded, adapter)
    except NoAdapter:
        take_off(worn)
        raise
    return from_bytes(loaded, weights or adapter.weights, adapter.peft_config, f"Adapter {adapter.id}", worn)


def check_fits(loaded: LoadedBase, adapter: Adapter) -> None:
    """Raises NoAdapter for an adapter of another base, revision or prompt version than those in use."""
    if (adapter.base_id, adapter.base_revision) != (loaded.base.id, loaded.base.revision):
        raise NoAdapter(
            f"Adapter {adapter.id} was trained on {adapter.base_id} ({adapter.base_revision}), the base loaded is {loaded.base.id} "
            f"({loaded.base.revision}): inject again on this base."
        )
    if adapter.prompt_version != PROMPT_VERSION:
        raise NoAdapter(f"Adapter {adapter.id} was trained with prompt version {adapter.prompt_version}: inject again.")


def from_bytes(
    loaded: LoadedBase, weights: bytes, peft_config: dict[str, Any], name_of_it: str = "The adapter", worn: PeftModel | None = None
) -> PeftModel:
    """The model with the LoRAs that `to_bytes` gave, ready to answer; raises NoAdapter if they do not fit this base, which is then bare."""
    configs = {name: LoraConfig(**{key: saved[key] for key in KEPT_KEYS}) for name, saved in peft_config["adapters"].items()}
    model = _wrap_again(loaded, configs, worn)
    try:
        _fill(model, load(weights), name_of_it)
    except BaseException:
        detach(model)
        raise
    model.eval()
    return model


def _wrap_again(loaded: LoadedBase, configs: dict[str, LoraConfig], worn: PeftModel | None) -> PeftModel:
    """LoRAs of these plans, in the places of those that the base wears where they have the same plans (building them takes most of a swap)."""
    if worn is not None and {name: _shape(config) for name, config in worn.peft_config.items()} == {
        name: _shape(config) for name, config in configs.items()
    }:
        return worn
    take_off(worn)
    return _wrap(loaded, configs)


def _shape(config: Any) -> list[Any]:
    """What decides where a LoRA's tensors stand, how large they are and how they act."""
    return [sorted(value) if isinstance(value, (set, list)) else value for value in (getattr(config, key) for key in KEPT_KEYS)]


@torch.no_grad()
def _fill(model: PeftModel, tensors: dict[str, torch.Tensor], name_of_it: str) -> None:
    """Copy saved weights into the LoRAs of a model, once all of them are found to fit."""
    places: dict[str, torch.Tensor] = {}
    for name in model.peft_config:
        # PEFT gives the very tensors that act, not copies of them.
        places |= {f"{name}/{key}": tensor for key, tensor in get_peft_model_state_dict(model, adapter_name=name).items()}
    check_tensors(name_of_it, {key: tensor.shape for key, tensor in places.items()}, tensors)
    for key, place in places.items():
        place.copy_(tensors[key])


def check_tensors(name_of_it: str, expected: Mapping[str, Sequence[int]], own: Mapping[str, torch.Tensor]) -> None:
    """Raises NoAdapter for weights that an adapter of this plan cannot have: other names or shapes, whole numbers, NaN or infinity."""
    differing = sorted(set(expected) ^ set(own))
    if differing:
        raise NoAdapter(f"{name_of_it} does not fit its base ({len(differing)} tensors differ, such as {differing[0]}).")
    for key, tensor in own.items():
        if list(tensor.shape) != list(expected[key]):
            raise NoAdapter(f"{name_of_it} does not fit its base ({key} is {list(tensor.shape)}, not {list(expected[key])}).")
        if not tensor.is_floating_point() or not torch.isfinite(tensor).all():
            raise NoAdapter(f"{name_of_it} holds weights that are no finite numbers ({key}): it is damaged, inject again.")


@torch.no_grad()
def prove_active(model: PeftModel, loaded: LoadedBase, probe: list[int]) -> dict[str, float]:
    """Show that the adapter acts: every tensor finite and moved from its start, logits differ from the base's; else InactiveAdapter.

    Returns the largest change of a logit on the probe (token ids) and the number of LoRA tensors.
    """
    count = 0
    for name, parameter in model.named_parameters():
        if "lora_" not in name:
            continue
        count += 1
        if not torch.isfinite(parameter).all():
            raise InactiveAdapter(f"The LoRA tensor {name} holds numbers that are not finite: try a lower learning rate.")
        if "lora_B" in name and not parameter.any():
            raise InactiveAdapter(f"The LoRA tensor {name} is still zero after training: it got no gradient.")
    ids = torch.tensor([probe], device=loaded.model.device)
    with_adapter = model(input_ids=ids).logits
    with model.disable_adapter():
        without = model(input_ids=ids).logits
    change = float((with_adapter - without).abs().max())
    if change == 0.0:
        raise InactiveAdapter("The trained adapter does not change the model's answers: it is not attached to the layers that run.")
    return {"max_logit_change": change, "tensors": float(count)}
