"""A LoRA as a GGUF file, which llama.cpp puts on a GGUF of the same base; written and read with the `gguf` package.

In: a folded LoRA and the base's model type. Out: `adapter.gguf` (fp32, so that nothing is lost), and back again for the proof.
"""

from pathlib import Path
from typing import Any

import gguf
import torch

from tuning.errors import ExportFailed
from tuning.export.folding import Folded

# model_type of transformers -> architecture of llama.cpp; only those whose feed-forward weights llama.cpp keeps as they are.
ARCHITECTURES = {
    "llama": gguf.MODEL_ARCH.LLAMA, "mistral": gguf.MODEL_ARCH.LLAMA, "qwen2": gguf.MODEL_ARCH.QWEN2, "qwen3": gguf.MODEL_ARCH.QWEN3,
    "smollm3": gguf.MODEL_ARCH.SMOLLM3, "phi3": gguf.MODEL_ARCH.PHI3, "gemma2": gguf.MODEL_ARCH.GEMMA2, "gemma3_text": gguf.MODEL_ARCH.GEMMA3,
}  # fmt: skip


def architecture(model_type: str) -> gguf.MODEL_ARCH:
    """llama.cpp's architecture for a model type; raises ExportFailed for one that was not looked at."""
    if model_type not in ARCHITECTURES:
        raise ExportFailed(
            f'No GGUF adapter is written for bases of type "{model_type}"; known are {", ".join(ARCHITECTURES)}. Use --to peft.'
        )
    return ARCHITECTURES[model_type]


def write_gguf(path: Path, folded: Folded, model_type: str, layers: int, name: str, base: str) -> None:
    """Write the LoRA; each module's A and B get llama.cpp's name of the weight with `.lora_a` and `.lora_b` behind it."""
    arch = architecture(model_type)
    names = gguf.get_tensor_name_map(arch, layers)
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[arch])
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_name(name)
    writer.add_description(f"Keepsake adapter for {base}")
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(folded.rank))  # llama.cpp scales by alpha / rank
    for module, (a, b) in folded.pairs.items():
        weight = names.get_name(f"{module}.weight", try_suffixes=(".weight",))
        if weight is None or ".attn_" in weight:
            raise ExportFailed(f"llama.cpp has no feed-forward weight for {module}: use --to peft.")
        writer.add_tensor(f"{weight}.lora_a", a.numpy())
        writer.add_tensor(f"{weight}.lora_b", b.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read_gguf(path: Path, modules: list[str], layers: int, model_type: str) -> Folded:
    """The LoRA as `gguf`'s own reader finds it in the file, under the module paths of the base; raises ExportFailed if it is not whole."""
    reader = gguf.GGUFReader(path)
    if _field(reader, "general.type") != "adapter" or _field(reader, gguf.Keys.Adapter.TYPE) != "lora":
        raise ExportFailed(f"{path} is not a LoRA adapter in GGUF form.")
    names = gguf.get_tensor_name_map(architecture(model_type), layers)
    tensors = {tensor.name: torch.from_numpy(tensor.data.copy()) for tensor in reader.tensors}
    pairs = {}
    for module in modules:
        weight = names.get_name(f"{module}.weight", try_suffixes=(".weight",))
        if f"{weight}.lora_a" not in tensors or f"{weight}.lora_b" not in tensors:
            raise ExportFailed(f"{path} lacks the LoRA of {module}.")
        pairs[module] = (tensors[f"{weight}.lora_a"], tensors[f"{weight}.lora_b"])
    rank = next(iter(pairs.values()))[0].shape[0]
    scale = float(_field(reader, gguf.Keys.Adapter.LORA_ALPHA)) / rank
    return Folded(rank, {module: (a, b * scale) for module, (a, b) in pairs.items()})


def _field(reader: gguf.GGUFReader, key: str) -> Any:
    found = reader.get_field(key)
    return found.contents() if found else None
