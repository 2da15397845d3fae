"""The room of profiles: a name comes in, a Profile (a person, what they are called in chats, their form) comes out."""

import json
import secrets
import unicodedata
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from memory.errors import BadProfileName, UnknownProfile
from memory.store.database import fetch, fetch_one, now, purge, request_purge, to_json, transaction
from memory.store.forgetting import count_rows, drop_facts_of_others

LONGEST_NAME = 60


@dataclass(frozen=True)
class Profile:
    """One person: `me` is their sender name in chat exports, `form` and `about` what they typed about themselves."""

    id: int
    name: str
    me: str | None
    form: dict[str, str]
    about: str
    created: str


def check_profile_name(name: str) -> str:
    """The name as it is stored (trimmed, composed Unicode); raises BadProfileName."""
    tidy = unicodedata.normalize("NFC", name.strip())
    if not 1 <= len(tidy) <= LONGEST_NAME:
        raise BadProfileName(f"A profile name has 1 to {LONGEST_NAME} characters, and this one has {len(tidy)}.")
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in tidy):
        raise BadProfileName(f"The profile name {tidy!r} contains a control character: choose a name of letters and digits.")
    if "/" in tidy or "\\" in tidy or tidy.startswith("."):
        raise BadProfileName(f'The profile name "{tidy}" may not contain a slash or begin with a dot: choose another.')
    return tidy


def create_profile(db: Database, name: str) -> Profile:
    """A new, empty profile; raises BadProfileName for a name that is taken or cannot be used."""
    name = check_profile_name(name)
    with transaction(db):
        if fetch_one(db, "SELECT 1 FROM profiles WHERE name = ?", [name]):
            raise BadProfileName(f'There is already a profile named "{name}": choose another name.')
        db.execute("INSERT INTO profiles (name, salt, created) VALUES (?, ?, ?)", [name, secrets.token_bytes(16), now()])
    return load_profile(db, name)


def load_profile(db: Database, name: str) -> Profile:
    """The profile of this name; raises UnknownProfile, which lists the existing names."""
    tidy = check_profile_name(name)
    row = fetch_one(db, "SELECT * FROM profiles WHERE name = ?", [tidy])
    if row is None:
        names = ", ".join(f'"{profile.name}"' for profile in list_profiles(db))
        known = f"the profiles are {names}" if names else "there are none yet: import a chat export first"
        raise UnknownProfile(f'There is no profile named "{tidy}"; {known}.')
    return _profile(row)


def find_profile(db: Database, name: str) -> Profile | None:
    """The profile of this name, or None."""
    row = fetch_one(db, "SELECT * FROM profiles WHERE name = ?", [check_profile_name(name)])
    return _profile(row) if row else None


def ensure_profile(db: Database, name: str) -> Profile:
    """The profile of this name, created if it is new."""
    name = check_profile_name(name)
    with transaction(db):
        if not fetch_one(db, "SELECT 1 FROM profiles WHERE name = ?", [name]):
            create_profile(db, name)
    return load_profile(db, name)


def list_profiles(db: Database) -> list[Profile]:
    """Every profile, oldest first."""
    return [_profile(row) for row in fetch(db, "SELECT * FROM profiles ORDER BY id")]


def save_form(db: Database, profile_id: int, form: dict[str, str], about: str) -> None:
    """Replaces the form and the free text; making facts of them is memory/profile_facts.py's work."""
    with transaction(db):
        db.execute("UPDATE profiles SET form = ?, about = ? WHERE id = ?", [to_json(form), about, profile_id])


def set_me(db: Database, profile_id: int, sender: str) -> None:
    """Says which sender is the person: flags the messages anew and drops facts that now rest on another's words.

    The user's side of a chat with an assistant is the person's whatever the name; the assistant's never is.
    """
    with transaction(db):
        save_me(db, profile_id, sender)
        flag_messages(db, profile_id, sender)
        drop_facts_of_others(db, profile_id)


def save_me(db: Database, profile_id: int, sender: str) -> None:
    """Notes the person's sender name for later imports; messages that are stored keep their flags (see set_me)."""
    with transaction(db):
        db.execute("UPDATE profiles SET me = ? WHERE id = ?", [sender, profile_id])


def flag_messages(db: Database, profile_id: int, sender: str, conversations: list[str] | None = None) -> int:
    """Sets messages.me for a sender, in all or some conversations; returns how many flags changed.

    A message whose flag changed is to be studied again, so its studied marks go.
    """
    where = "" if conversations is None else "AND conversation IN (SELECT value FROM json_each(:conversations))"
    rule = "CASE role WHEN 'user' THEN 1 WHEN 'assistant' THEN 0 ELSE sender = :sender END"
    given = {"profile": profile_id, "sender": sender, "conversations": to_json(conversations)}
    changed = fetch(db, f"SELECT id FROM messages WHERE profile_id = :profile {where} AND me <> {rule}", given)
    ids = {"ids": to_json([row["id"] for row in changed])}
    if changed:
        db.execute("DELETE FROM studied WHERE message_id IN (SELECT value FROM json_each(:ids))", ids)
        db.execute("UPDATE messages SET me = 1 - me WHERE id IN (SELECT value FROM json_each(:ids))", ids)
    return len(changed)


def rename_profile(db: Database, profile_id: int, name: str) -> Profile:
    """Gives a profile another name; raises BadProfileName for one that is taken or cannot be used."""
    name = check_profile_name(name)
    with transaction(db):
        other = fetch_one(db, "SELECT id FROM profiles WHERE name = ?", [name])
        if other and other["id"] != profile_id:
            raise BadProfileName(f'There is already a profile named "{name}": choose another name.')
        db.execute("UPDATE profiles SET name = ? WHERE id = ?", [name, profile_id])
    return load_profile(db, name)


def delete_profile(db: Database, profile_id: int) -> dict[str, int]:
    """Removes the person and everything of theirs, and purges the file; returns what went, by table."""
    with transaction(db):
        went = count_rows(db, profile_id)
        db.execute("DELETE FROM profiles WHERE id = ?", [profile_id])
        request_purge(db)
    purge(db)
    return went


def _profile(row: dict[str, Any]) -> Profile:
    return Profile(row["id"], row["name"], row["me"], json.loads(row["form"]), row["about"], row["created"])
