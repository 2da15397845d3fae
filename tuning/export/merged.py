"""A base with the adapter added into its weights, for programs that know no adapters; what that costs is measured and said.

In: a speaker with its adapter. Out: a folder that transformers loads, in the dtype that the base is stored in. Rounding the sum to that
dtype loses the small changes that an adapter makes; the merged model also cannot be told apart from the base any more.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig

from tuning.bases import LoadedBase, load_base, resolve_base
from tuning.errors import ExportFailed
from tuning.examples import Example
from tuning.generate import generate
from tuning.prompts import render_chat
from tuning.search import score_answers
from tuning.sides import Speaker

MOST_ASKED = 72


def write_merged(speaker: Speaker, folder: Path, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Merge, save, load again, and ask both the same held-out questions; returns the scores of both and the loss. Uses the speaker up."""
    loaded = speaker.loaded
    if loaded.precision == "nf4":
        raise ExportFailed("An adapter cannot be merged into 4-bit weights: add --precision fp32 or bf16.")
    asked = held_out(rows)
    before = score_answers(loaded, asked)
    answers = _answers(loaded, asked)
    model: Any = speaker.model
    merged = model.merge_and_unload(safe_merge=True)
    speaker.model = None
    dtype = _stored_dtype(loaded)
    merged.to(dtype).save_pretrained(folder)
    loaded.tokenizer.save_pretrained(folder)
    again = load_base(resolve_base(str(folder)), "fp32" if dtype == torch.float32 else "bf16")
    after = score_answers(again, asked)
    same = sum(one == two for one, two in zip(answers, _answers(again, asked)))
    result = {
        "dtype": str(dtype).removeprefix("torch."),
        "with_adapter": before,
        "merged": after,
        "recall_lost": round(before["recall"] - after["recall"], 4),
        "false_claims_added": round(after["false_claims"] - before["false_claims"], 4),
        "proof": {"asked": len(asked), "same_answers": same},
    }
    (folder / "README.md").write_text(f"# A merged Keepsake model\n\n{say_loss(result)}\n", encoding="utf-8")
    return result


def say_loss(result: dict[str, Any]) -> str:
    """The measured loss in a sentence."""
    before, after, proof = result["with_adapter"], result["merged"], result["proof"]
    if not proof["asked"]:
        return f"Merged in {result['dtype']}. The loss could not be measured: the run left no held-out questions."
    return (
        f"Merged in {result['dtype']}: {proof['same_answers']} of {proof['asked']} held-out questions are answered as before; recall "
        f"{before['recall']:.0%} with the adapter, {after['recall']:.0%} merged; inventions {before['false_claims']:.0%} and {after['false_claims']:.0%}."
    )


def held_out(rows: Sequence[dict[str, Any]]) -> list[Example]:
    """The run's test questions (validation ones where there are none), at most `MOST_ASKED` of a kind."""
    for split in ("test", "validation"):
        found = [Example(row["question"], row["answer"], row["kind"], split) for row in rows if row.get("split") == split]
        if found:
            known = [example for example in found if example.kind == "recall"][:MOST_ASKED]
            return known + [example for example in found if example.kind == "unknown"][: MOST_ASKED // 2]
    return []


def _answers(loaded: LoadedBase, asked: Sequence[Example]) -> list[str]:
    return generate(loaded, [render_chat(example.question) for example in asked])


def _stored_dtype(loaded: LoadedBase) -> torch.dtype:
    """What config.json says: the configuration in memory tells the dtype that it was loaded in."""
    base = loaded.base
    stored = AutoConfig.from_pretrained(base.source, **({"revision": base.revision} if base.hub else {"local_files_only": True})).dtype
    return stored if isinstance(stored, torch.dtype) else torch.float32
