"""LoRAs that stand beside a base and not in it, so that answers with different adapters can be written in one pass (`tuning/crowd.py`).

In: a stored adapter. Out: for each of a layer's four products, two thin factors of what is added to its output. The base stays bare.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from safetensors.torch import load
from torch import Tensor

from memory.store import Adapter
from tuning.adapters import check_fits, check_tensors
from tuning.bases import LoadedBase
from tuning.errors import NoAdapter

# The four products of a layer, by what `decode.Reading` calls them, and the linear layers whose weights lie below one another in each.
PLACES = {
    "look": ("self_attn", ("q_proj", "k_proj", "v_proj")),
    "say": ("self_attn", ("o_proj",)),
    "widen": ("mlp", ("gate_proj", "up_proj")),
    "narrow": ("mlp", ("down_proj",)),
}


@dataclass(frozen=True, eq=False)
class Loras:
    """What one adapter adds: by layer and place, A (ranks, in) and B (out, ranks) with the scale in it, all LoRAs of the place as one."""

    factors: Mapping[tuple[int, str], tuple[Tensor, Tensor]]

    def add(self, number: int, place: str, states: Tensor, out: Tensor, strength: float = 1.0) -> None:
        """Add to `out` (..., out) what the adapter makes of `states` (..., in) in a layer's place, times `strength`."""
        found = self.factors.get((number, place))
        if found is None:
            return
        a, b = found
        given, sums = states.reshape(-1, states.shape[-1]), out.view(-1, out.shape[-1])
        if len(given) == 1:  # by far the quickest of the ways to multiply a single row
            sums[0].addmv_(b, torch.mv(a, given[0]), alpha=strength)
        elif sums.is_contiguous():
            sums.addmm_(given @ a.T, b.T, alpha=strength)
        else:  # of few rows `decode.product` gives the transposed
            sums.T.addmm_(b, a @ given.T, alpha=strength)

    @property
    def nbytes(self) -> int:
        """Bytes of memory that they take."""
        return sum(a.nbytes + b.nbytes for a, b in self.factors.values())


def from_stored(loaded: LoadedBase, adapter: Adapter) -> Loras:
    """The LoRAs of a stored adapter; refuses, with NoAdapter, what `adapters.from_adapter` refuses."""
    check_fits(loaded, adapter)
    return from_weights(loaded, adapter.weights, adapter.peft_config, f"Adapter {adapter.id}")


@torch.no_grad()
def from_weights(loaded: LoadedBase, weights: bytes, peft_config: Mapping[str, Any], name_of_it: str = "The adapter") -> Loras:
    """The LoRAs that `adapters.to_bytes` gave; raises NoAdapter if they do not fit this base, a Llama."""
    base: Any = loaded.model
    layers = list(base.model.layers)
    tensors = load(weights)
    shapes: dict[str, list[int]] = {}
    parts: dict[tuple[int, str], list[tuple[str, int, int, float]]] = {}  # key of the weights, first row in the product, rows, scale
    heights: dict[tuple[int, str], int] = {}
    for name, saved in peft_config["adapters"].items():
        rank, chosen, numbers = int(saved["r"]), saved["target_modules"], saved["layers_to_transform"]
        for number in range(len(layers)) if numbers is None else [numbers] if isinstance(numbers, int) else numbers:
            for place, (block, modules) in PLACES.items():
                if not 0 <= number < len(layers):
                    raise NoAdapter(f"{name_of_it} does not fit its base (it has no layer {number}).")
                first = 0
                for module in modules:
                    linear = getattr(getattr(layers[number], block), module)
                    if module in chosen:
                        key = f"{name}/base_model.model.model.layers.{number}.{block}.{module}"
                        shapes[f"{key}.lora_A.weight"] = [rank, linear.in_features]
                        shapes[f"{key}.lora_B.weight"] = [linear.out_features, rank]
                        parts.setdefault((number, place), []).append((key, first, linear.out_features, saved["lora_alpha"] / rank))
                    first += linear.out_features
                heights[number, place] = first
    check_tensors(name_of_it, shapes, tensors)
    factors = {}
    for where, found in parts.items():
        own = [(tensors[f"{key}.lora_A.weight"].float(), tensors[f"{key}.lora_B.weight"].float()) for key, *_ in found]
        a = torch.cat([a for a, _ in own])
        b = a.new_zeros(heights[where], len(a))
        column = 0
        for (_, first, rows, scale), (_, part) in zip(found, own):
            b[first : first + rows, column : column + part.shape[1]] = part * scale
            column += part.shape[1]
        factors[where] = (a, b)
    return Loras(factors)
