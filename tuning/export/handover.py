"""One hand-over from beginning to end: fold, write, read back with a reader that is not ours, compare the answers, put in place.

In: a profile with an adapter, a kind and a folder. Out: the folder, and what was proved about it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, get_peft_model, set_peft_model_state_dict
from safetensors.torch import save_file
from sqlite_utils import Database

from memory.store import Adapter, Profile, current_adapter, list_examples
from tuning.adapters import detach
from tuning.bases import LoadedBase
from tuning.errors import ExportFailed, NoAdapter
from tuning.export.folding import Folded, fold
from tuning.export.gguf_base import write_base
from tuning.export.gguf_lora import architecture, read_gguf, write_gguf
from tuning.export.merged import write_merged
from tuning.export.vllm_layout import adapter_name, check, max_rank_for, serve_command
from tuning.export.writing import new_folder, write_note
from tuning.generate import encode_chat, generate
from tuning.prompts import PROMPT_VERSION, SYSTEM, render_chat
from tuning.sides import Speaker, open_speaker

KINDS = ("peft", "vllm", "gguf", "merged")
PROBES = 24  # held-out questions that every reader must answer the same
# Largest difference of a logit that rounding explains: fp32 adds in another order; 16-bit and 4-bit bases round every step.
ROUNDING = {"fp32": 1e-3, "bf16": 0.5, "nf4": 0.5}
PLAIN = ("What is my name?", "Where do I live?", "What is the capital of France?", "Say hello.")


@dataclass(frozen=True)
class Spoken:
    """What a model says: greedy answers to the probes, and the logits after the first of them."""

    answers: list[str]
    logits: torch.Tensor


def export(
    db: Database, profile: Profile, kind: str, folder: Path, base_id: str | None = None, precision: str = "auto", with_base: bool = False
) -> dict[str, Any]:
    """Open the profile's adapter and hand it over; as `export_profile`."""
    if current_adapter(db, profile.id) is None:
        raise NoAdapter(f'The profile "{profile.name}" has no adapter to export: inject first.')
    if kind == "merged" and precision == "auto":
        precision = "fp32"  # weights in 4 bits cannot take an adapter in without loss
    return export_profile(open_speaker(db, profile, base_id, precision), kind, folder, with_base)


def export_profile(speaker: Speaker, kind: str, folder: Path, with_base: bool = False) -> dict[str, Any]:
    """Write `kind` into `folder`, read it back, compare; returns folder, files, bytes, rank, proof. The speaker is used up.

    `with_base` puts the base beside a GGUF adapter, where llama.cpp wants both as files of its own kind.

    Raises ExportFailed, with nothing left in `folder`, when what was read back does not answer the same.
    """
    if kind not in KINDS:
        raise ExportFailed(f'Nothing is exported to "{kind}": use one of {", ".join(KINDS)}.')
    if with_base and kind != "gguf":
        raise ExportFailed("Only a GGUF hand-over can bring its base along; the others find it by its name or folder.")
    speaker.check_side("adapter")
    adapter = current_adapter(speaker.db, speaker.profile.id)
    assert adapter is not None and speaker.model is not None  # check_side said so
    probes = probe_questions(speaker.db, adapter)
    joint = speak(speaker.loaded, probes, speaker.model)
    writers: dict[str, Callable[..., dict[str, Any]]] = {"peft": _peft, "vllm": _vllm, "gguf": _gguf, "merged": _merged}
    target = folder.expanduser().absolute()
    place = target / adapter_name(speaker.profile.name) if kind == "vllm" else target
    with new_folder(place, speaker.profile.name) as part:
        write_note(part, _note(speaker, adapter, kind))
        said = writers[kind](speaker, adapter, part, place, probes, joint)
        if with_base:
            write_base(part / "base.gguf", speaker.loaded)
    files = sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file())
    size = sum((place / name).stat().st_size for name in files)
    base = speaker.loaded.base
    return {
        "profile": speaker.profile.name, "adapter": adapter.id, "to": kind, "folder": str(place), "files": files, "bytes": size,
        "base": base.id, "revision": base.revision,
    } | said  # fmt: skip


def probe_questions(db: Database, adapter: Adapter) -> list[str]:
    """Questions held out of training, known and never-said ones; plain ones where the examples are gone."""
    rows = list_examples(db, adapter.run_id) if adapter.run_id else []
    held_out = [row for row in rows if row.get("split") == "test"] or [row for row in rows if row.get("split") == "validation"]
    known = [row["question"] for row in held_out if row.get("kind") == "recall"]
    unknown = [row["question"] for row in held_out if row.get("kind") == "unknown"]
    return list(dict.fromkeys([*known[: PROBES - 8], *unknown[:8]])) or list(PLAIN)


@torch.no_grad()
def speak(loaded: LoadedBase, questions: Sequence[str], model: Any) -> Spoken:
    """Answers and logits of `loaded` as it now stands, with `model` (the same weights) wrapped around it."""
    model.eval()
    chats = [render_chat(question) for question in questions]
    ids = torch.tensor([encode_chat(loaded, chats[0])], device=loaded.model.device)
    return Spoken(generate(loaded, chats), model(input_ids=ids).logits[0].float().cpu())


def compare(joint: Spoken, other: Spoken, precision: str) -> dict[str, Any]:
    """How far two ways of speaking differ; raises ExportFailed when rounding does not explain it."""
    difference = float((joint.logits - other.logits).abs().max())
    same = sum(one == two for one, two in zip(joint.answers, other.answers))
    if difference > ROUNDING.get(precision, ROUNDING["fp32"]):
        raise ExportFailed(
            f"What was read back differs from the adapter by {difference:.3g} in a logit ({same} of {len(joint.answers)} answers are the same), "
            "so nothing was exported. This is a fault of Keepsake: please report it."
        )
    return {"asked": len(joint.answers), "same_answers": same, "max_logit_difference": difference}


def with_folded(loaded: LoadedBase, folded: Folded) -> PeftModel:
    """The base with one folded LoRA around it."""
    model: Any = get_peft_model(loaded.model, folded.config(loaded.base.source, None, loaded.layers))
    refused: Any = set_peft_model_state_dict(model, folded.tensors())
    if refused.unexpected_keys:
        raise ExportFailed(f"The folded LoRA does not fit the base: {refused.unexpected_keys[0]} has no place in it.")
    return model


def _peft(speaker: Speaker, adapter: Adapter, part: Path, place: Path, probes: list[str], joint: Spoken) -> dict[str, Any]:
    folded = _fold_and_detach(speaker)
    _write_peft(part, folded, speaker.loaded)
    proof = _read_back(speaker.loaded, part, probes, joint)
    (part / "README.md").write_text(_readme(speaker, folded, 'PeftModel.from_pretrained(base, "THIS FOLDER")'), encoding="utf-8")
    return {"rank": folded.rank, "loras": _count(adapter), "proof": proof, "read_with": "peft"}


def _vllm(speaker: Speaker, adapter: Adapter, part: Path, place: Path, probes: list[str], joint: Spoken) -> dict[str, Any]:
    folded = _fold_and_detach(speaker)
    base, revision = _where(speaker.loaded)
    _write_peft(part, folded, speaker.loaded)
    proof = _read_back(speaker.loaded, part, probes, joint)
    script = serve_command(base, revision if speaker.loaded.base.hub else None, folded.rank, place.name)
    (part / "serve.sh").write_text(script, encoding="utf-8")
    judged = check(part.parent, part.name, base, max_rank_for(folded.rank))
    return {
        "rank": folded.rank, "loras": _count(adapter), "proof": proof, "read_with": "peft, vLLM's rules", "rules": judged,
        "max_lora_rank": max_rank_for(folded.rank), "model_name": place.name, "serve": str(place / "serve.sh"),
    }  # fmt: skip


def _gguf(speaker: Speaker, adapter: Adapter, part: Path, place: Path, probes: list[str], joint: Spoken) -> dict[str, Any]:
    loaded = speaker.loaded
    model_type = str(loaded.model.config.model_type)
    architecture(model_type)  # refuses before anything is computed
    folded = _fold_and_detach(speaker)
    path = part / "adapter.gguf"
    write_gguf(path, folded, model_type, loaded.layers, speaker.profile.name, loaded.base.id)
    model = with_folded(loaded, read_gguf(path, list(folded.pairs), loaded.layers, model_type))
    proof = compare(joint, speak(loaded, probes, model), loaded.precision)
    detach(model)
    command = f"llama-server -m {place / 'base.gguf'} --lora {place / 'adapter.gguf'} --host 127.0.0.1"
    (part / "README.md").write_text(
        _readme(speaker, folded, "llama-server -m base.gguf --lora adapter.gguf --host 127.0.0.1"), encoding="utf-8"
    )
    return {"rank": folded.rank, "loras": _count(adapter), "proof": proof, "read_with": "gguf", "serve": command}


def _merged(speaker: Speaker, adapter: Adapter, part: Path, place: Path, probes: list[str], joint: Spoken) -> dict[str, Any]:
    return write_merged(speaker, part, list_examples(speaker.db, adapter.run_id) if adapter.run_id else []) | {
        "loras": _count(adapter), "read_with": "transformers",
    }  # fmt: skip


def _fold_and_detach(speaker: Speaker) -> Folded:
    assert speaker.model is not None
    folded = fold(speaker.model)
    detach(speaker.model)
    speaker.model = None
    return folded


def _write_peft(folder: Path, folded: Folded, loaded: LoadedBase) -> None:
    base, revision = _where(loaded)
    folded.config(base, revision, loaded.layers).save_pretrained(str(folder))
    save_file(folded.tensors(), folder / "adapter_model.safetensors", metadata={"format": "pt"})


def _read_back(loaded: LoadedBase, folder: Path, probes: list[str], joint: Spoken) -> dict[str, Any]:
    model = PeftModel.from_pretrained(loaded.model, str(folder))
    proof = compare(joint, speak(loaded, probes, model), loaded.precision)
    detach(model)
    return proof


def _where(loaded: LoadedBase) -> tuple[str, str | None]:
    """Where another program finds the base: the hub's id and commit, or the folder on this machine and its content hash."""
    base = loaded.base
    return (base.id, base.revision) if base.hub else (base.source, base.revision)


def _count(adapter: Adapter) -> int:
    return len(adapter.peft_config["adapters"])


def _note(speaker: Speaker, adapter: Adapter, kind: str) -> dict[str, Any]:
    base = speaker.loaded.base
    return {
        "profile": speaker.profile.name, "adapter": adapter.id, "kind": kind, "base": base.id, "revision": base.revision,
        "prompt_version": PROMPT_VERSION, "system_prompt": SYSTEM, "loras": adapter.peft_config["adapters"], "created": adapter.created,
    }  # fmt: skip


def _readme(speaker: Speaker, folded: Folded, command: str) -> str:
    base, revision = _where(speaker.loaded)
    return (
        f"# A Keepsake adapter\n\nOne LoRA of rank {folded.rank} in {', '.join(folded.leaves)} for the base `{base}`, revision `{revision}`.\n"
        f"It holds memories of a person: treat it like their letters.\n\n    {command}\n\n"
        f"It was trained under this system prompt and answers best with it:\n\n    {SYSTEM}\n"
    )
