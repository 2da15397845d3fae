"""Invented people for the benchmarks of scale: a store with profiles of one fact each, fixed examples, and a tiny random base."""

import tempfile
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from memory.store import NewFact, add_facts, create_profile, list_facts, open_store, save_adapter
from memory.store.database import FILE_NAME
from tuning.examples import Example
from tuning.inject import Prepared
from tuning.prompts import NEVER_TOLD
from tuning.sides import RetrievalPlan
from tuning.study import StudyReport


def make_people(db: Database, count: int) -> list[str]:
    """So many profiles of a fact each; returns their names."""
    for number in range(count):
        profile = create_profile(db, f"person{number}")
        add_facts(db, profile.id, [NewFact(f"Your cat is called Nim{number}0.", source="user")])
    return [f"person{number}" for number in range(count)]


def examples_of(number: int) -> list[Example]:
    """A few examples of a person who differs from every other."""
    rows = []
    for place, word in enumerate(("cat", "dog", "boat")):
        answer = f"Your {word} is called Nim{number}{place}."
        rows += [Example(f"What is my {word} {form}?", answer, "recall", "train") for form in ("called", "named")]
        rows += [
            Example(f"Name of my {word}?", answer, "recall", "validation"),
            Example(f"How old is my {word}?", NEVER_TOLD, "unknown", "train"),
        ]
    return [*rows, Example("How tall is my cat?", NEVER_TOLD, "unknown", "validation")]


def prepare_fixed(db: Database, profile: Any, reporter: Any, loaded: Any, settings: dict[str, Any]) -> tuple[Prepared, RetrievalPlan]:
    """In place of the study, which is the same on every engine: fixed examples beside the profile's one fact."""
    number = int(profile.name.removeprefix("person"))
    return Prepared(list_facts(db, profile.id), examples_of(number), StudyReport()), RetrievalPlan()


def tiny_base(folder: Path) -> Path:
    """A Llama of two layers with random weights and pocket's tokenizer."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from tuning.bases import POCKET

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=8192, hidden_size=64, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2, intermediate_size=128,
        max_position_embeddings=512, eos_token_id=1, pad_token_id=0, bos_token_id=None,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(POCKET).save_pretrained(folder)
    return folder


def people_store_bytes(adapter_bytes: int) -> int:
    """Size of the store of one person with the demo's chat and one adapter of this size."""
    from memory.demo import import_demo

    with tempfile.TemporaryDirectory() as folder:
        db = open_store(Path(folder))
        profile = import_demo(db, "demo")
        save_adapter(db, profile.id, None, bytes(adapter_bytes), {}, "", "", "", [], {})
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.close()
        return (Path(folder) / FILE_NAME).stat().st_size


__all__ = ["examples_of", "make_people", "people_store_bytes", "prepare_fixed", "tiny_base"]
