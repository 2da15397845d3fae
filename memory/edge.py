"""The edge of every command line: a result becomes text or JSON on stdout, an error one sentence on stderr and an exit status.

Exit status: 0 done, 1 an error explained in one sentence, 2 wrong usage (argparse), 130 stopped by the user.
"""

import argparse
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from sqlite_utils import Database

from memory.errors import KeepsakeError
from memory.store import data_folder, open_store

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
    if getattr(args, "folder_command", False):
        return args.run(data_folder(), args)
    db = open_store()
    try:
        return args.run(db, args)
    finally:
        db.close()


def _fail(args: argparse.Namespace, sentence: str, status: int) -> int:
    if args.json:
        print(json.dumps({"error": sentence}, ensure_ascii=False))
    print(sentence, file=sys.stderr)
    return status


def save_trace() -> str:
    """Appends the traceback to the log in the data folder; returns where it is, for the end of the sentence."""
    try:
        path = data_folder() / LOG_NAME
        with path.open("a", encoding="utf-8") as log:
            log.write(traceback.format_exc() + "\n")
    except (OSError, KeepsakeError):
        return ": the log could not be written either"
    return f"; the details are in {path}"
