"""Accounts for a page that a household shares (`python app.py --auth`): names and hashed passwords in a file of the data folder.

python -m app.accounts add NAME [--move-data]     asks for the password; --move-data gives the account what is stored so far
python -m app.accounts remove NAME                the account's data stays in accounts/NAME
python -m app.accounts list
"""

import argparse
import base64
import getpass
import hashlib
import hmac
import json
import os
import re
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio

from app import sentences as say
from memory.errors import KeepsakeError
from memory.store import data_folder, move_store, write_whole

FILE_NAME = "accounts.json"
# A name is also the name of a folder.
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
SHORTEST_PASSWORD = 8
COST = {"n": 2**15, "r": 8, "p": 1}  # scrypt: 32 MiB and about 0.1 s a try


class BadAccount(KeepsakeError):
    """The account or its password cannot be used."""


class Accounts:
    """The file of accounts in a data folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME

    def read(self) -> dict[str, dict[str, Any]]:
        """Name -> what is kept of its password; raises BadAccount for a file that cannot be read."""
        try:
            found = json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}
        except (OSError, ValueError) as error:
            raise BadAccount(say.ACCOUNTS_UNREADABLE.format(path=self.path)) from error
        if not isinstance(found, dict):
            raise BadAccount(say.ACCOUNTS_UNREADABLE.format(path=self.path))
        return found

    def add(self, name: str, password: str) -> None:
        """Adds an account, or gives one a new password; raises BadAccount."""
        if not NAME.fullmatch(name):
            raise BadAccount(say.BAD_ACCOUNT_NAME.format(name=name))
        if len(password) < SHORTEST_PASSWORD:
            raise BadAccount(say.SHORT_PASSWORD.format(count=SHORTEST_PASSWORD))
        salt = secrets.token_bytes(16)
        kept = {"salt": _text(salt), "hash": _text(_stretch(password, salt, COST)), **COST}
        write_whole(self.path, json.dumps({**self.read(), name: kept}, indent=1))

    def remove(self, name: str) -> None:
        """Removes an account; raises BadAccount for an unknown one."""
        kept = self.read()
        if kept.pop(name, None) is None:
            raise BadAccount(say.UNKNOWN_ACCOUNT.format(name=name, names=", ".join(kept) or "none"))
        write_whole(self.path, json.dumps(kept, indent=1))

    def check(self, name: str, password: str) -> bool:
        """Whether this is the account's password; an unknown name takes as long to refuse as a wrong password."""
        kept = self.read().get(name)
        costs = {key: int(kept[key]) for key in COST} if kept else COST
        found = _stretch(password, base64.b64decode(kept["salt"]) if kept else b"no such account.", costs)
        return hmac.compare_digest(found, base64.b64decode(kept["hash"]) if kept else secrets.token_bytes(32)) and kept is not None

    async def check_in_thread(self, name: str, password: str) -> bool:
        """As check, without holding up other visitors."""
        return await anyio.to_thread.run_sync(self.check, name, password)


def _stretch(password: str, salt: bytes, cost: dict[str, int]) -> bytes:
    return hashlib.scrypt(password.encode("utf-8", "surrogatepass"), salt=salt, dklen=32, maxmem=2**27, **cost)  # type: ignore[arg-type]


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _ask_password() -> str:
    """From KEEPSAKE_PASSWORD, a pipe, or typed twice."""
    given = os.environ.get("KEEPSAKE_PASSWORD")
    if given is not None:
        return given
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != first:
        raise BadAccount(say.PASSWORDS_DIFFER)
    return first


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m app.accounts", description="Accounts of a page started with --auth.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command, text in (("add", "add an account or change its password"), ("remove", "remove an account"), ("list", "list the accounts")):
        added = commands.add_parser(command, help=text, description=text)
        if command != "list":
            added.add_argument("name", metavar="NAME")
        if command == "add":
            added.add_argument("--move-data", action="store_true", help="give the account what was stored without accounts")
    args = parser.parse_args(argv)
    try:
        root = data_folder()
        accounts = Accounts(root)
        if args.command == "list":
            print("\n".join(accounts.read()) or say.NO_ACCOUNTS)
        elif args.command == "remove":
            accounts.remove(args.name)
            print(say.ACCOUNT_REMOVED.format(name=args.name, folder=root / "accounts" / args.name))
        else:
            accounts.add(args.name, _ask_password())
            if args.move_data:
                move_store(root, root / "accounts" / args.name)
            print(say.ACCOUNT_ADDED.format(name=args.name))
    except KeepsakeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
