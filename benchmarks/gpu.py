"""What a CUDA GPU does with bases of real shapes: QLoRA steps against PEFT + TRL, what fits into 8 GB, both panes in one batch.

    python -m benchmarks.gpu --json
    python -m benchmarks.gpu --shapes 0.6B --no-peer --json

In: a GPU; weights are random (nothing is downloaded), so only speed, memory and exactness are measured. Without CUDA it says so and ends well.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from random import Random
from typing import Any

import torch

from benchmarks.injection_sides import token_rows
from benchmarks.random_bases import SHAPES, random_base
from tuning.adapters import LoraPlan, attach, detach
from tuning.bases import LoadedBase
from tuning.generate import Stream
from tuning.kept import WHOLE
from tuning.likelihood import Encoded
from tuning.pair import PairStream
from tuning.prompts import render_chat
from tuning.speed import with_speed
from tuning.step import add_gradient, is_out_of_memory

PLAN = LoraPlan(("all",), 16, 3e-4, 32, 1)
ROWS, PROMPT, ANSWER = 8, 200, 24
STEPS = 5


def random_batch(rows: int, prompt: int, answer: int, seed: int = 0) -> list[Encoded]:
    """Examples of random tokens that share their first 40, as the product's share the system's words."""
    rng = Random(seed)
    begin = [rng.randrange(10, 8000) for _ in range(40)]
    return [
        Encoded([*begin, *(rng.randrange(10, 8000) for _ in range(prompt - 40))], [rng.randrange(10, 8000) for _ in range(answer)])
        for _ in range(rows)
    ]


def clock(loaded: LoadedBase, work: Callable[[], Any], times: int = STEPS) -> dict[str, float]:
    """Milliseconds of one piece of work after a first that warms up, and the peak memory meanwhile."""
    cuda = loaded.device == "cuda"
    work()
    if cuda:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    started = time.monotonic()
    for _ in range(times):
        work()
    if cuda:
        torch.cuda.synchronize()
    spent = 1000 * (time.monotonic() - started) / times
    return {"ms": round(spent, 1), "peak_memory_mb": round(torch.cuda.max_memory_allocated() / 2**20, 1) if cuda else 0.0}


def measure_step(loaded: LoadedBase, batch: list[Encoded]) -> dict[str, Any]:
    """Our training step, optimiser included."""
    model = attach(loaded, PLAN, 0)
    optimizer = torch.optim.AdamW([parameter for parameter in model.parameters() if parameter.requires_grad], lr=PLAN.learning_rate)

    def step() -> None:
        add_gradient(loaded, model, batch, [], 0.0, WHOLE)
        optimizer.step()
        optimizer.zero_grad()

    try:
        row = clock(loaded, step)
    finally:
        detach(model)
    return row | {"tokens_a_second": round(1000 * sum(map(len, batch)) / row["ms"], 1)}


def measure_peer(loaded: LoadedBase, batch: list[Encoded]) -> dict[str, Any] | None:
    """TRL's SFTTrainer with PEFT on the same tokens, its own defaults; None where TRL is not installed."""
    if find_spec("trl") is None:
        return None
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    lora = LoraConfig(task_type="CAUSAL_LM", r=PLAN.rank, lora_alpha=PLAN.alpha, target_modules=loaded.targets)
    settings = SFTConfig(
        output_dir="/tmp/keepsake-peer", max_steps=STEPS + 1, max_length=None, per_device_train_batch_size=len(batch), save_strategy="no", report_to=[],
        disable_tqdm=True, logging_strategy="no", learning_rate=PLAN.learning_rate, use_cpu=loaded.device == "cpu",
        **({} if loaded.device == "cuda" else {"bf16": False}),
    )  # fmt: skip
    trainer = SFTTrainer(
        model=loaded.model,
        args=settings,
        train_dataset=token_rows(batch * (STEPS + 1)),
        processing_class=loaded.tokenizer,
        peft_config=lora,
    )
    times: list[float] = []
    plain = trainer.training_step

    def timed(*given: Any, **named: Any) -> Any:
        if loaded.device == "cuda":
            torch.cuda.synchronize()
        times.append(time.monotonic())
        return plain(*given, **named)

    trainer.training_step = timed
    if loaded.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    trainer.train()
    trainer.model.unload()
    spent = 1000 * (times[-1] - times[1]) / (len(times) - 2)
    peak = round(torch.cuda.max_memory_allocated() / 2**20, 1) if loaded.device == "cuda" else 0.0
    return {"ms": round(spent, 1), "peak_memory_mb": peak, "tokens_a_second": round(1000 * sum(map(len, batch)) / spent, 1)}


def check_gradient(shape: str, device: str) -> float:
    """Cosine of the LoRAs' gradient on NF4 weights and on what they dequantise to, computed in fp32."""
    found = []
    for nf4 in (True, False):
        loaded = random_base(shape, device, nf4)
        model = attach(loaded, PLAN, 0)
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                generator = torch.Generator().manual_seed(len(name))
                parameter.data = (torch.randn(parameter.shape, generator=generator) * 0.02).to(parameter)
        add_gradient(loaded, model, random_batch(2, 60, 8), [], 0.0, WHOLE)
        found.append(torch.cat([parameter.grad.float().flatten().cpu() for parameter in model.parameters() if parameter.grad is not None]))
        detach(model)
        del loaded, model
        free(device)
    return round(float(torch.nn.functional.cosine_similarity(found[0], found[1], 0)), 5)


@torch.no_grad()
def check_identity(loaded: LoadedBase) -> bool:
    """Whether the model with its adapter disabled gives the bare base's logits bit for bit."""
    ids = torch.tensor([random_batch(1, 60, 8)[0].prompt], device=loaded.device)
    before = loaded.model(input_ids=ids).logits
    model = attach(loaded, PLAN, 0)
    with model.disable_adapter():
        after = model(input_ids=ids).logits
    detach(model)
    return bool(torch.equal(before, after))


def measure_both_sides(loaded: LoadedBase) -> dict[str, Any]:
    """Two answers of 24 tokens jointly and in turn."""
    model = attach(loaded, PLAN, 0)

    def write(joint: bool) -> None:
        with with_speed(pair=joint):
            pair = PairStream(
                model, [Stream(loaded, render_chat("Where do I live?", lines), 24) for lines in ((), ("A line.",))], [True, False]
            )
            while pair.step():
                pass

    joint, turns = clock(loaded, lambda: write(True), 2), clock(loaded, lambda: write(False), 2)
    detach(model)
    return {"joint_ms": joint["ms"], "in_turn_ms": turns["ms"], "speedup": round(turns["ms"] / joint["ms"], 2)}


def largest_in(gigabytes: float, shapes: list[str]) -> list[dict[str, Any]]:
    """For each shape the longest context of one example that trains within so much memory, doubling from 256; 0 where not even that fits."""
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, gigabytes * 1e9 / total))
    found = []
    try:
        for shape in shapes:
            longest = 0
            for context in (256, 512, 1024, 2048, 4096, 8192, 16_384):
                try:
                    loaded = random_base(shape, "cuda")
                    model = attach(loaded, PLAN, 0)
                    add_gradient(loaded, model, random_batch(1, context - 24, 24), [], 0.0, WHOLE)
                    longest = context
                except Exception as error:  # the step says it in a sentence of its own
                    if not is_out_of_memory(error) and "memory" not in str(error).lower():
                        raise
                    break
                finally:
                    loaded = model = None  # type: ignore[assignment]
                    free("cuda")
            found.append({"shape": shape, "context": longest})
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    return found


def free(device: str) -> None:
    """Give cached memory back."""
    if device == "cuda":
        torch.cuda.empty_cache()


def measure(shapes: list[str], device: str, peer: bool) -> dict[str, Any]:
    """Every shape in turn."""
    report: dict[str, Any] = {"shapes": {}}
    for shape in shapes:
        loaded = random_base(shape, device)
        batch = random_batch(ROWS, PROMPT, ANSWER)
        report["shapes"][shape] = {
            "identity": check_identity(loaded), "ours": measure_step(loaded, batch), "both_sides": measure_both_sides(loaded),
            "trl": measure_peer(loaded, batch) if peer else None,
        }  # fmt: skip
        del loaded
        free(device)
    report["gradient_cosine"] = {shapes[0]: check_gradient(shapes[0], device)}
    if device == "cuda":
        report["largest_in_8_gb"] = largest_in(8.0, shapes)
    return report


def main() -> None:
    """Measure and print, or say that there is no GPU."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description="QLoRA on a GPU, random weights of real shapes.")
    parser.add_argument("--shapes", nargs="+", choices=tuple(SHAPES), default=["0.6B", "4B", "8B"])
    parser.add_argument("--no-peer", action="store_true", help="without PEFT + TRL")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        reason = "There is no CUDA GPU here: run this where one is at hand."
        print(json.dumps({"skipped": reason}) if options.json else reason)
        return
    peer = not options.no_peer
    if peer and find_spec("trl") is None:
        print("TRL is not installed: run `python -m pip install -r requirements-benchmarks.txt`; measured without it.", file=sys.stderr)
    report = measure(options.shapes, "cuda", peer)
    report |= {"machine": torch.cuda.get_device_name(0), "date": time.strftime("%Y-%m-%d"), "torch": torch.__version__}
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
