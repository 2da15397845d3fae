"""Averages the weights of two runs of pocket, the second begun from the first: better on what each is good at than either.

    python -m pocket.blend FIRST SECOND --share 0.6 --embedding 0.36 --to FOLDER

In: two folders of one shape. Out: a folder whose every weight is first + share * (second - first), in bfloat16 (Wortsman et al., "Robust fine-tuning of
zero-shot models", arXiv 2109.01903).
"""

import argparse
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM


@torch.no_grad()
def blend(first: Path, second: Path, share: float, to: Path, embedding: float | None = None) -> None:
    """Write the average, its embedding with a share of its own if one is given; raises ValueError where the two are not of one shape."""
    one: Any = AutoModelForCausalLM.from_pretrained(first, dtype=torch.float32)
    other: Any = AutoModelForCausalLM.from_pretrained(second, dtype=torch.float32)
    weights, more = dict(one.named_parameters()), dict(other.named_parameters())  # each once: the embedding is also the output layer
    if {name: value.shape for name, value in weights.items()} != {name: value.shape for name, value in more.items()}:
        raise ValueError(f"{first} and {second} are not of one shape: nothing can be averaged.")
    for name, value in more.items():
        value.lerp_(weights[name], 1 - (share if embedding is None or "embed" not in name else embedding))
    if to != second:
        shutil.copytree(second, to, dirs_exist_ok=True)
    other.to(torch.bfloat16).save_pretrained(to, max_shard_size="14MB")


def main() -> None:
    """Read the options and average."""
    parser = argparse.ArgumentParser(prog="python -m pocket.blend", description="Average the weights of two runs.")
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("--share", type=float, default=0.6, help="of the second")
    parser.add_argument("--embedding", type=float, help="of the second in the embedding (default: as in the rest)")
    parser.add_argument("--to", type=Path, required=True)
    options = parser.parse_args()
    blend(options.first, options.second, options.share, options.to, options.embedding)


if __name__ == "__main__":
    main()
