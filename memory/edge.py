"""The edge of every command line: a result becomes text or JSON on stdout, an error one sentence on stderr and an exit status.

Exit status: 0 done, 1 an error explained in one sentence, 2 wrong usage (argparse), 130 stopped by the user.
"""

import argparse
import getpass
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlite_utils import Database

from memory.errors import KeepsakeError, StoreLocked, WrongPassphrase
from memory.store import data_folder, open_store, unlock
from memory.store.engine import PIPE, take_over
from memory.store.files import LARGEST_LOG, put_aside

LOG_NAME = "keepsake.log"

Command = Callable[[Database, argparse.Namespace], Any]


def run_command(parser: argparse.ArgumentParser, argv: Sequence[str] | None = None) -> int:
    """Runs the command that `argv` names; its parser set `run(db, args)` and `show(result)`. Returns the exit status."""
    args = parser.parse_args(argv)
    # Progress bars and warnings of libraries are noise beside a result.
    os.environ.setdefault("TQDM_DISABLE", "1")
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        result = _run(args)
        print(json.dumps(result, ensure_ascii=False, indent=1) if args.json else args.show(result), flush=True)
        return 1 if isinstance(result, dict) and result.get("ok") is False else 0
    except BrokenPipeError:
        # The reader (head, less) has had enough; keeps Python from complaining when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return _fail(args, "Stopped; nothing was left half done.", 130)
    except KeepsakeError as error:
        return _fail(args, str(error), 1)
    except Exception as error:  # noqa: BLE001 - the edge: anything else is a bug, told in a sentence and logged
        return _fail(args, f"Something unexpected went wrong ({type(error).__name__}){save_trace()}.", 1)


def _run(args: argparse.Namespace) -> Any:
    """The command's result; a command of a folder (check, restore) opens the store itself, for it may not open."""
    if os.environ.pop(PIPE, None):
        take_over(sys.stdin.readline())  # the page's key, through a pipe: neither an argument nor the environment
    try:
        return _run_once(args)
    except StoreLocked:
        if not sys.stdin.isatty():
            raise
        unlock(data_folder(), getpass.getpass("Passphrase: "))
        return _run_once(args)


def _run_once(args: argparse.Namespace) -> Any:
    if getattr(args, "folder_command", False):
        return args.run(data_folder(), args)
    db = open_store()
    try:
        return args.run(db, args)
    finally:
        db.close()


def ask_passphrase(prompt: str, variable: str, twice: bool = False) -> str:
    """A passphrase from the environment, else typed (twice for a new one); raises WrongPassphrase where there is nobody to ask."""
    given = os.environ.get(variable)
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise WrongPassphrase(f"A passphrase is needed: run the command in a terminal, or set {variable}.")
    typed = getpass.getpass(f"{prompt}: ")
    if twice and getpass.getpass("Again: ") != typed:
        raise WrongPassphrase("The two passphrases differ: nothing was changed.")
    return typed


def _fail(args: argparse.Namespace, sentence: str, status: int) -> int:
    if args.json:
        print(json.dumps({"error": sentence}, ensure_ascii=False))
    print(sentence, file=sys.stderr)
    return status


def save_trace() -> str:
    """Appends where the error arose to the log in the data folder; returns where it is, for the end of the sentence.

    The error's own words are left out: they may hold what a person wrote. The log is its owner's alone, and starts anew at `LARGEST_LOG`.
    """
    try:
        path = data_folder() / LOG_NAME
        if path.exists() and path.stat().st_size > LARGEST_LOG:
            put_aside(path)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as log:
            log.write(_plain_trace() + "\n")
    except (OSError, KeepsakeError):
        return ": the log could not be written either"
    return f"; the details are in {path}"


def _plain_trace() -> str:
    """Time, kinds of error (the cause first) and places in the code."""
    error, lines = sys.exc_info()[1], [datetime.now(UTC).isoformat(timespec="seconds")]
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    for one in reversed(chain):
        places = traceback.extract_tb(one.__traceback__)
        lines += [type(one).__name__, *(f"  {place.filename}:{place.lineno} {place.name}" for place in places)]
    return "\n".join(lines)
