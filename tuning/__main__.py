"""The command line of tuning: `python -m tuning COMMAND --help`; results on stdout, progress on stderr.

Commands: inject, ask, evaluate, demo, export, join, progress, bases. Exit status as in `memory/edge.py`.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from memory.edge import run_command
from memory.store import load_profile
from tuning.scale_commands import (
    add_endpoint_options,
    add_engine_options,
    add_storage_options,
    ask_endpoint,
    chosen_place,
    run_join,
    run_many,
    run_progress,
    show_join,
    show_many,
    show_progress,
    wants_many,
)

# The heavy modules (torch) are imported inside the commands, so that --help and wrong usage answer at once.


def run_inject(db: Database, args: argparse.Namespace) -> dict[str, Any]:
    from tuning.inject import BUDGETS, inject
    from tuning.recipe import parse_recipe

    if wants_many(args):
        return run_many(db, args)
    profile = load_profile(db, args.profile)
    recipe = parse_recipe(args.recipe, BUDGETS[args.budget].recipe)
    mode = "grow" if args.grow else "again" if args.again else "full"
    return inject(
        db,
        profile,
        args.budget,
        args.trials,
        args.minutes,
        args.base,
        args.precision,
        args.seed,
        None,
        recipe,
        mode,
        args.sampler,
        args.restart,
        chosen_place(args),
    )


def run_forget(db: Database, args: argparse.Namespace) -> dict[str, Any]:
    from tuning.errors import NothingToLearn
    from tuning.inject import inject
    from tuning.unlearning import forget_and_inject

    profile = load_profile(db, args.profile)

    def again(loaded: Any) -> dict[str, Any]:
        """The last examples without what went: no new study, and one trial of the plan that won, unless more are asked for."""
        options: dict[str, Any] = {"seed": args.seed, "loaded": loaded}
        try:
            return inject(db, profile, args.budget, args.trials or 1, args.minutes, mode="again", **options)
        except NothingToLearn:
            return inject(db, profile, args.budget, args.trials, args.minutes, **options)

    return forget_and_inject(db, profile, args.fact, args.message, again, args.precision)


def run_ask(db: Database, args: argparse.Namespace) -> dict[str, Any]:
    from tuning.sides import open_speaker

    if args.endpoint:
        return ask_endpoint(db, args)
    speaker = open_speaker(db, load_profile(db, args.profile), args.base, args.precision)
    answer = speaker.answer(args.side, [" ".join(args.question)])[0]
    return {
        "side": answer.side, "question": answer.question, "answer": answer.text, "notes": answer.notes,
        "prompt_tokens": answer.prompt_tokens, "ms": round(answer.milliseconds, 1), "base": speaker.loaded.base.id, "adapter": speaker.adapter_id,
    }  # fmt: skip


def run_evaluate(db: Database, args: argparse.Namespace) -> dict[str, Any]:
    from tuning.evaluate import evaluate, load_questions, own_questions
    from tuning.sides import open_speaker

    profile = load_profile(db, args.profile)
    questions = load_questions(args.questions) if args.questions else own_questions(db, profile)
    speaker = open_speaker(db, profile, args.base, args.precision)
    report = evaluate(speaker, questions, args.sides, _say)
    if args.json and not args.answers:
        return report["sides"]
    return {key: report[key] for key in ("sides", "advice", *(["answers"] if args.answers else []))}


def run_demo(db: Database, args: argparse.Namespace) -> dict[str, Any]:
    from memory.demo import demo_questions, import_demo
    from tuning.bases import load_base, resolve_base
    from tuning.evaluate import Question, evaluate
    from tuning.inject import inject, peak_memory_mb
    from tuning.sides import open_speaker

    started = time.monotonic()
    profile = import_demo(db, args.profile)
    loaded = load_base(resolve_base(args.base), args.precision)
    injected = inject(db, profile, args.budget, args.trials, args.minutes, seed=args.seed, loaded=loaded)
    speaker = open_speaker(db, profile, loaded=loaded, base_id=loaded.base.id)
    report = evaluate(speaker, [Question(row["question"], row["answer"], row["kind"]) for row in demo_questions()], progress=_say)
    return {
        "sides": report["sides"], "seconds": round(time.monotonic() - started, 1), "inject_seconds": injected["seconds"],
        "peak_memory_mb": peak_memory_mb(), "facts": injected["facts"], "adapter": injected["adapter"], "best": injected["best"],
        "questions": report["questions"], "precision": injected["precision"],
    }  # fmt: skip


def run_bases(_: Database, args: argparse.Namespace) -> dict[str, Any]:
    from dataclasses import asdict

    from tuning.bases import SUGGESTIONS, describe_machine

    return {"machine": describe_machine(), "bases": [asdict(suggestion) for suggestion in SUGGESTIONS]}


def run_export(db: Database, args: argparse.Namespace) -> dict[str, Any]:
    from tuning.export import export

    return export(db, load_profile(db, args.profile), args.to, args.folder, args.base, args.precision, args.with_base)


def show_export(result: dict[str, Any]) -> str:
    from tuning.export.telling import say_export

    return say_export(result)


def show_inject(result: dict[str, Any]) -> str:
    if "profiles" in result:
        return show_many(result)
    best = result["best"]
    lines = [
        f"Adapter {result['adapter']} for {result['base']}: {result['facts']} facts in {result['seconds']:.0f} s, peak {result['peak_memory_mb']:.0f} MB."
    ]
    for trial in result["trials"]:
        plan, values = trial["plan"], trial["values"]
        said = f"recall {values['recall']:.0%}, invents {values['false_claims']:.0%}" if trial["state"] == "complete" else "stopped early"
        lines.append(
            f"  trial {trial['number']}: {plan['lora_count']} LoRA ({', '.join(plan['layer_sets'])}), rank {plan['rank']}, "
            f"learning rate {plan['learning_rate']:.1e}, {trial['parameters']:,} parameters, {trial['seconds']:.0f} s: {said}"
        )
    lines.append(f"Chosen: trial {best['trial']}, on held-out phrasings recall {best['recall']:.0%}, invents {best['false_claims']:.0%}.")
    dropped = ", ".join(f"{count} {reason}" for reason, count in sorted(result["study"]["dropped"].items()) if count)
    views = ", ".join(f"{count} {kind}" for kind, count in sorted(result["study"]["views"].items()))
    lines.append(f"Studied: {result['study']['questions']} questions; views by {result['study']['views_by']}: {views or 'none'}.")
    if result["mode"] == "grow":
        old, before, new = (100 * best[key] for key in ("old_recall", "old_recall_before", "new_recall"))
        lines.append(
            f"Grown by {result['new_facts']} facts: {new:.0f} % of their held-out questions answered; of the old ones {old:.0f} % ({before:.0f} % before)."
        )
    if result["resumed"]:
        lines.append(f"Gone on with run {result['resumed']}, which was interrupted.")
    if result["advice"]:
        lines.append(f"Which should I use? {result['advice']['sentence']}")
    return "\n".join([*lines, f"Dropped in study: {dropped or 'nothing'}."])


def show_forget(result: dict[str, Any]) -> str:
    from memory.listing import show_certificates

    return show_certificates([result["certificate"]])


def show_ask(result: dict[str, Any]) -> str:
    lines = [f"  read: {note}" for note in result["notes"]]
    return "\n".join([*lines, result["answer"] or "(no answer)"])


def show_evaluate(result: dict[str, Any]) -> str:
    from tuning.evaluate import render_table

    table = render_table(result.get("sides", result))
    advice = result.get("advice")
    return f"{table}\n\nWhich should I use? {advice['sentence']}" if advice else table


def show_demo(result: dict[str, Any]) -> str:
    best = result["best"]
    head = (
        f"The demo person: {result['facts']} facts injected in {result['inject_seconds']:.0f} s ({result['precision']}, peak {result['peak_memory_mb']:.0f} MB), "
        f"{best['lora_count']} LoRA of rank {best['rank']}; {result['questions']} questions, none of them trained on."
    )
    return f"{head}\n\n{show_evaluate(result)}"


def show_bases(result: dict[str, Any]) -> str:
    lines = [result["machine"]["why"], "", "pocket: embedded, offline, needs about 1 GiB"]
    return "\n".join(
        [*lines, *(f"{base['id']}: {base['parameters']}, {base['licence']}, needs about {base['memory']} GiB" for base in result["bases"])]
    )


def build_parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    parser = argparse.ArgumentParser(prog="python -m tuning", description="Inject memories into a model, ask it, evaluate it.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: Any, show: Any, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--json", action="store_true", help="print JSON")
        command.set_defaults(run=run, show=show)
        return command

    def add_base(command: argparse.ArgumentParser) -> None:
        command.add_argument("--base", metavar="ID", help="pocket (default), a folder, or owner/name@revision of a hub model")
        command.add_argument("--precision", choices=("auto", "fp32", "bf16", "nf4"), default="auto")

    def add_budget(command: argparse.ArgumentParser) -> None:
        command.add_argument("--budget", choices=("quick", "normal", "thorough"), default="quick")
        command.add_argument("--trials", type=_positive_int, metavar="N", help="trials of the study at most")
        command.add_argument("--minutes", type=_positive, metavar="M", help="time budget; the trial that runs then is cut short")
        command.add_argument("--seed", type=int, default=0)

    command = add("inject", run_inject, show_inject, "turn a profile's messages into an adapter")
    add_engine_options(command)
    add_storage_options(command)
    add_budget(command)
    modes = command.add_mutually_exclusive_group()
    modes.add_argument("--grow", action="store_true", help="train only what is new, on top of the adapter that there is")
    modes.add_argument("--again", action="store_true", help="train the last run's examples again, without what was forgotten since")
    command.add_argument("--sampler", choices=("gp", "tpe", "random"), default="gp", help="what proposes trials after the first")
    command.add_argument("--restart", action="store_true", help="begin anew although an interrupted run could be gone on with")
    command.add_argument(
        "--recipe", action="append", default=[], metavar="SWITCH=VALUE", help="change a switch of the examples or the training"
    )
    add_base(command)
    command = add("forget", run_forget, show_forget, "forget a fact or message, inject again without it, and prove that it is gone")
    command.add_argument("--profile", required=True, metavar="NAME")
    what = command.add_mutually_exclusive_group(required=True)
    what.add_argument("--fact", type=int, metavar="ID")
    what.add_argument("--message", type=int, metavar="ID")
    command.add_argument("--precision", choices=("auto", "fp32", "bf16", "nf4"), default="auto")
    add_budget(command)
    command = add("ask", run_ask, show_ask, "ask one side a question")
    command.add_argument("--profile", required=True, metavar="NAME")
    command.add_argument("--side", required=True, choices=("base", "rag", "adapter", "hybrid"))
    command.add_argument("question", nargs="+", metavar="QUESTION")
    add_endpoint_options(command)
    add_base(command)
    command = add("evaluate", run_evaluate, show_evaluate, "score the sides on questions with known answers")
    command.add_argument("--profile", required=True, metavar="NAME")
    command.add_argument("--sides", type=_sides, metavar="SIDE[,SIDE]", help="default: all that can answer")
    command.add_argument("--questions", type=Path, metavar="FILE.jsonl", help="default: the held-out questions of the last injection")
    command.add_argument("--answers", action="store_true", help="with --json: also every answer")
    add_base(command)
    command = add("demo", run_demo, show_demo, "the whole job on the invented demo person")
    command.add_argument("--profile", default="demo", metavar="NAME")
    add_budget(command)
    add_base(command)
    command = add("export", run_export, show_export, "hand the adapter over to other programs, read back and compared first")
    command.add_argument("--profile", required=True, metavar="NAME")
    command.add_argument("--to", required=True, choices=("peft", "vllm", "gguf", "merged"))
    command.add_argument("--with-base", action="store_true", help="for gguf: also write the base as base.gguf (Llama-like bases)")
    command.add_argument("folder", type=Path, metavar="DIR", help="a new or empty folder; for vllm the folder of its resolver")
    add_base(command)
    command = add("join", run_join, show_join, "run trials of a search that another machine has begun")
    add_storage_options(command, required=True)
    add_base(command)
    add("progress", run_progress, show_progress, "how far the newest injection of many profiles is")
    add("bases", run_bases, show_bases, "which base models fit this machine")
    return parser


def _sides(text: str) -> list[str]:
    sides = [side.strip() for side in text.split(",") if side.strip()]
    wrong = [side for side in sides if side not in ("base", "rag", "adapter", "hybrid")]
    if wrong or not sides:
        raise argparse.ArgumentTypeError(f"{', '.join(wrong) or 'nothing'} is no side: use base, rag, adapter, hybrid")
    return sides


def _positive_int(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError("must be a positive number")
    return value


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(run_command(build_parser()))
