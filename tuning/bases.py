"""Base models: which one is meant, what it needs, and how it is loaded.

In: an id (`pocket`, a folder, or `owner/name@revision` of a hub). Out: a `LoadedBase`, frozen, with its tokenizer.
A hub is only ever reached for an id that the user typed; everything else is offline.
"""

import hashlib
import os
import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from memory.loading import LOADING
from tuning.errors import UnknownBase
from tuning.frozen import FrozenStates

POCKET = Path(__file__).resolve().parents[1] / "pocket" / "weights"
PRECISIONS = ("auto", "fp32", "bf16", "nf4")


@dataclass(frozen=True)
class Suggestion:
    """A hub model that the app may propose; memory in GiB for NF4 weights, adapter and training."""

    id: str
    parameters: str
    licence: str
    memory: float


# Apache- or MIT-licensed instruct models; the memory column is an estimate (0.7 bytes a parameter for NF4 with its scales, plus
# activations and optimiser for a rank-16 adapter), checked against a real GPU only where docs/bases.md says so.
SUGGESTIONS = (
    Suggestion("Qwen/Qwen3-0.6B", "0.6 B", "Apache-2.0", 2.0),
    Suggestion("HuggingFaceTB/SmolLM2-1.7B-Instruct", "1.7 B", "Apache-2.0", 3.5),
    Suggestion("Qwen/Qwen3-4B-Instruct-2507", "4 B", "Apache-2.0", 6.5),
    Suggestion("mistralai/Mistral-7B-Instruct-v0.3", "7 B", "Apache-2.0", 9.5),
    Suggestion("Qwen/Qwen3-8B", "8 B", "Apache-2.0", 11.0),
)


@dataclass(frozen=True)
class Base:
    """A base model that was found: `revision` names its exact content, `source` is what transformers loads."""

    id: str
    revision: str
    source: str
    hub: bool = False


@dataclass
class LoadedBase:
    """A base in memory. `model` is the plain transformers model; adapters are put around it by `adapters.py`."""

    base: Base
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    device: str
    precision: str
    layers: int
    targets: list[str] = field(default_factory=list)
    frozen: FrozenStates = field(default_factory=FrozenStates, repr=False)


def resolve_base(base_id: str | None = None) -> Base:
    """The base that an id means; raises UnknownBase with what is possible."""
    base_id = base_id or "pocket"
    if base_id == "pocket":
        return Base("pocket", _content_hash(POCKET), str(POCKET))
    folder = Path(base_id).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").exists():
            raise UnknownBase(f'The folder "{folder}" holds no config.json: give the folder of a saved transformers model.')
        if not list(folder.glob("*.safetensors")):
            raise UnknownBase(f'The folder "{folder}" holds no .safetensors weights: save the model with safetensors first.')
        return Base(str(folder.resolve()), _content_hash(folder), str(folder.resolve()))
    name, _, revision = base_id.partition("@")
    if re.fullmatch(r"[\w.-]+/[\w.-]+", name) and not name.startswith((".", "/")):
        return Base(name, revision or "main", name, hub=True)
    known = ", ".join(["pocket", *(suggestion.id for suggestion in SUGGESTIONS)])
    raise UnknownBase(f'No base model is called "{base_id}": use pocket, a folder, or a hub model such as {known}.')


def resolve_at(base_id: str, revision: str) -> Base:
    """The base of an adapter or a job: of a hub model that very revision, since "main" moves on; others have one, which whoever loads it compares."""
    base = resolve_base(base_id)
    return replace(base, revision=revision) if base.hub else base


def load_base(base: Base, precision: str = "auto", device: str | None = None) -> LoadedBase:
    """Load a base frozen, in the precision asked for; `auto` is NF4 on a GPU and what was measured to be better on a CPU."""
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    precision = choose_precision(precision, device)
    options: dict[str, Any] = {"dtype": torch.float32 if precision == "fp32" else torch.bfloat16, "use_safetensors": True}
    if precision == "nf4":
        options |= nf4_options(device)
    if base.hub:
        options["revision"] = base.revision
    else:
        options["local_files_only"] = True
    try:
        with LOADING:
            tokenizer = AutoTokenizer.from_pretrained(
                base.source, **({"revision": base.revision} if base.hub else {"local_files_only": True})
            )
            model: Any = AutoModelForCausalLM.from_pretrained(base.source, **options)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        where = "the hub was not reached or has no such model" if base.hub else "the folder is not a complete model"
        raise UnknownBase(f'The base model "{base.id}" could not be loaded ({where}): {reason}') from error
    if precision == "nf4":
        keep_cpu_gradients(model)
    elif device != "cpu":
        model.to(device)
    model.requires_grad_(False)
    model.eval()
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if base.hub:
        base = Base(base.id, getattr(model.config, "_commit_hash", None) or base.revision, base.source, True)
    return LoadedBase(base, model, tokenizer, device, precision, count_layers(model), feed_forward_modules(model))


def choose_precision(precision: str, device: str) -> str:
    """The precision that `auto` stands for on this device; any other is taken as it is."""
    if precision not in PRECISIONS:
        raise UnknownBase(f'No precision is called "{precision}": use one of {", ".join(PRECISIONS)}.')
    if precision != "auto":
        return precision
    return "nf4" if device == "cuda" else "fp32"


def nf4_options(device: str) -> dict[str, Any]:
    """Options for transformers that load 4-bit NormalFloat weights with double quantisation (QLoRA, arXiv 2305.14314)."""
    from transformers import BitsAndBytesConfig

    compute = torch.bfloat16 if device == "cuda" and torch.cuda.is_bf16_supported() else torch.float32
    quantization = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=compute
    )
    return {"quantization_config": quantization, "device_map": {"": device}, "dtype": compute}


def keep_cpu_gradients(model: PreTrainedModel) -> None:
    """Stop bitsandbytes from repacking 4-bit weights on AVX512-BF16 CPUs: after it every LoRA gradient is exactly 0, silently."""
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            setattr(module, "support_avx512bf16_for_cpu", False)  # noqa: B010 - no declared attribute


def count_layers(model: PreTrainedModel) -> int:
    """Number of transformer layers, from the configuration (also of a text part of a larger model)."""
    config = model.config.get_text_config() if hasattr(model.config, "get_text_config") else model.config
    return int(config.num_hidden_layers)


def feed_forward_modules(model: PreTrainedModel) -> list[str]:
    """Leaf names of the feed-forward linear layers (gate_proj, up_proj, down_proj; fc1, fc2, ...), where MiLP puts its LoRAs."""
    names = _linear_names(model, r"\.(mlp|feed_forward|ffn|block_sparse_moe)\.")
    if not names:
        raise UnknownBase(f"{type(model).__name__} has no feed-forward layers that Keepsake recognises (mlp, feed_forward, ffn).")
    return names


def attention_modules(model: PreTrainedModel) -> list[str]:
    """Leaf names of the attention projections (q_proj, k_proj, v_proj, o_proj; c_attn, ...); empty where none is recognised."""
    return _linear_names(model, r"\.(self_attn|attention|attn)\.")


def _linear_names(model: PreTrainedModel, place: str) -> list[str]:
    names: dict[str, None] = {}
    for path, module in model.named_modules():
        inside = re.search(place, f".{path}.")
        if inside and hasattr(module, "weight") and getattr(module.weight, "ndim", 0) == 2 and not list(module.children()):
            names[path.rsplit(".", 1)[-1]] = None
    return list(names)


def describe_machine() -> dict[str, Any]:
    """What this machine offers and which base fits, with the reason as a sentence."""
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        memory = properties.total_memory / 2**30
        fitting = [suggestion for suggestion in SUGGESTIONS if suggestion.memory <= 0.9 * memory]
        best = fitting[-1].id if fitting else "pocket"
        reason = f"{properties.name} with {memory:.0f} GiB: {best} is the largest suggestion that fits with room for training."
        return {"device": "cuda", "memory_gib": round(memory, 1), "suggested": best, "why": reason}
    cores = os.cpu_count() or 1
    reason = f"No GPU was found ({cores} CPU cores): pocket, the embedded base, injects in minutes here; larger bases would take hours."
    return {"device": "cpu", "memory_gib": None, "suggested": "pocket", "why": reason}


def _content_hash(folder: Path) -> str:
    """A short hash of a local model: its configuration, tokenizer and every weight file."""
    files = sorted(path for path in folder.glob("*") if path.suffix in (".safetensors", ".json"))
    if not files:
        raise UnknownBase(f'The base model folder "{folder}" is empty: pocket/weights is part of the repository, check it out again.')
    return _hash_files(tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files))


@lru_cache(maxsize=16)
def _hash_files(files: tuple[tuple[str, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for name, _, _ in files:
        digest.update(Path(name).name.encode())
        with open(name, "rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:16]
