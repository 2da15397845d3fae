"""Who in a chat is the person: a scan of the messages and a profile come in, one sender's name comes out.

The words of everybody else are kept as context but are never the person's.
"""

import re
from collections import Counter

from sqlite_utils import Database

from memory.errors import UnknownSender
from memory.import_report import Scan
from memory.importers.export import ASSISTANT, PERSON, USER
from memory.store import Profile, list_senders

SHOWN_SENDERS = 12


def guess_me(db: Database, profile: Profile, scan: Scan, owner: str | None = None) -> str:
    """The sender who is most likely the person.

    In turn: "user" if only assistants are talked to; who is known as the person from before; whose account the export is of (`owner`);
    whose name is that of the profile or its form; who takes part in most conversations; who wrote most. A chat named after a sender is
    with them.
    """
    senders = [sender for sender, role in scan.roles if role == PERSON]
    if not senders:
        return USER
    known = _known_senders(db, profile)
    names = [profile.form.get("name", ""), profile.name]
    return (
        next((sender for sender in known if sender in senders), None)
        or (owner if owner in senders else None)
        or next((found for name in names if (found := _named_like(name, senders))), None)
        or _most_present(scan)
    )


def resolve_me(db: Database, profile: Profile, scan: Scan, me: str) -> str:
    """The sender that the user named, as written in the export (case does not matter).

    Raises UnknownSender, which lists the senders. A sender known from earlier imports may be missing in this one.
    """
    counts: Counter[str] = Counter()
    for (sender, role), count in scan.roles.items():
        counts[sender] += count * (role != ASSISTANT)
    counts = +counts
    wanted = me.strip()
    earlier = _known_senders(db, profile)
    for sender in [*counts, *earlier]:
        if sender == wanted:
            return sender
    folded = [sender for sender in counts if sender.casefold() == wanted.casefold()]
    if len(folded) == 1:
        return folded[0]
    listed = ", ".join(f'"{sender}"' for sender, _ in counts.most_common(SHOWN_SENDERS)) or "none"
    raise UnknownSender(f'Nobody called "{wanted}" writes in this export; the senders are {listed}: name one of them.')


def _known_senders(db: Database, profile: Profile) -> list[str]:
    """The names under which the person wrote before, the one last stated first."""
    flagged = [row["sender"] for row in list_senders(db, profile.id) if row["me"] and row["sender"] != USER]
    return [profile.me, *flagged] if profile.me else flagged


def _named_like(name: str, senders: list[str]) -> str | None:
    """The one sender with this name, or whose words are among the name's or the other way round ("nora")."""
    words = _words(name)
    if not words:
        return None
    same = [sender for sender in senders if _words(sender) == words]
    like = same or [sender for sender in senders if (own := _words(sender)) and (own <= words or words <= own)]
    return like[0] if len(like) == 1 else None


def _most_present(scan: Scan) -> str:
    chats = Counter(sender for conversation, sender in scan.pairs if conversation != sender)
    counts = Counter({sender: count for (sender, role), count in scan.roles.items() if role == PERSON})
    return max(counts, key=lambda sender: (chats[sender], counts[sender]))


def _words(name: str) -> set[str]:
    return set(re.findall(r"\w+", name.casefold()))
