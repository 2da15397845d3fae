"""Folders that appear whole or not at all, readable by their owner only: an adapter holds a person's memories.

In: a target folder and a function that fills one. Out: the folder in its place.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tuning.errors import ExportFailed

NOTE = "keepsake.json"


@contextmanager
def new_folder(target: Path, profile: str) -> Iterator[Path]:
    """A folder beside `target` to fill, which takes its place at the end; an earlier export of the same profile is replaced.

    Raises ExportFailed when `target` holds anything else.
    """
    target = target.expanduser().absolute()
    _check_free(target, profile)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise ExportFailed(f"The folder {target} cannot be made ({error.strerror}): choose another place.") from error
    try:
        yield part
        for path in part.rglob("*"):
            path.chmod(0o700 if path.is_dir() or path.suffix == ".sh" else 0o600)
        _put_in_place(part, target)
    except OSError as error:
        raise ExportFailed(f"{target} could not be written ({error.strerror}); nothing was left there.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_note(folder: Path, note: dict[str, Any]) -> None:
    """What Keepsake knows of the export, beside the files: profile, base, the system prompt that the adapter was trained with."""
    (folder / NOTE).write_text(json.dumps(note, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_note(folder: Path) -> dict[str, Any]:
    """The note of an earlier export, empty if there is none."""
    try:
        return dict(json.loads((folder / NOTE).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _check_free(target: Path, profile: str) -> None:
    if target.is_file():
        raise ExportFailed(f"{target} is a file: name a folder.")
    if target.is_dir() and any(target.iterdir()) and read_note(target).get("profile") != profile:
        raise ExportFailed(f'The folder {target} holds other files, not an export of "{profile}": name a new or empty folder.')


def _put_in_place(part: Path, target: Path) -> None:
    if not target.exists():
        os.rename(part, target)
        return
    # A directory is not renamed over a full one: the old one steps aside first, and comes back if the second step fails.
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
    os.rename(target, aside / "old")
    try:
        os.rename(part, target)
    except OSError:
        os.rename(aside / "old", target)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
