"""The demo person: the chats, form and questions in memory/demo/ come in, an imported profile comes out.

All people and places in it are invented (see memory/demo/facts.md).
"""

import json
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from memory.importing import import_files
from memory.profile_facts import save_profile_form
from memory.store import Profile, ensure_profile, load_profile, transaction

FOLDER = Path(__file__).parent / "demo"
EXPORTS = ("whatsapp.txt", "chatgpt.json")


def import_demo(db: Database, name: str = "demo") -> Profile:
    """The demo profile with form, free text and both chats; importing it again changes nothing."""
    given = json.loads((FOLDER / "profile.json").read_text(encoding="utf-8"))
    with transaction(db):
        profile = ensure_profile(db, name)
        import_files(db, name, [FOLDER / export for export in EXPORTS], me=given["form"]["name"])
        # A person who has already changed the demo's form keeps their changes.
        if not profile.form and not profile.about:
            save_profile_form(db, load_profile(db, name), given["form"], given["about"])
    return load_profile(db, name)


def demo_questions() -> list[dict[str, Any]]:
    """Questions about the demo person with their answers and kinds, in the order of the file."""
    lines = (FOLDER / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]
