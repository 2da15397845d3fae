"""What several test files need: a data folder of its own for each test, and models that are loaded once."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


@pytest.fixture(autouse=True)
def doors_as_before() -> Iterator[None]:
    """A test that serves a page must not leave its check behind for handlers that a later test calls by hand."""
    doors = getattr(sys.modules.get("app.access"), "_doors", [])
    before = list(doors)
    yield
    getattr(sys.modules.get("app.access"), "_doors", [])[:] = before


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh data folder."""
    folder = tmp_path / "home"
    monkeypatch.setenv("KEEPSAKE_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def pocket():
    """The embedded base, loaded once."""
    from tuning.bases import load_base, resolve_base

    return load_base(resolve_base("pocket"))


@pytest.fixture
def model(pocket):
    """The embedded base with two LoRAs that change its answers."""
    import torch

    from tuning.adapters import LoraPlan, attach, detach

    made = attach(pocket, LoraPlan(("all", "late"), rank=4), seed=0)
    for name, parameter in made.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.03)
    made.eval()
    yield made
    detach(made)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a real Llama of two layers and pocket's tokenizer: what a local base looks like."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from tuning.bases import POCKET

    folder = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=8192, hidden_size=64, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2, intermediate_size=128,
        max_position_embeddings=512, eos_token_id=1, pad_token_id=0, bos_token_id=None,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(POCKET).save_pretrained(folder)
    return folder


@pytest.fixture
def tiny(tiny_folder: Path):
    """A fresh copy of the tiny base in memory, since adapters change the modules they wrap."""
    from tuning.bases import load_base, resolve_base

    return load_base(resolve_base(str(tiny_folder)), "fp32")
