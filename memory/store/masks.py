"""The room of masks: other people's names come in, "Person 1", "Person 2"... come out, the same for the same name in every import of a profile.

The names themselves are not kept, only keyed hashes of them.
"""

import re
from collections.abc import Iterable

from sqlite_utils import Database

from memory.store.database import fetch
from memory.store.keys import hash_parts, profile_salt
from memory.store.messages import list_senders

_MASK = re.compile(r"Person (\d{1,9})")


def mask_names(db: Database, profile_id: int, names: Iterable[str]) -> dict[str, str]:
    """Each name with its mask; a new name gets the next number, above all that senders of this profile have already."""
    salt = profile_salt(db, profile_id)
    known = {row["hash"]: row["number"] for row in fetch(db, "SELECT hash, number FROM masks WHERE profile_id = ?", [profile_id])}
    worn = (_MASK.fullmatch(row["sender"]) for row in list_senders(db, profile_id))
    last = max([0, *known.values(), *(int(found[1]) for found in worn if found)])
    masks = {}
    for name in names:
        key = hash_parts(salt, "mask", name)
        if key not in known:
            last += 1
            known[key] = last
            db.execute("INSERT INTO masks (profile_id, hash, number) VALUES (?, ?, ?)", [profile_id, key, last])
        masks[name] = f"Person {known[key]}"
    return masks
