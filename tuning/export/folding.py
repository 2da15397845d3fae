"""Joint LoRAs become one: what comes in is a PEFT model with several active LoRAs, what goes out is one LoRA of the summed rank.

The sum of scale_i * B_i A_i is [s_1 B_1, s_2 B_2, ...] times [A_1; A_2; ...]: stacking adds the ranks and changes nothing else. A module that one
of the LoRAs leaves out gets rows and columns of zeros there, so that every module has the same rank, as vLLM and llama.cpp want it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from peft import LoraConfig, PeftModel
from torch import Tensor

from tuning.errors import ExportFailed

_LAYER = re.compile(r"\.(\d+)\.")


@dataclass(frozen=True)
class Folded:
    """One LoRA: `pairs` maps a module path in the base model to its A (rank, in) and B (out, rank), fp32, with the scale inside B."""

    rank: int
    pairs: dict[str, tuple[Tensor, Tensor]]

    @property
    def leaves(self) -> list[str]:
        """Last names of the modules, such as down_proj."""
        return sorted({path.rsplit(".", 1)[-1] for path in self.pairs})

    @property
    def layers(self) -> list[int]:
        """Numbers of the layers that it reaches."""
        return sorted({layer_of(path) for path in self.pairs})

    def config(self, base: str, revision: str | None, all_layers: int) -> LoraConfig:
        """The PEFT configuration: alpha equals rank, so that the scale is 1."""
        return LoraConfig(
            task_type="CAUSAL_LM",
            r=self.rank,
            lora_alpha=self.rank,
            target_modules=self.leaves,
            layers_to_transform=None if self.layers == list(range(all_layers)) else self.layers,
            base_model_name_or_path=base,
            revision=revision,
            inference_mode=True,
        )

    def tensors(self) -> dict[str, Tensor]:
        """Named as PEFT names them in adapter_model.safetensors."""
        named = {}
        for path, (a, b) in self.pairs.items():
            named[f"base_model.model.{path}.lora_A.weight"] = a
            named[f"base_model.model.{path}.lora_B.weight"] = b
        return named


def fold(model: PeftModel) -> Folded:
    """All LoRAs of a PEFT model as one; raises ExportFailed for a kind of LoRA whose sum is not a plain one (DoRA, biases)."""
    found = dict(lora_modules(model))
    names = list(model.peft_config)
    ranks = {name: max((int(module.r[name]) for module in found.values() if name in module.r), default=0) for name in names}
    total = sum(ranks.values())
    pairs = {path: _stack(module, names, ranks) for path, module in found.items()}
    # Every leaf in every layer, so that a list of leaves and one of layers describe the LoRA completely.
    leaves, layers = {path.rsplit(".", 1)[-1] for path in pairs}, {layer_of(path) for path in pairs}
    inner: Any = model.base_model.model
    for path, module in inner.named_modules():
        if path.rsplit(".", 1)[-1] in leaves and _LAYER.search(path) and layer_of(path) in layers and path not in pairs:
            pairs[path] = (torch.zeros(total, module.in_features), torch.zeros(module.out_features, total))
    return Folded(total, dict(sorted(pairs.items())))


def lora_modules(model: PeftModel) -> Iterator[tuple[str, Any]]:
    """Path in the base model and PEFT layer of each module that carries a LoRA."""
    inner: Any = model.base_model.model
    for path, module in inner.named_modules():
        if getattr(module, "lora_A", None):
            yield path, module


def layer_of(path: str) -> int:
    """The layer number in a module path."""
    found = _LAYER.search(f".{path}.")
    if found is None:
        raise ExportFailed(f"The LoRA on {path} is outside the numbered layers: it cannot be handed over.")
    return int(found[1])


def _stack(module: Any, names: list[str], ranks: dict[str, int]) -> tuple[Tensor, Tensor]:
    rows, columns = [], []
    for name in names:
        rank = ranks[name]
        a, b = torch.zeros(rank, module.in_features), torch.zeros(module.out_features, rank)
        if name in module.lora_A:
            if module.use_dora.get(name) or module.lora_bias.get(name):
                raise ExportFailed(f"The LoRA {name} uses DoRA or a bias, which other programs do not read: inject again.")
            own = int(module.r[name])
            a[:own] = module.lora_A[name].weight.detach().float().cpu()
            b[:, :own] = module.lora_B[name].weight.detach().float().cpu() * float(module.scaling[name])
        rows.append(a)
        columns.append(b)
    return torch.cat(rows).contiguous(), torch.cat(columns, dim=1).contiguous()
