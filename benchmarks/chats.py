"""Persons from openly licensed dialogue: persona chat, and what patients tell a doctor. Read from `../shared/data`, never copied here.

In: a folder laid out like `../shared/data` (its NOTICE names sources and licences). Out: `Person`s whose facts are their own sentences; the
last reply of each conversation is held out for the style questions. A patient is composed of several dialogues, since one says too little.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

from benchmarks.people import ME, Asked, Person
from pocket.dialogue import is_held_out
from pocket.items import keywords
from tuning.person import said_back
from tuning.scores import normal_words

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
DIALOGUES_A_PATIENT = 4
FACTS_MOST = 24
ASKS = {
    "direct": ("What have I mentioned concerning {}?", "Which of the things I said were about {}?"),
    "reworded": ("Fill me in on {} in my life.", "Where does {} come into my story?"),
}
DOCTOR_ASKS = ("A doctor wants to know about {}, what do I answer?", "For the medical form: what goes in under {}?")
PRIVATE_ASKS = ("A friend at dinner brings up {}, what did I say of it?", "For my holiday album: what is there about {}?")
_EMPTY = frozenset(
    "time times things thing something anything everything nothing someone lately still really much many lots little good great nice fine "
    "been being have having getting going doing make made take took keep like love want know think feel feeling experiencing experienced "
    "because before after while with without about around through into over under again recently currently usually always never often "
    "able unsure sure scared worried some any all every each other another most more less well even also only just".split()
)
_NOT_A_FACT = re.compile(
    r"\b(?:will|would|know|sure|think|thank|appreciate|hope|glad|sorry|understand|agree|see|guess|just|wanted|look forward|definitely|try|going to|"
    r"recommend\w*|advice|doctor|question|questions|that)\b|^\S+ \S+ \S+$|\byou\b.*\byou\b|\bdo that\b",
    re.IGNORECASE,
)
_NOISE = re.compile(r"\[[^\]]*\]|https?:|[{}<>|]|User \d")

Turns = list[tuple[str, str]]


def persona_people(folder: Path, count: int, seed: int) -> list[Person]:
    """Persons of persona chats that pocket never trained on: their persona as first messages, then their turns."""
    people = []
    for row in _rows(folder / "spc" / "spc_valid.jsonl"):
        turns = [(speaker, text.strip()) for speaker, text in row["turns"]]
        if not is_held_out(f"spc:{row['id']}") or any(_NOISE.search(text) for _, text in turns):
            continue
        for who in ("1", "2"):
            persona = [line.strip() for line in row["persona"][who] if not _NOISE.search(line)]
            opening = [(ME, line) for line in persona]
            chat: Turns = [(ME if speaker == who else "Sam", text) for speaker, text in turns]
            people.append(_person(f"{row['id']}-{who}", "persona", opening, [chat]))
    return _pick([person for person in people if len(person.profile) >= 3], count, seed)


def medical_people(folder: Path, count: int, seed: int) -> list[Person]:
    """Patients, each composed of several dialogues of MaLP and MTS-Dialog."""
    dialogues = [chat for chat in [*_malp(folder / "malp"), *_mts(folder / "mts_dialog")] if sum(sender == ME for sender, _ in chat) >= 2]
    Random(f"medical:{seed}").shuffle(dialogues)
    people = []
    for number in range(0, len(dialogues) - DIALOGUES_A_PATIENT, DIALOGUES_A_PATIENT):
        person = _person(f"patient-{seed}-{number}", "medical", [], dialogues[number : number + DIALOGUES_A_PATIENT])
        if len(person.profile) >= 6:
            people.append(person)
        if len(people) == 8 * count:
            break
    return _pick(people, count, seed)


def ask_about(person: Person, others: Sequence[Person], seed: int, asks: dict[str, tuple[str, ...]] | None = None) -> None:
    """Give a person their questions: about each fact by one of its words, about what only others said, and the held-out replies."""
    rng = Random(f"{person.name}:{seed}")
    common = Counter(word for other in [person, *others] for fact in other.profile for word in set(normal_words(fact)))
    everything = set(normal_words(" ".join(text for _, text in person.messages)))
    asked_for: set[tuple[str, str]] = set()
    for fact in person.profile:
        words = telling_words(fact, common)
        if len(words) < 2:
            continue
        value, named = words[0], words[1]
        if (value, named) in asked_for:
            continue
        asked_for.add((value, named))
        for kind, forms in (asks or ASKS).items():
            person.questions.append(Asked(rng.choice(forms).format(named.lower()), value, kind, fact))
    told = [telling_words(fact, common) for other in others for fact in other.profile]
    unsaid = sorted({words[1].lower() for words in told if len(words) > 1} - everything)
    for word in rng.sample(unsaid, min(len(unsaid), max(4, len(person.profile) // 2))):
        person.questions.append(Asked(rng.choice(next(iter((asks or ASKS).values()))).format(word), "", "unknown"))


def telling_words(fact: str, common: Counter[str]) -> list[str]:
    """The words of a fact that tell most, rarest among all persons' facts first."""
    words = [word for word in dict.fromkeys(keywords(fact)) if len(word) > 3 and "'" not in word and word.lower() not in _EMPTY]
    return sorted(words, key=lambda word: common[word.lower()])


def cross_domain(person: Person, other_domain: Sequence[Person], seed: int) -> Person:
    """The same person asked from the other domain: about their facts in its words, and about what only people there said."""
    forms = DOCTOR_ASKS if person.domain == "persona" else PRIVATE_ASKS
    crossed = Person(f"{person.name}-asked-elsewhere", f"{person.domain} asked elsewhere", person.messages, person.profile)
    ask_about(crossed, other_domain, seed, {"direct": forms})
    return crossed


def _person(name: str, domain: str, opening: Turns, chats: Sequence[Turns]) -> Person:
    """A person from chats; the last reply of each chat is held out and asked for as style."""
    person = Person(name, domain, list(opening), [])
    held_out: list[Asked] = []
    for chat in chats:
        place = next((n for n in range(len(chat) - 1, 0, -1) if _is_reply(chat, n)), None)
        if place is not None:
            asked = f'Someone writes to me: "{chat[place - 1][1]}" Write my reply.'
            held_out.append(Asked(asked, chat[place][1], "style", chat[place][1]))
        person.messages += [turn for n, turn in enumerate(chat) if n != place]
    own = [text for sender, text in person.messages if sender == ME]
    facts = dict.fromkeys(fact for text in own for fact in said_back(text if text.endswith((".", "!", "?")) else f"{text}."))
    person.profile = [fact for fact in facts if not _NOT_A_FACT.search(fact)][:FACTS_MOST]
    person.questions = held_out
    return person


def _is_reply(chat: Turns, place: int) -> bool:
    """Whether a turn is the person's answer to somebody, of a length worth comparing."""
    return (
        chat[place][0] == ME
        and chat[place - 1][0] != ME
        and 5 <= len(chat[place][1].split()) <= 30
        and len(chat[place - 1][1].split()) <= 30
    )


def _pick(people: list[Person], count: int, seed: int) -> list[Person]:
    chosen = Random(f"pick:{seed}").sample(people, min(count, len(people)))
    for person in chosen:
        ask_about(person, [other for other in people if other.name != person.name][:40], seed)
    return chosen


def _malp(folder: Path) -> list[Turns]:
    """Dialogues of MaLP: a list of turns, each with what the assistant and the user said; role prefixes and quotes are taken off."""
    found = []
    for path in sorted(folder.glob("dialogues*_cleaned.json")):
        for dialogue in json.loads(path.read_text()):
            turns: Turns = []
            for turn in dialogue:
                for said in turn.values():
                    turns += [(name, _plain(said.get(key, ""))) for key, name in (("Assistant", "Doctor"), ("User", ME))]
            if (
                turns
                and not any(re.match(r"Doctor:", said) for name, said in turns if name == ME)
                and not any(_NOISE.search(t) for _, t in turns)
            ):
                found.append([turn for turn in turns if turn[1]])
    return found


def _mts(folder: Path) -> list[Turns]:
    """Dialogues of MTS-Dialog between a doctor and the patient alone."""
    rows = [row for path in sorted(folder.glob("*.jsonl")) for row in _rows(path)]
    return [
        [(ME if speaker == "Patient" else "Doctor", text.strip()) for speaker, text in row["turns"]]
        for row in rows
        if {speaker for speaker, _ in row["turns"]} == {"Doctor", "Patient"} and not any(_NOISE.search(text) for _, text in row["turns"])
    ]


def _plain(text: str) -> str:
    return re.sub(r"^(?:Patient|Doctor):\s*", "", text.strip().strip('"')).strip().strip('"').split("\n")[0].strip()


def _rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()] if path.is_file() else []
