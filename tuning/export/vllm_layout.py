"""What vLLM reads: the folder of its filesystem LoRA resolver, a ready `serve` command, and vLLM's rules as a check.

The rules are those of vLLM 0.33 (vllm/config/lora.py, vllm/lora/peft_helper.py, vllm/lora/utils.py, vllm/plugins/lora_resolvers/): a rank up to
`--max-lora-rank`, which is one of `MAX_RANKS`; no DoRA, no bias, no `modules_to_save`; tensors named `...lora_A.weight` and `...lora_B.weight`; the
resolver gives an adapter only to the server whose model name equals `base_model_name_or_path`.
"""

import json
import re
import shlex
from pathlib import Path
from typing import Any

from safetensors import safe_open

from tuning.errors import ExportFailed

MAX_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
# Values that PEFT may write and vLLM refuses unless they are empty.
REFUSED = ("modules_to_save", "use_dora", "lora_bias", "alora_invocation_tokens", "layer_replication", "use_bdlora", "use_qalora")
PLAIN_STARTS = ("gaussian", "eva", "orthogonal", "mica", "lora_ga")
_NAME = re.compile(r"base_model\.model\.(?P<module>[\w.]+)\.lora_(?P<half>[AB])\.weight")


def max_rank_for(rank: int) -> int:
    """The smallest `--max-lora-rank` that takes an adapter of this rank; raises ExportFailed above vLLM's largest."""
    for allowed in MAX_RANKS:
        if rank <= allowed:
            return allowed
    raise ExportFailed(f"The LoRAs sum up to rank {rank}; vLLM takes {MAX_RANKS[-1]} at most: inject with fewer or smaller LoRAs.")


def adapter_name(profile: str) -> str:
    """The name under which a server offers the adapter: letters, digits, `.`, `_` and `-` of the profile's name."""
    return re.sub(r"[^\w.-]+", "-", profile, flags=re.ASCII).strip(".-") or "profile"


def serve_command(base: str, revision: str | None, rank: int, name: str) -> str:
    """A shell script, to lie in the adapter's folder, that starts vLLM on the loopback with the folder above it as its resolver's."""
    words = ["vllm", "serve", base, "--host", "127.0.0.1", "--port", "8000", "--enable-lora", "--max-lora-rank", str(max_rank_for(rank))]
    words += ["--revision", revision] if revision else []
    words += ["--served-model-name", base]
    return "\n".join(
        [
            "#!/bin/sh",
            f'# Ask it with "model": "{name}": the resolver loads the adapter at the first request.',
            "export VLLM_ALLOW_RUNTIME_LORA_UPDATING=True",
            "export VLLM_PLUGINS=lora_filesystem_resolver",
            'VLLM_LORA_RESOLVER_CACHE_DIR="$(cd "$(dirname "$0")/.." && pwd)"',
            "export VLLM_LORA_RESOLVER_CACHE_DIR",
            "exec " + shlex.join(words) + ' "$@"',
            "",
        ]
    )


def check(folder: Path, name: str, served_model: str, max_rank: int) -> dict[str, Any]:
    """Judge `folder`/`name` by vLLM's rules; returns rank, number of modules and bytes, or raises ExportFailed with every broken rule."""
    place = folder / name
    try:
        config = json.loads((place / "adapter_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExportFailed(f"{place} holds no adapter_config.json that can be read ({error}).") from error
    broken = [*_check_resolver(folder, name, config, served_model), *_check_config(config, max_rank)]
    weights = place / "adapter_model.safetensors"
    if not weights.exists():
        raise ExportFailed(f"{place} holds no adapter_model.safetensors.")
    shapes = _shapes(weights)
    broken += _check_tensors(shapes, config)
    if broken:
        raise ExportFailed(f"vLLM would refuse {place}: " + "; ".join(broken) + ".")
    return {"rank": config["r"], "modules": len(shapes) // 2, "bytes": weights.stat().st_size}


def _check_resolver(folder: Path, name: str, config: dict[str, Any], served_model: str) -> list[str]:
    broken = []
    if Path(name).is_absolute() or (folder / name).resolve().parent != folder.resolve():
        broken.append(f"the name {name} leads out of the resolver's folder")
    if config.get("peft_type") != "LORA":
        broken.append(f"peft_type is {config.get('peft_type')}, not LORA")
    if config.get("base_model_name_or_path") != served_model:
        broken.append(f"base_model_name_or_path is {config.get('base_model_name_or_path')}, the server's model is {served_model}")
    return broken


def _check_config(config: dict[str, Any], max_rank: int) -> list[str]:
    broken = [f"{key} is missing" for key in ("r", "lora_alpha", "target_modules") if config.get(key) in (None, [], "")]
    broken += [f"{key} is {config[key]!r}" for key in REFUSED if config.get(key)]
    if config.get("bias", "none") != "none":
        broken.append(f"bias is {config['bias']!r}")
    start = config.get("init_lora_weights", True)
    if isinstance(start, str) and start.lower() not in PLAIN_STARTS:
        broken.append(f"init_lora_weights is {start!r}, which changes the base")
    rank = max([int(config.get("r") or 0), *(config.get("rank_pattern") or {}).values()])
    if not 0 < rank <= max_rank:
        broken.append(f"rank {rank} is not within 1 and --max-lora-rank {max_rank}")
    if max_rank not in MAX_RANKS:
        broken.append(f"--max-lora-rank {max_rank} is not one of {MAX_RANKS}")
    return broken


def _check_tensors(shapes: dict[str, tuple[int, ...]], config: dict[str, Any]) -> list[str]:
    broken: list[str] = []
    halves: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, shape in shapes.items():
        match = _NAME.fullmatch(name)
        if match is None:
            broken.append(f"the tensor {name} is none that vLLM knows")
            continue
        halves.setdefault(match["module"], {})[match["half"]] = shape
    for module, pair in halves.items():
        if module.rsplit(".", 1)[-1] not in config.get("target_modules", []):
            broken.append(f"{module} is not among target_modules")
        if set(pair) != {"A", "B"} or not pair["A"][0] == pair["B"][1] == config.get("r"):
            broken.append(f"the two halves of {module} do not fit rank {config.get('r')}")
    return broken


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    with safe_open(path, framework="pt") as stream:
        return {name: tuple(stream.get_slice(name).get_shape()) for name in stream.keys()}
