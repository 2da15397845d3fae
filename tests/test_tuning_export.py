"""Hand-over: every export is read back by a reader that is not ours, and answers the same."""

import json
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import gguf
import pytest
import torch
from peft import AutoPeftModelForCausalLM, PeftModel
from transformers import AutoModelForCausalLM

from memory.store import create_profile, load_profile, open_store, save_adapter, save_examples, start_run
from tuning.adapters import LoraPlan, attach, detach, to_bytes
from tuning.bases import load_base, resolve_base
from tuning.errors import ExportFailed, NoAdapter
from tuning.export import export
from tuning.export.folding import fold
from tuning.export.gguf_base import same_tokens
from tuning.export.gguf_lora import read_gguf
from tuning.export.handover import speak, with_folded
from tuning.export.vllm_layout import adapter_name, check, max_rank_for
from tuning.generate import encode_chat, generate
from tuning.prompts import NEVER_TOLD, PROMPT_VERSION, render_chat
from tuning.sides import open_speaker

ROOT = Path(__file__).resolve().parents[1]
IDS = torch.tensor([[5, 9, 200, 301, 44, 7]])
ASKED = ["What is my cat called?", "Where does my sister live?", "How old is my boat?"]
PLANS = [LoraPlan(("all",), rank=4, alpha=8), LoraPlan(("early", "late", "all"), rank=4, alpha=12)]


def stir(model) -> None:
    """Give every LoRA a large effect, as a long training does."""
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.2)


@pytest.fixture
def rosa(request, home, tiny_folder):
    """A store with a profile whose adapter is three joint LoRAs of layer sets of their own (or the plan asked for); with plan and base folder."""
    plan = getattr(request, "param", PLANS[1])
    loaded = load_base(resolve_base(str(tiny_folder)), "fp32")
    model = attach(loaded, plan, seed=0)
    stir(model)
    weights, config = to_bytes(model, loaded.base)
    detach(model)
    db = open_store()
    profile = create_profile(db, "Rosa M.")
    run = start_run(db, profile.id, "inject", {})
    rows = [{"question": question, "answer": NEVER_TOLD, "kind": "recall", "split": "test", "fact_id": None} for question in ASKED]
    save_examples(db, run, rows)
    save_adapter(db, profile.id, run, weights, config, loaded.base.id, loaded.base.revision, PROMPT_VERSION, [], {})
    return db, plan, tiny_folder


@torch.no_grad()
def answers_and_logits(loaded, model) -> tuple[list[str], torch.Tensor]:
    model.eval()
    return generate(loaded, [render_chat(question) for question in ASKED]), model(input_ids=IDS).logits


def spoken(db) -> tuple[list[str], torch.Tensor]:
    speaker = open_speaker(db, load_profile(db, "Rosa M."))
    return answers_and_logits(speaker.loaded, speaker.model)


def same(one: tuple[list[str], torch.Tensor], two: tuple[list[str], torch.Tensor], within: float = 1e-4) -> bool:
    return one[0] == two[0] and float((one[1] - two[1]).abs().max()) < within


@pytest.mark.parametrize("rosa", PLANS, ids=["one", "joint"], indirect=True)
def test_a_peft_folder_is_loaded_by_peft_and_answers_the_same(rosa, tmp_path):
    db, plan, base = rosa
    result = export(db, load_profile(db, "Rosa M."), "peft", tmp_path / "out")
    config = json.loads((tmp_path / "out/adapter_config.json").read_text())
    assert config["r"] == plan.rank * plan.lora_count == result["rank"]
    assert config["base_model_name_or_path"] == str(base) and config["revision"] == resolve_base(str(base)).revision
    assert not config["use_dora"] and not config["modules_to_save"] and result["proof"]["same_answers"] == len(ASKED)
    loaded = load_base(resolve_base(str(base)), "fp32")
    bare = answers_and_logits(loaded, loaded.model)
    model = AutoPeftModelForCausalLM.from_pretrained(tmp_path / "out", local_files_only=True, dtype=torch.float32)
    read = answers_and_logits(replace(loaded, model=model.base_model.model), model)
    assert same(read, spoken(db)) and not same(read, bare)
    assert stat.S_IMODE((tmp_path / "out/adapter_model.safetensors").stat().st_mode) == 0o600


def test_what_vllm_reads_keeps_its_rules_and_answers_the_same(rosa, tmp_path):
    db, plan, base = rosa
    result = export(db, load_profile(db, "Rosa M."), "vllm", tmp_path / "loras")
    assert result["model_name"] == "Rosa-M" and result["max_lora_rank"] == max_rank_for(plan.rank * plan.lora_count)
    check(tmp_path / "loras", "Rosa-M", str(base), result["max_lora_rank"])
    vllm = tmp_path / "bin/vllm"
    vllm.parent.mkdir()
    vllm.write_text('#!/bin/sh\necho "$VLLM_LORA_RESOLVER_CACHE_DIR" "$VLLM_PLUGINS" "$VLLM_ALLOW_RUNTIME_LORA_UPDATING" "$@"\n')
    vllm.chmod(0o700)
    started = subprocess.run(
        [tmp_path / "loras/Rosa-M/serve.sh"], env={"PATH": f"{vllm.parent}:/usr/bin:/bin"}, capture_output=True, text=True
    )
    assert started.stdout.startswith(f"{tmp_path}/loras lora_filesystem_resolver True serve {base} --host 127.0.0.1"), started
    assert f"--max-lora-rank {result['max_lora_rank']}" in started.stdout
    loaded = load_base(resolve_base(str(base)), "fp32")
    model = PeftModel.from_pretrained(loaded.model, str(tmp_path / "loras/Rosa-M"))
    assert same(answers_and_logits(loaded, model), spoken(db))


def test_a_gguf_lora_is_read_by_gguf_and_answers_the_same(rosa, tmp_path):
    db, plan, base = rosa
    export(db, load_profile(db, "Rosa M."), "gguf", tmp_path / "out")
    reader = gguf.GGUFReader(tmp_path / "out/adapter.gguf")
    names = {tensor.name for tensor in reader.tensors}
    assert {f"blk.{layer}.ffn_{leaf}.weight.lora_{half}" for layer in (0, 1) for leaf in ("gate", "up", "down") for half in "ab"} == names
    assert reader.get_field("general.architecture").contents() == "llama" and reader.get_field("adapter.type").contents() == "lora"
    loaded = load_base(resolve_base(str(base)), "fp32")
    modules = [f"model.layers.{layer}.mlp.{leaf}_proj" for layer in (0, 1) for leaf in ("gate", "up", "down")]
    model = with_folded(loaded, read_gguf(tmp_path / "out/adapter.gguf", modules, loaded.layers, "llama"))
    assert same(answers_and_logits(loaded, model), spoken(db))


@torch.no_grad()
def test_llama_cpp_reads_base_and_lora_and_writes_the_same_tokens(rosa, tmp_path):
    llama_cpp = pytest.importorskip(
        "llama_cpp", reason="llama-cpp-python is not installed: it is built from source, which takes half an hour"
    )
    db, _, base = rosa
    export(db, load_profile(db, "Rosa M."), "gguf", tmp_path / "out", with_base=True)
    speaker = open_speaker(db, load_profile(db, "Rosa M."))
    prompt = encode_chat(speaker.loaded, render_chat(ASKED[0]))
    ids, expected = torch.tensor([prompt]), []
    for _ in range(8):
        expected.append(int(speaker.model(input_ids=ids).logits[0, -1].argmax()))
        ids = torch.cat([ids, torch.tensor([[expected[-1]]])], dim=1)
    written = []
    for lora in (None, str(tmp_path / "out/adapter.gguf")):
        reader = llama_cpp.Llama(str(tmp_path / "out/base.gguf"), lora_path=lora, n_ctx=256, n_threads=1, verbose=False)
        tokens = reader.generate(prompt, temp=0.0, top_k=1, repeat_penalty=1.0)
        written.append([next(tokens) for _ in expected])
        assert not same_tokens(
            speaker.loaded, lambda text, reader=reader: reader.tokenize(text.encode(), add_bos=False, special=True), ASKED
        )
    assert written[1] == expected != written[0]


def test_a_merged_model_needs_no_adapter_and_its_loss_is_said(rosa, tmp_path):
    db, _, base = rosa
    result = export(db, load_profile(db, "Rosa M."), "merged", tmp_path / "out")
    assert {"recall_lost", "false_claims_added", "with_adapter", "merged"} <= set(result) and result["proof"]["asked"] == len(ASKED)
    loaded = load_base(resolve_base(str(base)), "fp32")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out", local_files_only=True, dtype=torch.float32)
    assert same(answers_and_logits(replace(loaded, model=model), model), spoken(db), 1e-3)
    assert "3 of 3 held-out questions" in (tmp_path / "out/README.md").read_text()


def test_folding_adds_the_ranks_and_nothing_else(tiny):
    model = attach(tiny, PLANS[1], seed=0)
    stir(model)
    before = speak(tiny, ASKED, model)
    folded = fold(model)
    detach(model)
    assert folded.rank == 12 and folded.layers == [0, 1]
    after = speak(tiny, ASKED, with_folded(tiny, folded))
    assert before.answers == after.answers and float((before.logits - after.logits).abs().max()) < 1e-4


def test_a_second_export_replaces_the_first_and_nothing_else(rosa, tmp_path):
    db, *_ = rosa
    profile = load_profile(db, "Rosa M.")
    for _ in range(2):
        export(db, profile, "peft", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear")
    with pytest.raises(ExportFailed, match="holds other files"):
        export(db, profile, "peft", tmp_path / "mine")
    assert (tmp_path / "mine/letter.txt").read_text() == "dear"


def test_an_export_that_would_answer_differently_is_not_kept(rosa, tmp_path, monkeypatch):
    from tuning.export import handover

    db, *_ = rosa
    spoil = lambda model: (folded := fold(model), [pair[0].mul_(1.5) for pair in folded.pairs.values()])[0]
    monkeypatch.setattr(handover, "fold", spoil)
    for kind in ("peft", "gguf"):
        with pytest.raises(ExportFailed, match="differs from the adapter"):
            export(db, load_profile(db, "Rosa M."), kind, tmp_path / "out")
        assert list(tmp_path.glob("out*")) == [] == list(tmp_path.glob(".out*"))


BROKEN: list[tuple[dict, str]] = [
    ({"use_dora": True}, "use_dora"), ({"modules_to_save": ["lm_head"]}, "modules_to_save"), ({"bias": "all"}, "bias"),
    ({"base_model_name_or_path": "other/base"}, "the server's model is"), ({"r": 7}, "do not fit rank 7"), ({"r": 600}, "not within"),
    ({"init_lora_weights": "pissa"}, "changes the base"), ({"target_modules": ["q_proj"]}, "not among target_modules"),
]  # fmt: skip


def test_the_validator_finds_what_vllm_refuses(rosa, tmp_path):
    db, _, base = rosa
    export(db, load_profile(db, "Rosa M."), "vllm", tmp_path)
    path = tmp_path / "Rosa-M/adapter_config.json"
    whole = json.loads(path.read_text())
    for change, said in BROKEN:
        path.write_text(json.dumps(whole | change))
        with pytest.raises(ExportFailed, match=said):
            check(tmp_path, "Rosa-M", str(base), 16)


def test_names_of_profiles_become_names_that_a_server_can_offer():
    assert (
        adapter_name("../../etc") == "etc"
        and adapter_name("Ana & Bo") == "Ana-Bo"
        and adapter_name("Ünal") == "nal"
        and adapter_name("日本") == "profile"
    )
    with pytest.raises(ExportFailed, match="512 at most"):
        max_rank_for(513)


def test_without_an_adapter_the_command_says_what_to_do(home, tmp_path):
    db = open_store()
    profile = create_profile(db, "ana")
    with pytest.raises(NoAdapter, match="inject first"):
        export(db, profile, "peft", tmp_path / "out")
    wrong = subprocess.run(
        [sys.executable, "-m", "tuning", "export", "--profile", "ana", "--to", "onnx", "x"], cwd=ROOT, capture_output=True
    )
    assert wrong.returncode == 2
