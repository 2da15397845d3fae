"""What a person types about themselves: a form and a free text come in, facts and messages to study come out."""

import re
import unicodedata

from sqlite_utils import Database

from memory.errors import BadForm
from memory.importers.export import USER, ParsedMessage, clean_text
from memory.store import (
    ABOUT_ME,
    NewFact,
    Profile,
    add_facts,
    delete_messages,
    edit_fact,
    fact_of_field,
    find_fact,
    list_messages,
    load_profile,
    remove_facts,
    save_form,
    save_messages,
    transaction,
)

LONGEST_FIELD, LONGEST_VALUE, LONGEST_ABOUT = 60, 500, 20_000


def save_profile_form(db: Database, profile: Profile, form: dict[str, str], about: str) -> Profile:
    """Replaces a profile's form and free text, and brings its facts and "About me" messages in line; raises BadForm.

    A changed field edits its fact, an emptied one removes it; a sentence that stays keeps what was learnt from it.
    """
    fields = {tidy_field(field): tidy_value(value) for field, value in form.items()}
    fields = {field: value for field, value in fields.items() if value}
    about = clean_text(about)
    if len(about) > LONGEST_ABOUT:
        raise BadForm(f"The text about you has {len(about)} letters, more than {LONGEST_ABOUT}: shorten it.")
    with transaction(db):
        save_form(db, profile.id, fields, about)
        _save_field_facts(db, profile, fields)
        changed = load_profile(db, profile.name)
        _save_about(db, changed, about)
    return changed


def tidy_field(field: str) -> str:
    """A field's name in lower case with single blanks; raises BadForm."""
    tidy = " ".join(field.replace("_", " ").split()).casefold()
    if not 1 <= len(tidy) <= LONGEST_FIELD or "{" in tidy or "}" in tidy:
        raise BadForm(f'The field name "{field}" cannot be used: give 1 to {LONGEST_FIELD} letters, such as city.')
    return tidy


def tidy_value(value: str) -> str:
    """A field's value on one line; raises BadForm."""
    tidy = " ".join(unicodedata.normalize("NFC", clean_text(value)).split())
    if len(tidy) > LONGEST_VALUE:
        raise BadForm(f"A form field holds at most {LONGEST_VALUE} letters, and one has {len(tidy)}: use the text instead.")
    return tidy


def _save_field_facts(db: Database, profile: Profile, fields: dict[str, str]) -> None:
    for field, old in profile.form.items():
        fact, new = find_fact(db, profile.id, fact_of_field(field, old)), fields.get(field)
        if fact is None or fact.source != "profile" or new == old:
            continue
        if new is None or find_fact(db, profile.id, fact_of_field(field, new)):
            remove_facts(db, [fact.id])
        else:
            edit_fact(db, fact.id, fact_of_field(field, new))
    add_facts(db, profile.id, [NewFact(fact_of_field(field, value), None, "profile") for field, value in fields.items()])


def _save_about(db: Database, profile: Profile, about: str) -> None:
    """One message a sentence, said by the person; those that are no longer in the text go, with what rests on them."""
    sender = profile.me or profile.form.get("name") or profile.name
    wanted = [ParsedMessage(ABOUT_ME, sender, USER, None, text) for text in _sentences(about)]
    texts = {message.text for message in wanted}
    stored = [m for m in list_messages(db, profile.id, only_me=True) if m.conversation == ABOUT_ME and m.timestamp is None]
    stale = [m.id for m in stored if m.text not in texts]
    delete_messages(db, profile.id, stale)
    kept = {m.text for m in stored}
    save_messages(db, profile.id, [m for m in wanted if m.text not in kept], sender)


def _sentences(about: str) -> list[str]:
    parts = [part.strip() for line in about.split("\n") for part in re.split(r"(?<=[.!?])\s+(?=[^\Wa-z\d_])", line)]
    return list(dict.fromkeys(part for part in parts if part))
