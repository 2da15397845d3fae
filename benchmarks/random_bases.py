"""Bases of real shapes with random weights, quantised to NF4 as they are made: what a GPU's speed and memory can be measured on without a download.

In: a shape and a device. Out: a `LoadedBase` that trains and answers (nonsense). The whole model never stands in memory unquantised.
"""

from typing import Any

import torch
from transformers import AutoTokenizer, Qwen3Config, Qwen3ForCausalLM

from tuning.bases import POCKET, Base, LoadedBase, feed_forward_modules, keep_cpu_gradients

# Width, layers, heads, key-value heads, inner width, vocabulary, tied: those of Qwen3-0.6B, -4B and -8B; tiny is for tests on a CPU.
SHAPES: dict[str, tuple[int, int, int, int, int, int, bool]] = {
    "tiny": (64, 2, 4, 2, 128, 8192, True),
    "0.6B": (1024, 28, 16, 8, 3072, 151_936, True),
    "4B": (2560, 36, 32, 8, 9728, 151_936, True),
    "8B": (4096, 36, 32, 8, 12_288, 151_936, False),
}


def random_base(shape: str, device: str, nf4: bool = True, seed: int = 0) -> LoadedBase:
    """A base of a shape: NF4 with double quantisation, computing in bf16 (fp32 on a CPU); or the same weights plain in fp32, dequantised."""
    width, layers, heads, pairs, inner, vocabulary, tied = SHAPES[shape]
    config = Qwen3Config(
        vocab_size=vocabulary, hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=pairs,
        head_dim=128 if width > 64 else 16, intermediate_size=inner, tie_word_embeddings=tied, max_position_embeddings=32_768,
    )  # fmt: skip
    compute = torch.bfloat16 if device == "cuda" else torch.float32
    with torch.device("meta"):
        model: Any = Qwen3ForCausalLM(config)
        model = model.to(compute)
    torch.manual_seed(seed)
    quantise(model, device, compute, nf4)
    for module in model.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if parameter.is_meta:
                made = torch.ones(parameter.shape) if parameter.ndim == 1 else torch.randn(parameter.shape, device=device) * 0.02
                setattr(module, name, torch.nn.Parameter(made.to(device, torch.float32 if not nf4 else compute), requires_grad=False))
    model.model.rotary_emb = type(model.model.rotary_emb)(config).to(device)
    if tied:
        model.lm_head.weight = model.model.embed_tokens.weight
    model.requires_grad_(False)
    model.eval()
    if nf4:
        model.is_loaded_in_4bit, model.is_quantized = True, True
        keep_cpu_gradients(model)
    tokenizer = AutoTokenizer.from_pretrained(POCKET, local_files_only=True)
    base = Base(f"random-{shape}", "random", "")
    return LoadedBase(base, model, tokenizer, device, "nf4" if nf4 else "fp32", layers, feed_forward_modules(model))


def quantise(model: Any, device: str, compute: torch.dtype, nf4: bool) -> None:
    """Give every linear layer but the head random weights in NF4, one at a time; `nf4` off: what those dequantise to, in fp32."""
    import bitsandbytes as bnb

    for path, module in list(model.named_modules()):
        if not isinstance(module, torch.nn.Linear) or path == "lm_head":
            continue
        weight = torch.randn(module.out_features, module.in_features, device=device, dtype=compute) * 0.02
        plain: Any = bnb.nn.Params4bit(weight.cpu(), requires_grad=False, quant_type="nf4", compress_statistics=True)
        quantised = plain.to(device)
        if nf4:
            made: Any = bnb.nn.Linear4bit(
                module.in_features, module.out_features, bias=False, compute_dtype=compute, quant_type="nf4", device="meta"
            )
            made.weight = quantised
            made.weight.module = made
        else:
            made = torch.nn.Linear(module.in_features, module.out_features, bias=False, device="meta")
            made.weight = torch.nn.Parameter(
                bnb.functional.dequantize_4bit(quantised.data, quantised.quant_state).float(), requires_grad=False
            )
        parent, _, name = path.rpartition(".")
        setattr(model.get_submodule(parent), name, made)
