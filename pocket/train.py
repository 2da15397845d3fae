"""Trains pocket from its seeded start.

    python -m pocket.train --stage near --steps 300                  # warm-up and stable part; run again to go on from the last checkpoint
    python -m pocket.train --stage far --steps 900 --decay 600       # the same run, its last 600 steps with a falling learning rate
    python -m pocket.train --export                     # writes the newest checkpoint to pocket/weights as bf16 safetensors

In: the corpus. Out: `pocket/runs/<name>/checkpoint.pt`, `log.jsonl`. Muon for the matrices, AdamW for the rest, warm-up-stable-decay.
A batch depends on (seed, step) alone and the checkpoint holds both optimisers, so a resumed run equals an unbroken one.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from pocket.corpus import MIXTURES, Corpus
from pocket.exam import probe
from pocket.feed import feed
from pocket.lexicon import load_lexicon
from pocket.meaning import LENGTH, Lessons, load_pool, make_heads, meaning_loss
from pocket.model import COPYING, READING, RETRIEVING, attention_mask, build_model, last_hidden
from pocket.optimizers import Optimizers, add_up
from pocket.tokens import END, PAD, SINK, STAGES, VOCABULARY, WEIGHTS, Packer
from tuning.bases import Base, LoadedBase

RUNS = Path(os.environ.get("KEEPSAKE_POCKET_RUNS", Path(__file__).parent / "runs"))
WARM_UP = 40
FINDING_SHARE, READING_SHARE, COPYING_SHARE, MEANING_SHARE = 0.6, 0.6, 1.0, 1.0


def learning_rate_factor(step: int, steps: int, decay: int) -> float:
    """Warm-up, then 1, then linear to 0 over the last `decay` steps."""
    return min(1.0, (step + 1) / WARM_UP, (steps - step) / decay if decay else 1.0)


def pointer_loss(share: Tensor, known: Tensor) -> Tensor:
    """Minus the log of a head's attention on where it should look, averaged over the tokens for which that is known."""
    return -(share.clamp(min=1e-6).log() * known).sum() / known.sum().clamp(min=1)


def targets_of(ids: Tensor, documents: Tensor, branches: Tensor, lines: Tensor, wanted: Tensor) -> dict[tuple[int, int], Tensor]:
    """Where three heads should look, (rows, length, length): twice at the line an answer rests on; at its tokens that equal the answer's next one."""
    pointed = (wanted[:, :, None] == lines[:, None, :]) & (wanted[:, :, None] > 0)
    following = torch.cat([ids[:, 1:], ids[:, :1]], 1)
    goes_on = torch.zeros_like(documents, dtype=torch.bool)
    goes_on[:, :-1] = (documents[:, 1:] == documents[:, :-1]) & (branches[:, 1:] == branches[:, :-1]) & (wanted[:, 1:] > SINK)
    copied = pointed & (following[:, :, None] == ids[:, None, :]) & goes_on[:, :, None]
    return {RETRIEVING: pointed, READING: pointed & (wanted > SINK)[:, :, None], COPYING: copied}


def save_atomically(state: dict, path: Path) -> None:
    """Write beside, then rename: a kill leaves the old checkpoint or the new one."""
    part = path.with_suffix(".part")
    torch.save(state, part)
    os.replace(part, path)


def train(options: argparse.Namespace) -> None:
    """Start the workers (processes of one thread each on a CPU: they need not wait for each other within a step) or train in this one."""
    (RUNS / options.name).mkdir(parents=True, exist_ok=True)
    if options.workers == 1:
        return work(0, options, "")
    with tempfile.TemporaryDirectory() as folder:  # the meeting point of the workers: a file, no port
        torch.multiprocessing.spawn(work, (options, f"{folder}/meet", os.getpid()), nprocs=options.workers)


def work(rank: int, options: argparse.Namespace, meeting: str, parent: int = 0) -> None:
    """One worker's loop: forward, loss, backward, gradients added up, both optimisers; the first one logs and writes checkpoints.

    It ends when `parent`, the process that started it, is gone: a run that was killed must not go on beside the one that follows it.
    """
    workers, folder = options.workers, RUNS / options.name
    if workers > 1:
        torch.set_num_threads(1)
        dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=workers)
    checkpoint = folder / "checkpoint.pt"
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer: Any = AutoTokenizer.from_pretrained(WEIGHTS)
    model: Any = build_model(options.width, options.layers, options.seed, tokenizer, load_lexicon())
    model.to(device)
    pool = load_pool() if options.meaning else None
    heads = make_heads(options.width, options.seed).to(device)
    lessons = Lessons(tokenizer, pool, max(1, options.meaning // LENGTH // workers), options.seed) if pool else None
    optimizers = Optimizers(model, options.layers, rank, workers, heads.parameters() if lessons else ())
    start = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        heads.load_state_dict(state["heads"])
        optimizers.load(state["optimizers"])
        start = state["step"]
    elif options.start and options.start.is_file():  # of a checkpoint the heads that teach meanings come along
        state = torch.load(options.start, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        heads.load_state_dict(state["heads"])
    elif options.start:
        model.load_state_dict(AutoModelForCausalLM.from_pretrained(options.start, dtype=torch.float32).state_dict())
        if lessons:
            fit_heads(model, heads, lessons, device, options.half)
    lengths = {length: (share, MIXTURES[length]) for length, share in STAGES[options.stage].items()}
    corpus = Corpus()
    corpus.neighbours  # noqa: B018 - here, or every process that makes batches would ask MiniLM anew
    packer = Packer(tokenizer, corpus, options.tokens // workers, options.seed, lengths)
    if rank == 0:
        print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.1f} M parameters, from step {start} to {options.steps}", flush=True)
    losses_of: Any = partial(compute_losses, model)
    compiled: Any = losses_of if options.eager else torch.compile(losses_of, dynamic=False)
    meaning_of: Any = partial(meaning_loss, model, heads)
    taught: Any = meaning_of if options.eager else torch.compile(meaning_of, dynamic=False)
    meaning = torch.zeros(())
    clock, seen = time.time(), 0
    for step, (batch, scored) in enumerate(feed(packer, start, options.steps, rank, workers, options.feeders), start):
        inputs = [torch.from_numpy(array).to(device) for array in (batch.ids, batch.positions, batch.documents, batch.branches)]
        lines = [torch.from_numpy(array).to(device) for array in (batch.lines, batch.wanted)]
        chosen, targets, weights = (torch.from_numpy(array).to(device) for array in scored)
        if parent and os.getppid() != parent:
            os._exit(1)
        factor = learning_rate_factor(step, options.steps, options.decay)
        with torch.autocast(device, torch.bfloat16, enabled=options.half):
            loss, answers, finding, reading, copying = compiled(*inputs, *lines, chosen, targets, weights.float())
        (loss + FINDING_SHARE * finding + READING_SHARE * reading + COPYING_SHARE * copying).backward()
        if lessons:
            sentences = lessons.batch(step * workers + rank)
            with torch.autocast(device, torch.bfloat16, enabled=options.half):
                meaning = taught(*(tensor.to(device) for tensor in vars(sentences).values()))
            (MEANING_SHARE * meaning).backward()
        trained = [*model.parameters(), *heads.parameters()]
        gradients = [parameter.grad for parameter in trained if parameter.grad is not None]
        add_up(gradients, workers)
        torch.nn.utils.clip_grad_norm_(trained, float(workers))  # the sum over workers: their mean is clipped at 1
        optimizers.step(options.muon * factor, options.adam * factor, options.seeded * factor)
        seen += int((batch.documents >= 0).sum()) * workers
        if rank == 0 and (step + 1) % 10 == 0:
            figures = {"loss": loss, "answer_loss": answers, "finding": finding, "reading": reading, "copying": copying, "meaning": meaning}
            row = {"step": step + 1, **{key: round(value.item(), 4) for key, value in figures.items()}, "lr": round(factor, 4)}
            row |= {"tokens_per_second": round(seen / (time.time() - clock)), "seconds": round(time.time() - clock)}
            clock, seen = time.time(), 0
            note(folder, row)
        if rank == 0 and options.probe and (step + 1) % options.probe == 0:
            note(folder, {"step": step + 1, "repeats": repeats(model), "exam": probe_model(model, tokenizer, device)})
            clock, seen = time.time(), 0
        if rank == 0 and ((step + 1) % options.every == 0 or step + 1 == options.steps):
            state = {"model": model.state_dict(), "heads": heads.state_dict(), "optimizers": optimizers.state(), "step": step + 1}
            save_atomically(state | {"shape": [options.width, options.layers]}, checkpoint)
    if workers > 1:
        dist.barrier()
        dist.destroy_process_group()


def fit_heads(model: Any, heads: Any, lessons: Lessons, device: str, half: bool, steps: int = 100, rate: float = 5e-3) -> float:
    """Let new heads read what a trained model's stream holds already, the model unchanged: random ones would push it about. The last loss comes back."""
    adam = torch.optim.AdamW(heads.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.0)
    loss = torch.zeros(())
    for step in range(steps):
        adam.param_groups[0]["lr"] = rate * (1 - step / steps)
        with torch.autocast(device, torch.bfloat16, enabled=half):
            sentences = {name: tensor.to(device) for name, tensor in vars(lessons.batch(-1 - step)).items()}
            loss = meaning_loss(model, heads, **sentences, still=True)
        loss.backward()
        adam.step()
        adam.zero_grad()
    return float(loss.detach())


def compute_losses(
    model: Any,
    ids: Tensor,
    positions: Tensor,
    documents: Tensor,
    branches: Tensor,
    lines: Tensor,
    wanted: Tensor,
    chosen: Tensor,
    targets: Tensor,
    weights: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Weighted loss of the scored tokens, mean loss of the answers' tokens, pointer losses of the retrieving, the reading and the copying head."""
    pointed = targets_of(ids, documents, branches, lines, wanted)
    hidden, shares = last_hidden(model, ids, positions, attention_mask(documents, branches), pointed)
    logits = model.lm_head(hidden.reshape(-1, hidden.shape[-1])[chosen]).float()
    losses = cross_entropy(logits, targets, reduction="none")
    answers = weights >= 1.0
    # A batch may hold no scored token at all (every document cut before its first answer): then there is nothing to learn from it.
    loss = (losses * weights).sum() / weights.sum().clamp(min=1e-6)
    # A line is known to be wanted even where it was cut away; a token to copy only where the line has it.
    finding, reading = pointer_loss(shares[RETRIEVING], wanted > 0), pointer_loss(shares[READING], wanted > SINK)
    copying = pointer_loss(shares[COPYING], pointed[COPYING].any(-1))
    return loss, (losses * answers).sum() / answers.sum().clamp(min=1), finding, reading, copying


def note(folder: Path, row: dict[str, Any]) -> None:
    """A line for the log and the screen."""
    with (folder / "log.jsonl").open("a") as log:
        log.write(json.dumps(row) + "\n")
    print(row, flush=True)


def has_fast_half() -> bool:
    """Whether bfloat16 products are faster than float32 here: a GPU, or a CPU with AVX512-BF16 or AMX (others are ten times slower)."""
    return torch.cuda.is_available() or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


@torch.no_grad()
def repeats(model: Any, seed: int = 0) -> float:
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
    tokenizer: Any = AutoTokenizer.from_pretrained(WEIGHTS)
    model: Any = build_model(width, layers, 0, tokenizer)
    model.load_state_dict(state["model"])
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
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--tokens", type=int, default=6144, help="tokens a batch")
    parser.add_argument(
        "--stage", choices=sorted(STAGES), default="far", help="near: prompts of few lines, to begin with; far: of every length"
    )
    parser.add_argument("--muon", type=float, default=0.01)
    parser.add_argument("--adam", type=float, default=1.5e-3)
    parser.add_argument("--seeded", type=float, default=4e-4, help="learning rate of the seeded circuits and the embedding")
    parser.add_argument("--meaning", type=int, default=3072, help="tokens a batch of sentences whose meaning is taught, 0 for none")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--start",
        type=Path,
        metavar="PATH",
        help="begin with these weights (a folder, or a run's checkpoint.pt) of the same shape instead of the seeded start",
    )
    parser.add_argument("--every", type=int, default=50, help="steps between checkpoints")
    parser.add_argument("--probe", type=int, default=0, help="steps between short exams, 0 for none")
    parser.add_argument(
        "--workers", type=int, default=1 if torch.cuda.is_available() else torch.get_num_threads(), help="processes that share a batch"
    )
    parser.add_argument("--feeders", type=int, default=8 if torch.cuda.is_available() else 1, help="processes that make batches, a worker")
    parser.add_argument("--half", action=argparse.BooleanOptionalAction, default=has_fast_half(), help="bfloat16 autocast")
    parser.add_argument("--eager", action="store_true", help="without torch.compile")
    parser.add_argument("--export", action="store_true")
    parser.add_argument("--to", type=Path, default=WEIGHTS, help="folder to export to")
    options = parser.parse_args()
    export(options.name, options.to) if options.export else train(options)


if __name__ == "__main__":
    main()
