"""Hashes that name a text without keeping it: what was said or known comes in, a short key comes out.

Keyed with the profile's own random salt, so that a hash left after forgetting cannot be looked up in a list of hashes
made elsewhere.
"""

import hashlib
import unicodedata

from sqlite_utils import Database

from memory.errors import UnknownProfile
from memory.store.database import fetch_one


def profile_salt(db: Database, profile_id: int) -> bytes:
    """The random bytes of this profile; raises UnknownProfile."""
    row = fetch_one(db, "SELECT salt FROM profiles WHERE id = ?", [profile_id])
    if row is None:
        raise UnknownProfile(f"There is no profile number {profile_id}: it may have been deleted meanwhile.")
    return bytes(row["salt"])


def hash_parts(salt: bytes, *parts: object) -> str:
    """A 128-bit hash of the parts; the unit separator keeps ("ab", "c") apart from ("a", "bc")."""
    joined = "\x1f".join("" if part is None else str(part) for part in parts)
    return hashlib.blake2b(joined.encode("utf-8", "surrogatepass"), key=salt, digest_size=16).hexdigest()


def normalise_fact(text: str) -> str:
    """The text by which two facts count as one: case, outer punctuation and runs of blanks do not matter."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return " ".join(folded.split()).strip(" .!?;,")
