"""The commands that reach beyond one profile or one machine: `inject --profiles`, `progress`. Parsed arguments come in, results go out.

Heavy modules are imported inside, as in `__main__.py`.
"""

import argparse
import ipaddress
import json
import sys
from typing import Any

from sqlite_utils import Database

from memory.store import data_folder, is_encrypted
from memory.store.batches import batch_progress

COUNTED = {
    "done": "done", "skipped": "up to date", "running": "running", "queued": "beginning", "waiting": "waiting", "failed": "failed",
    "cancelled": "cancelled", "interrupted": "interrupted",
}  # fmt: skip


def add_engine_options(command: argparse.ArgumentParser) -> None:
    """Which profiles, and where their searches run."""
    which = command.add_mutually_exclusive_group(required=True)
    which.add_argument("--profile", metavar="NAME")
    which.add_argument("--profiles", metavar="all|FILE", help="every profile, or those that a file names, one a line")
    command.add_argument("--engine", choices=("local", "ray"), default="local", help="where the searches run (ray: requirements-scale.txt)")
    command.add_argument(
        "--address", metavar="ADDR", help="of a running Ray cluster: auto, host:port or ray://host:port; default: this machine"
    )
    command.add_argument(
        "--side-by-side", type=int, metavar="N", help="trials of one profile at once (default: what the cluster has room for)"
    )
    command.add_argument("--cpus", type=float, default=1.0, metavar="N", help="processors that one search takes on the cluster")
    command.add_argument(
        "--gpus", type=float, metavar="N", help="GPUs that one search takes, such as 0.25; default 1 where the cluster has any"
    )


def add_endpoint_options(command: argparse.ArgumentParser) -> None:
    """Where base and adapter run, if not here."""
    command.add_argument("--endpoint", metavar="URL", help="an OpenAI-compatible server that answers, such as http://127.0.0.1:8000/v1")
    command.add_argument("--endpoint-base", metavar="MODEL", help="its name of the base (default: the first model that it offers)")
    command.add_argument("--endpoint-adapter", metavar="MODEL", help="its name of the adapter (default: the name that export gave it)")


def ask_endpoint(db: Database, args: argparse.Namespace) -> dict[str, Any]:
    """Ask a side whose model runs on a server; says first what goes there."""
    from memory.store import load_profile
    from tuning.endpoint import open_remote, say_what_leaves

    profile = load_profile(db, args.profile)
    speaker = open_remote(db, profile, args.endpoint, args.endpoint_base, args.endpoint_adapter)
    print(say_what_leaves(args.endpoint, [args.side]), file=sys.stderr)
    answer = speaker.answer(args.side, [" ".join(args.question)])[0]
    return {
        "side": answer.side, "question": answer.question, "answer": answer.text, "notes": answer.notes, "prompt_tokens": answer.prompt_tokens,
        "ms": round(answer.milliseconds, 1), "base": speaker.endpoint.base, "adapter": speaker.adapter_id, "endpoint": speaker.endpoint.url,
        "leaves": say_what_leaves(args.endpoint, [args.side]),
    }  # fmt: skip


def add_storage_options(command: argparse.ArgumentParser, required: bool = False) -> None:
    """A study that several machines share."""
    command.add_argument(
        "--storage", metavar="URL", required=required, help="a database for Optuna, such as postgresql+pg8000://user:pw@host/db"
    )
    command.add_argument("--study", metavar="NAME", required=required, help="the study's name in it; helpers join with it")
    command.add_argument(
        "--heartbeat", type=int, default=20, metavar="S", help="seconds between signs of life; silence of three is a death"
    )


def chosen_place(args: argparse.Namespace) -> Any:
    """The shared study that the options name, or None; says how others join."""
    if not args.storage:
        return None
    from tuning.shared import Place

    place = Place(args.storage, args.study, args.heartbeat) if args.study else Place(args.storage, heartbeat=args.heartbeat)
    print(f"Other machines join with: python -m tuning join --storage URL --study {place.study}", file=sys.stderr)
    print(f"The questions and answers made from the messages lie in the database at {place.shown} while the search runs.", file=sys.stderr)
    return place


def run_join(_: Database, args: argparse.Namespace) -> dict[str, Any]:
    """Run trials for another machine."""
    from tuning.shared import Place, join

    return join(Place(args.storage, args.study, args.heartbeat), args.precision, lambda text: print(text, file=sys.stderr, flush=True))


def show_join(result: dict[str, Any]) -> str:
    """What this machine did."""
    return (
        result.get("said")
        or f"Ran {result['trials']} of {result['of']} trials in {result['seconds']:.0f} s; the study {result['study']} has all it wants."
    )


def wants_many(args: argparse.Namespace) -> bool:
    """Whether the call is for many profiles or for an engine elsewhere."""
    return bool(args.profiles) or args.engine != "local"


def run_many(db: Database, args: argparse.Namespace) -> dict[str, Any]:
    """Inject all chosen profiles; the exit status is 1 if one failed."""
    from functools import partial

    from tuning.engines import open_engine
    from tuning.errors import BadProfileList, EngineRefused
    from tuning.inject import BUDGETS
    from tuning.many import chosen_profiles, inject_many
    from tuning.recipe import parse_recipe

    if args.grow or args.again or args.storage:
        raise BadProfileList("--grow, --again and --storage are for one profile at a time: leave --profiles and --engine out.")
    names = chosen_profiles(db, args.profiles) if args.profiles else [args.profile]
    if args.engine == "ray" and is_encrypted(data_folder()):
        raise EngineRefused(
            "The store is encrypted, and Ray keeps the examples that it sends readable in memory, on disk where that is short, and on the way: inject "
            "with --engine local, or decrypt the store first (python -m memory decrypt)."
        )
    if args.engine == "ray" and args.address and not is_this_machine(args.address):
        print(
            f"The questions and answers made from {len(names)} profiles go to the cluster at {args.address}; names and messages stay here.",
            file=sys.stderr,
        )
    opener = partial(open_engine, args.engine, address=args.address, cpus=args.cpus, gpus=args.gpus)
    say = say_json if args.json else say_line
    return inject_many(
        db, names, opener, args.budget, args.trials, args.minutes, args.base, args.precision, args.seed, say,
        recipe=parse_recipe(args.recipe, BUDGETS[args.budget].recipe), sampler=args.sampler, side_by_side=args.side_by_side,
    )  # fmt: skip


def is_this_machine(address: str) -> bool:
    """Whether an address (host, host:port or scheme://host:port) is on the loopback, or `auto` and `local`, which Ray resolves here."""
    host = address.rpartition("://")[2].split("/")[0]
    host = host[1:].partition("]")[0] if host.startswith("[") else host.rpartition(":")[0] or host
    if host in ("auto", "local", "localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def say_json(event: dict[str, Any]) -> None:
    """Progress as one JSON object a line, on stderr."""
    print(json.dumps(event, ensure_ascii=False), file=sys.stderr, flush=True)


def say_line(event: dict[str, Any]) -> None:
    """Progress in words, on stderr."""
    counts = f"{event['done']} done, {event['skipped']} up to date, {event['failed']} failed, {event['running']} running, of {event['of']}"
    said = event.get("error") or event.get("for")
    reason = f" ({said})" if said else ""
    print(f"{event['profile']}: {event['event']}{reason}; {counts}", file=sys.stderr, flush=True)


def show_many(result: dict[str, Any]) -> str:
    """The batch as a table."""
    lines = []
    for row in result["profiles"]:
        said = {
            "done": lambda row: (
                f"adapter {row['adapter']}, recall {row['best'].get('recall', 0):.0%}, {row['seconds']:.0f} s, node {row['node']}"
            ),
            "skipped": lambda row: f"adapter {row['adapter']} is up to date",
            "failed": lambda row: row["error"] or "stopped",
        }[row["state"]](row)
        lines.append(f"{row['profile']}: {row['state']}, {said}")
    counts = f"{result['done']} injected, {result['skipped']} up to date, {result['failed']} failed, of {result['of']}"
    return "\n".join([*lines, f"{counts}; {result['seconds']:.0f} s with the engine {result['engine']}."])


def run_progress(db: Database, _: argparse.Namespace) -> dict[str, Any]:
    """How far the newest batch is."""
    return batch_progress(db)


def show_progress(result: dict[str, Any]) -> str:
    """The newest batch in lines."""
    if not result["batch"]:
        return "No injection of many profiles has been started yet: python -m tuning inject --profiles all"
    said = {
        "running": lambda row: f"{row['progress']:.0%} {row['detail']}",
        "done": lambda row: f"adapter {row['adapter']}" + (f", node {row['node']}" if row["node"] else ""),
        "skipped": lambda row: "its adapter is up to date",
        "waiting": lambda row: "not begun",
    }
    lines = []
    for row in result["profiles"]:
        more = row["error"] or said.get(row["state"], lambda row: "")(row)
        lines.append(f"{row['profile']}: {row['state']}" + (f", {more}" if more else ""))
    counts = ", ".join(f"{result[state]} {say}" for state, say in COUNTED.items() if result[state] or state == "done")
    ended = {"done": "It has ended.", "running": "It is running."}.get(result["state"], "It was stopped: the same command goes on.")
    return "\n".join([*lines, f"{counts}, of {result['of']}, engine {result['engine']}. {ended}"])
