"""Trains pocket from its seeded start.

    python -m pocket.train --stage near --steps 450                  # warm-up and stable part; run again to go on from the last checkpoint
    python -m pocket.train --stage far --steps 1000 --decay 700      # the same run, its last 700 steps with a falling learning rate
    python -m pocket.train --export                     # writes the newest checkpoint to pocket/weights as bf16 safetensors

In: the corpus. Out: `pocket/runs/<name>/checkpoint.pt`, `log.jsonl`. Muon for the matrices, AdamW for the rest, warm-up-stable-decay.
A batch depends on (seed, step) alone and the checkpoint holds both optimisers, so a resumed run equals an unbroken one.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, linear, scaled_dot_product_attention, silu
from transformers import AutoTokenizer, GenerationConfig, LlamaConfig, LlamaForCausalLM

from pocket.corpus import MIXTURES, Corpus
from pocket.exam import probe
from pocket.seed import seed_induction
from pocket.tokens import END, PAD, STAGES, VOCABULARY, WEIGHTS, Batch, Packer
from tuning.bases import Base, LoadedBase

RUNS = Path(__file__).parent / "runs"
WARM_UP = 40
SCORED = 0.45  # share of a batch's positions whose logits are computed: all of the assistant's, then a sample of the rest


def build_model(width: int, layers: int, seed: int) -> LlamaForCausalLM:
    """A Llama of `width` (heads of 64) and `layers` with seeded induction circuits."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        num_key_value_heads=width // 64,
        intermediate_size=round(width * 2.7 / 32) * 32,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=1,
        pad_token_id=0,
    )
    return seed_induction(LlamaForCausalLM(config))


def learning_rate_factor(step: int, steps: int, decay: int) -> float:
    """Warm-up, then 1, then linear to 0 over the last `decay` steps."""
    return min(1.0, (step + 1) / WARM_UP, (steps - step) / decay if decay else 1.0)


def select_positions(batch: Batch, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Flat positions to score, their target ids and weights; always the same count, so that compiled shapes hold."""
    inside = batch.documents[:, 1:] == batch.documents[:, :-1]
    weight = np.where(inside & (batch.documents[:, 1:] >= 0), batch.weights[:, 1:], 0.0)
    weight = np.pad(weight, ((0, 0), (0, 1))).ravel()
    targets = np.pad(batch.ids[:, 1:], ((0, 0), (0, 1))).ravel()
    order = np.argsort(-(weight + 0.05 * generator.random(weight.shape) * (weight > 0)), kind="stable")
    chosen = np.sort(order[: int(SCORED * weight.size)])
    return chosen, targets[chosen], weight[chosen]


def prefetch(packer: Packer, start: int, stop: int) -> Iterator[tuple[Batch, tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """Batches made in a thread while the model trains."""
    queue: Queue = Queue(maxsize=4)

    def fill() -> None:
        for number in range(start, stop):
            batch = packer.batch(number)
            queue.put((batch, select_positions(batch, np.random.default_rng(number))))

    Thread(target=fill, daemon=True).start()
    for _ in range(start, stop):
        yield queue.get()


def attention_mask(documents: Tensor, branches: Tensor) -> Tensor:
    """Causal, within one document, in the trunk or one's own branch: (rows, 1, length, length), True where a token may look."""
    length = documents.shape[1]
    same = documents[:, :, None] == documents[:, None, :]
    same &= (branches[:, None, :] == 0) | (branches[:, :, None] == branches[:, None, :])
    return (same & torch.ones(length, length, dtype=torch.bool, device=documents.device).tril())[:, None]


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """Masked attention, (rows, heads, length, head width). On a CPU, short rows go as plain products: half the time of the fused kernel."""
    if query.device.type != "cpu" or query.shape[2] > 512:
        return scaled_dot_product_attention(query, key, value, attn_mask=mask)
    scores = torch.matmul(query, key.transpose(-1, -2)).float() * query.shape[-1] ** -0.5
    return torch.matmul(scores.masked_fill(~mask, -1e9).softmax(-1).to(value.dtype), value)


def last_hidden(model: Any, ids: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
    """What `model.model(...)` of transformers returns, with one product for query, key and value and one for gate and up.

    The wider products run nearly twice as fast on two cores at these sizes (pocket/LOG.md). Shapes as there: (rows, length, width).
    """
    config = model.config
    heads = config.num_attention_heads
    shape = (*ids.shape, 3, heads, config.hidden_size // heads)
    hidden = model.model.embed_tokens(ids)
    cos, sin = (part[:, None] for part in model.model.rotary_emb(hidden, positions))

    def rotate(x: Tensor) -> Tensor:
        low, high = x.chunk(2, -1)
        return x * cos + torch.cat((-high, low), -1) * sin

    for layer in model.model.layers:
        attention, mlp = layer.self_attn, layer.mlp
        joint = torch.cat([part.weight for part in (attention.q_proj, attention.k_proj, attention.v_proj)])
        query, key, value = linear(layer.input_layernorm(hidden), joint).view(shape).permute(2, 0, 3, 1, 4)
        query, key = rotate(query).to(value.dtype), rotate(key).to(value.dtype)
        seen = attend(query, key, value, mask)
        hidden = hidden + attention.o_proj(seen.transpose(1, 2).flatten(2))
        joint = torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight])
        gate, up = linear(layer.post_attention_layernorm(hidden), joint).chunk(2, -1)
        hidden = hidden + mlp.down_proj(silu(gate) * up)
    return model.model.norm(hidden)


def save_atomically(state: dict, path: Path) -> None:
    """Write beside, then rename: a kill leaves the old checkpoint or the new one."""
    part = path.with_suffix(".part")
    torch.save(state, part)
    os.replace(part, path)


def train(options: argparse.Namespace) -> None:
    """The loop: forward, loss, backward, both optimisers, log, checkpoint."""
    folder = RUNS / options.name
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "checkpoint.pt"
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer: Any = AutoTokenizer.from_pretrained(WEIGHTS)
    model: Any = build_model(options.width, options.layers, options.seed)
    model.to(device)
    muon, adam = make_optimizers(model, options)
    start = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        muon.load_state_dict(state["muon"])
        adam.load_state_dict(state["adam"])
        start = state["step"]
    lengths = {length: (share, MIXTURES[length]) for length, share in STAGES[options.stage].items()}
    packer = Packer(tokenizer, Corpus(), options.tokens, options.seed, lengths)
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.1f} M parameters, from step {start} to {options.steps}", flush=True)

    def loss_of(ids: Tensor, positions: Tensor, mask: Tensor, chosen: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        hidden = last_hidden(model, ids, positions, mask)
        logits = model.lm_head(hidden.reshape(-1, hidden.shape[-1])[chosen]).float()
        losses = cross_entropy(logits, targets, reduction="none")
        answers = weights == 1.0
        # A batch may hold no scored token at all (every document cut before its first answer): then there is nothing to learn from it.
        return (losses * weights).sum() / weights.sum().clamp(min=1e-6), (losses * answers).sum() / answers.sum().clamp(min=1)

    compiled: Any = loss_of if options.eager else torch.compile(loss_of, dynamic=False)
    clock, seen = time.time(), 0
    log = (folder / "log.jsonl").open("a")
    for step, (batch, scored) in enumerate(prefetch(packer, start, options.steps), start):
        documents, branches = (torch.from_numpy(array).to(device) for array in (batch.documents, batch.branches))
        inputs = [torch.from_numpy(array).to(device) for array in (batch.ids, batch.positions)]
        chosen, targets, weights = (torch.from_numpy(array).to(device) for array in scored)
        factor = learning_rate_factor(step, options.steps, options.decay)
        for group, rate in zip([*muon.param_groups, *adam.param_groups], (options.muon, options.adam, options.seeded)):
            group["lr"] = rate * factor
        with torch.autocast(device, torch.bfloat16):
            loss, answer_loss = compiled(*inputs, attention_mask(documents, branches), chosen, targets, weights.float())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in (muon, adam):
            optimizer.step()
            optimizer.zero_grad()
        seen += int((batch.documents >= 0).sum())
        if (step + 1) % 10 == 0:
            row = {"step": step + 1, "loss": round(loss.item(), 4), "answer_loss": round(answer_loss.item(), 4), "lr": round(factor, 4)}
            row |= {"tokens_per_second": round(seen / (time.time() - clock)), "seconds": round(time.time() - clock)}
            clock, seen = time.time(), 0
            log.write(json.dumps(row) + "\n")
            log.flush()
            print(row, flush=True)
        if options.probe and (step + 1) % options.probe == 0:
            row = {"step": step + 1, "copying": copying(model), "exam": probe_model(model, tokenizer, device)}
            log.write(json.dumps(row) + "\n")
            print(row, flush=True)
            clock, seen = time.time(), 0
        if (step + 1) % options.every == 0 or step + 1 == options.steps:
            state = {"model": model.state_dict(), "muon": muon.state_dict(), "adam": adam.state_dict(), "step": step + 1}
            save_atomically(state | {"shape": [options.width, options.layers]}, checkpoint)


def make_optimizers(model: Any, options: argparse.Namespace) -> tuple[torch.optim.Muon, torch.optim.AdamW]:
    """Muon for the matrices, AdamW for the rest; the seeded circuits and what stands between them go slowly.

    Muon's updates have the same size in every direction, so they bury a seeded circuit within a hundred steps (pocket/LOG.md).
    """
    seeded = {f"model.layers.{layer}.self_attn" for layer in (0, 1)} | {"model.layers.0.mlp"}
    groups: dict[str, list[Any]] = {"muon": [], "adam": [], "seeded": []}
    for name, parameter in model.named_parameters():
        slow = any(name.startswith(start) for start in seeded)
        groups["seeded" if slow else "adam" if parameter.ndim != 2 or "embed" in name else "muon"].append(parameter)
    muon = torch.optim.Muon(groups["muon"], lr=options.muon, weight_decay=0.02)
    adam = torch.optim.AdamW(
        [{"params": groups["adam"]}, {"params": groups["seeded"]}], lr=options.adam, betas=(0.9, 0.98), weight_decay=0.0
    )
    return muon, adam


@torch.no_grad()
def copying(model: Any, seed: int = 0) -> float:
    """Share of random tokens predicted right when a sequence of 40 is read a second time: what the seeded circuit does."""
    half = torch.randint(10, VOCABULARY, (8, 40), generator=torch.Generator().manual_seed(seed)).to(model.device)
    logits = model(input_ids=torch.cat([half, half], 1)).logits
    return round(float((logits[:, 40:-1].argmax(-1) == half[:, 1:]).float().mean()), 4)


def probe_model(model: Any, tokenizer: Any, device: str) -> dict[str, float]:
    """Exact values of the model as it stands: what the loss hides."""
    model.eval()
    model.generation_config.eos_token_id = tokenizer.convert_tokens_to_ids(END)
    shares = probe(LoadedBase(Base("training", "", ""), model, tokenizer, device, "fp32", model.config.num_hidden_layers), size=32)
    model.train()
    return shares


def export(name: str, folder: Path = WEIGHTS) -> None:
    """Write the newest checkpoint as a folder that `AutoModelForCausalLM.from_pretrained` loads: bf16, shards of at most 15 MB."""
    state = torch.load(RUNS / name / "checkpoint.pt", map_location="cpu", weights_only=True)
    width, layers = state["shape"]
    model: Any = build_model(width, layers, seed=0)
    model.load_state_dict(state["model"])
    tokenizer = AutoTokenizer.from_pretrained(WEIGHTS)
    end, pad = tokenizer.convert_tokens_to_ids(END), tokenizer.convert_tokens_to_ids(PAD)
    model.generation_config = GenerationConfig(eos_token_id=end, pad_token_id=pad, max_new_tokens=64, do_sample=False)
    model.to(torch.bfloat16).save_pretrained(folder, max_shard_size="14MB")
    tokenizer.save_pretrained(folder)
    print(f"step {state['step']} written to {folder}", file=sys.stderr)


def main() -> None:
    """Read the options and train or export."""
    parser = argparse.ArgumentParser(prog="python -m pocket.train", description="Train pocket, the embedded base model.")
    parser.add_argument("--name", default="pocket")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--decay", type=int, default=0, help="last steps with a falling learning rate")
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=6144, help="tokens a batch")
    parser.add_argument(
        "--stage", choices=sorted(STAGES), default="far", help="near: prompts of few lines, to begin with; far: of every length"
    )
    parser.add_argument("--muon", type=float, default=0.01)
    parser.add_argument("--adam", type=float, default=1.5e-3)
    parser.add_argument("--seeded", type=float, default=2e-4, help="learning rate of the seeded circuits")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=50, help="steps between checkpoints")
    parser.add_argument("--probe", type=int, default=0, help="steps between short exams, 0 for none")
    parser.add_argument("--eager", action="store_true", help="without torch.compile")
    parser.add_argument("--export", action="store_true")
    parser.add_argument("--to", type=Path, default=WEIGHTS, help="folder to export to")
    options = parser.parse_args()
    export(options.name, options.to) if options.export else train(options)


if __name__ == "__main__":
    main()
