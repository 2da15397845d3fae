"""The command line of the store: `python -m memory COMMAND --help`; results on stdout, everything else on stderr.

Exit status: 0 done, 1 an error explained in one sentence, 2 wrong usage.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from memory import listing
from memory.demo import import_demo
from memory.edge import Command, run_command
from memory.errors import BadForm
from memory.importing import ImportOptions, import_files, preview_files
from memory.profile_facts import save_profile_form, tidy_field
from memory.redaction import KINDS
from memory.retrieval import search
from memory.store import (
    count_rows,
    ensure_profile,
    forget_all,
    forget_fact,
    forget_message,
    list_facts,
    list_imports,
    list_messages,
    list_profiles,
    load_profile,
    undo_import,
)


def run_import(db: Database, args: argparse.Namespace) -> dict[str, Any]:
    work = preview_files if args.preview else import_files
    options = ImportOptions(args.date_order, not args.no_redaction, frozenset(args.keep), args.mask_names)
    return work(db, args.profile, args.files, args.me, options)


def run_imports(db: Database, args: argparse.Namespace) -> list[dict[str, Any]]:
    return [asdict(done) for done in list_imports(db, load_profile(db, args.profile).id)]


def run_undo(db: Database, args: argparse.Namespace) -> dict[str, Any]:
    profile = load_profile(db, args.profile)
    done = list_imports(db, profile.id)
    number = args.id if args.id is not None else done[0].id if done else 0
    return {"import_id": number, "undone": undo_import(db, profile.id, number)}


def run_messages(db: Database, args: argparse.Namespace) -> list[dict[str, Any]]:
    return [asdict(message) for message in list_messages(db, load_profile(db, args.profile).id)]


def run_facts(db: Database, args: argparse.Namespace) -> list[dict[str, Any]]:
    return [asdict(fact) for fact in list_facts(db, load_profile(db, args.profile).id, active_only=False)]


def run_search(db: Database, args: argparse.Namespace) -> list[dict[str, Any]]:
    hits = search(db, load_profile(db, args.profile).id, " ".join(args.query), args.k, dense=not args.words_only)
    return [{**asdict(hit), "timestamp": hit.said_at} for hit in hits]


def run_profiles(db: Database, _: argparse.Namespace) -> list[dict[str, Any]]:
    return [{**asdict(profile), **count_rows(db, profile.id)} for profile in list_profiles(db)]


def run_forget(db: Database, args: argparse.Namespace) -> dict[str, Any]:
    profile = load_profile(db, args.profile)
    if args.fact is not None:
        return {"forgotten": forget_fact(db, profile.id, args.fact)}
    if args.message is not None:
        return {"forgotten": forget_message(db, profile.id, args.message)}
    return {"forgotten": forget_all(db, profile.id)}


def run_profile(db: Database, args: argparse.Namespace) -> dict[str, Any]:
    changes = dict(_field_and_value(item) for item in args.set)
    if not changes and args.about is None:
        return asdict(load_profile(db, args.profile))
    about = None if args.about is None else _about_text(args.about)
    profile = ensure_profile(db, args.profile)
    form = {**profile.form, **changes}
    return asdict(save_profile_form(db, profile, form, profile.about if about is None else about))


def run_demo(db: Database, args: argparse.Namespace) -> dict[str, Any]:
    profile = import_demo(db, args.profile)
    return {**asdict(profile), **count_rows(db, profile.id)}


def build_parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    parser = argparse.ArgumentParser(prog="python -m memory", description="Import, list, search and forget.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: Command, show: Callable[[Any], str], text: str, profile: str | None = None) -> Any:
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--json", action="store_true", help="print JSON")
        if profile != "none":
            command.add_argument("--profile", required=profile is None, default=profile, metavar="NAME")
        command.set_defaults(run=run, show=show)
        return command

    command = add("import", run_import, listing.show_import, "import chat exports into a profile (created if new; default: me)", "me")
    command.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="export files, ZIPs or folders; their kind is told from the content"
    )
    command.add_argument("--me", metavar="SENDER", help="which sender is the person (default: guessed and reported)")
    command.add_argument("--preview", action="store_true", help="only report what would be imported; nothing is stored")
    command.add_argument("--date-order", choices=("day-month-year", "month-day-year"), help="where a file does not settle it")
    command.add_argument("--no-redaction", action="store_true", help="keep e-mail addresses, numbers, keys and passwords as they are")
    command.add_argument(
        "--keep", nargs="+", default=[], choices=sorted(KINDS), metavar="KIND", help=f"kinds not to redact: {', '.join(KINDS)}"
    )
    command.add_argument("--mask-names", action="store_true", help="call everybody but the person Person 1, Person 2, ...")
    add("imports", run_imports, listing.show_imports, "list a profile's imports")
    command = add("undo-import", run_undo, listing.show_undone, "delete what one import brought (default: the newest)")
    command.add_argument("--id", type=int, metavar="ID")
    add("messages", run_messages, listing.show_messages, "list a profile's messages in time order")
    add("facts", run_facts, listing.show_facts, "list a profile's facts")
    command = add("search", run_search, listing.show_hits, "find the person's facts and messages for a question")
    command.add_argument("query", nargs="+", metavar="QUERY")
    command.add_argument("--k", type=_count, default=8, metavar="N", help="how many hits (default: 8)")
    command.add_argument("--words-only", action="store_true", help="without sentence vectors")
    add("profiles", run_profiles, listing.show_profiles, "list the profiles", "none")
    command = add("forget", run_forget, listing.show_forgotten, "delete a fact, a message or all of a profile, for good")
    what = command.add_mutually_exclusive_group(required=True)
    what.add_argument("--fact", type=int, metavar="ID")
    what.add_argument("--message", type=int, metavar="ID")
    what.add_argument("--all", action="store_true", help="everything but the profile's name")
    command = add("profile", run_profile, listing.show_profile, "show or change what a person typed about themselves")
    command.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="an empty value removes it")
    command.add_argument("--about", metavar="TEXT|@FILE", help="the free text, or the file that holds it")
    add("demo", run_demo, listing.show_profile, "import the invented demo person", "demo")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    return run_command(build_parser(), argv)


def _field_and_value(item: str) -> tuple[str, str]:
    field, equals, value = item.partition("=")
    if not equals:
        raise BadForm(f'"{item}" is not of the form FIELD=VALUE: write for instance --set city=Lisbon.')
    return tidy_field(field), value


def _about_text(given: str) -> str:
    if not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise BadForm(f"The file {given[1:]} cannot be read as UTF-8 text ({error}): check its name and encoding.") from error


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
