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
from memory.edge import Command, ask_passphrase, run_command
from memory.errors import BadForm, UnknownAdapter, UnknownFact
from memory.importing import ImportOptions, import_files, preview_files
from memory.profile_facts import save_profile_form, tidy_field
from memory.redaction import KINDS
from memory.retrieval import embed_missing, search
from memory.store import (
    add_memory,
    allow_adapter,
    back_up,
    change_passphrase,
    check_store,
    count_rows,
    decrypt,
    delete_profile,
    duplicate_profile,
    edit_memory,
    encrypt,
    ensure_profile,
    export_profile,
    forget_all,
    forget_fact,
    forget_message,
    import_profile,
    list_adapters,
    list_certificates,
    list_facts,
    list_imports,
    list_memories,
    list_messages,
    list_profiles,
    load_certificate,
    load_profile,
    pin_memories,
    rename_profile,
    restore,
    skip_memories,
    transaction,
    undo_import,
    use_adapter,
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
    profile = load_profile(db, args.profile)
    with transaction(db):  # all changes of one command, or none
        for text in args.add:
            add_memory(db, profile.id, text)
        for number, text in args.edit:
            edit_memory(db, profile.id, _number(number), text)
        pin_memories(db, profile.id, args.pin)
        pin_memories(db, profile.id, args.unpin, False)
        skip_memories(db, profile.id, args.skip)
        skip_memories(db, profile.id, args.learn, False)
    memories, _ = list_memories(db, profile.id)
    states = {memory.id: memory.state for memory in memories}
    return [{**asdict(fact), "state": states.get(fact.id)} for fact in list_facts(db, profile.id, active_only=False)]


def run_export(db: Database, args: argparse.Namespace) -> dict[str, Any]:
    rows = export_profile(db, load_profile(db, args.profile).id, args.file)
    return {"profile": args.profile, "file": str(args.file), "bytes": args.file.expanduser().stat().st_size, "rows": rows}


def run_import_profile(db: Database, args: argparse.Namespace) -> dict[str, Any]:
    profile, rows = import_profile(db, args.file.expanduser(), args.profile)
    return {"profile": profile.name, "file": str(args.file), "rows": rows}


def run_rename(db: Database, args: argparse.Namespace) -> dict[str, Any]:
    return asdict(rename_profile(db, load_profile(db, args.profile).id, args.name))


def run_duplicate(db: Database, args: argparse.Namespace) -> dict[str, Any]:
    profile = duplicate_profile(db, load_profile(db, args.profile).id, args.name)
    return {**asdict(profile), **count_rows(db, profile.id)}


def run_delete(db: Database, args: argparse.Namespace) -> dict[str, Any]:
    return {"profile": args.profile, "forgotten": delete_profile(db, load_profile(db, args.profile).id)}


def run_search(db: Database, args: argparse.Namespace) -> list[dict[str, Any]]:
    hits = search(db, load_profile(db, args.profile).id, " ".join(args.query), args.k, dense=not args.words_only, progress=_tell_progress)
    return [{**asdict(hit), "timestamp": hit.said_at} for hit in hits]


def run_embed(db: Database, args: argparse.Namespace) -> dict[str, Any]:
    return {"profile": args.profile, "embedded": embed_missing(db, load_profile(db, args.profile).id, _tell_progress)}


def _tell_progress(done: int, total: int) -> None:
    """On stderr, a line a batch: a search has many vectors to make the first time."""
    print(f"Preparing the search: {done:,} of {total:,} texts", file=sys.stderr, flush=True)


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


def run_adapters(db: Database, args: argparse.Namespace) -> list[dict[str, Any]]:
    profile = load_profile(db, args.profile)
    if args.allow is not None:
        allow_adapter(db, profile.id, args.allow)
    if args.refuse is not None:
        allow_adapter(db, profile.id, args.refuse, False)
    if args.use is not None:
        if args.use not in {adapter.id for adapter in list_adapters(db, profile.id)}:
            raise UnknownAdapter(
                f'There is no adapter number {args.use} in the profile "{profile.name}": list them with the adapters command.'
            )
        use_adapter(db, args.use)
    return [
        {"id": adapter.id, "current": adapter.current, "stale": adapter.stale, "allowed": adapter.allowed, "base": adapter.base_id,
         "created": adapter.created, "facts": len(adapter.fact_ids), "bytes": adapter.size, "sha256": adapter.sha256}
        for adapter in list_adapters(db, profile.id)
    ]  # fmt: skip


def run_certificates(db: Database, args: argparse.Namespace) -> Any:
    profile = load_profile(db, args.profile)
    return [load_certificate(db, profile.id, args.id)] if args.id is not None else list_certificates(db, profile.id)


def run_check(home: Path, _: argparse.Namespace) -> dict[str, Any]:
    return check_store(home)


def run_backup(home: Path, args: argparse.Namespace) -> dict[str, Any]:
    return back_up(home, args.to)


def run_restore(home: Path, args: argparse.Namespace) -> dict[str, Any]:
    return restore(home, args.file)


def run_encrypt(home: Path, _: argparse.Namespace) -> dict[str, Any]:
    return encrypt(home, ask_passphrase("New passphrase", "KEEPSAKE_PASSPHRASE", twice=True))


def run_decrypt(home: Path, _: argparse.Namespace) -> dict[str, Any]:
    return decrypt(home, ask_passphrase("Passphrase", "KEEPSAKE_PASSPHRASE"))


def run_passphrase(home: Path, _: argparse.Namespace) -> dict[str, Any]:
    old = ask_passphrase("Present passphrase", "KEEPSAKE_PASSPHRASE")
    return change_passphrase(home, old, ask_passphrase("New passphrase", "KEEPSAKE_NEW_PASSPHRASE", twice=True))


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
    command = add("facts", run_facts, listing.show_facts, "list a profile's facts, after changing them if asked to")
    command.add_argument(
        "--add", action="append", default=[], metavar="TEXT", help='a fact about the person: "Your cat is called Biscuit."'
    )
    command.add_argument("--edit", action="append", default=[], nargs=2, metavar=("ID", "TEXT"), help="correct a fact's text")
    for name, text in (
        ("pin", "a newer fact will not replace these"), ("unpin", "take the pin off"), ("skip", "do not learn or retrieve these"),
        ("learn", "learn and retrieve these again"),
    ):  # fmt: skip
        command.add_argument(f"--{name}", type=int, nargs="+", default=[], metavar="ID", help=text)
    command = add("search", run_search, listing.show_hits, "find the person's facts and messages for a question")
    command.add_argument("query", nargs="+", metavar="QUERY")
    command.add_argument("--k", type=_count, default=8, metavar="N", help="how many hits (default: 8)")
    command.add_argument("--words-only", action="store_true", help="without sentence vectors")
    add(
        "embed",
        run_embed,
        listing.show_embedded,
        "prepare the search: make the sentence vectors that are missing (stopped, it goes on later)",
    )
    add("profiles", run_profiles, listing.show_profiles, "list the profiles", "none")
    command = add("forget", run_forget, listing.show_forgotten, "delete a fact, a message or all of a profile, for good")
    what = command.add_mutually_exclusive_group(required=True)
    what.add_argument("--fact", type=int, metavar="ID")
    what.add_argument("--message", type=int, metavar="ID")
    what.add_argument("--all", action="store_true", help="everything but the profile's name")
    command = add(
        "adapters", run_adapters, listing.show_adapters, "list a profile's adapters; say which is used, and whether a stale one may be"
    )
    command.add_argument("--use", type=int, metavar="ID", help="make it the current one")
    command.add_argument("--allow", type=int, metavar="ID", help="use it although it knows something that was forgotten")
    command.add_argument("--refuse", type=int, metavar="ID", help="take that back")
    command = add("certificates", run_certificates, listing.show_certificates, "what was forgotten, when, and what was proved; no content")
    command.add_argument("--id", type=int, metavar="ID")
    command = add("profile", run_profile, listing.show_profile, "show or change what a person typed about themselves")
    command.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="an empty value removes it")
    command.add_argument("--about", metavar="TEXT|@FILE", help="the free text, or the file that holds it")
    command = add("export", run_export, listing.show_export, "write all of a profile to one file")
    command.add_argument("file", type=Path, metavar="FILE")
    command = add(
        "import-profile", run_import_profile, listing.show_imported_profile, "read a profile from a file that export wrote", "none"
    )
    command.add_argument("file", type=Path, metavar="FILE")
    command.add_argument("--profile", metavar="NAME", help="another name than that in the file")
    command = add("rename", run_rename, listing.show_profile, "give a profile another name")
    command.add_argument("name", metavar="NEW_NAME")
    command = add("duplicate", run_duplicate, listing.show_profile, "copy all of a profile")
    command.add_argument("name", metavar="NEW_NAME")
    add("delete", run_delete, listing.show_forgotten, "delete a profile and all of it, for good")

    def add_folder(name: str, run: Callable[[Path, argparse.Namespace], Any], show: Callable[[Any], str], text: str) -> Any:
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--json", action="store_true", help="print JSON")
        command.set_defaults(run=run, show=show, folder_command=True)
        return command

    add_folder("check", run_check, listing.show_check, "look for damage: the file, references, search index, orphaned rows, adapters")
    command = add_folder("backup", run_backup, listing.show_backup, "a checked copy of the store, also while it is in use")
    command.add_argument("--to", type=Path, metavar="FILE|FOLDER", help="default: backups/ in the data folder")
    add_folder("encrypt", run_encrypt, listing.show_encryption, "encrypt the store with a passphrase (asked for, or KEEPSAKE_PASSPHRASE)")
    add_folder("decrypt", run_decrypt, listing.show_encryption, "write the store as a plain file again")
    add_folder("passphrase", run_passphrase, listing.show_encryption, "change the passphrase (the new one: KEEPSAKE_NEW_PASSPHRASE)")
    command = add_folder("restore", run_restore, listing.show_restore, "put a backup in the place of the store; what was there is kept")
    command.add_argument("file", type=Path, metavar="FILE")
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


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise UnknownFact(f'"{text}" is no number of a fact: list them with the facts command.') from error


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
