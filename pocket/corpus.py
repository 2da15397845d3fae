"""The training corpus of pocket: generated conversations about invented people, in the product's own prompts, and real dialogue.

    python -m pocket.corpus --show 20        # look at it

In: phrase banks and a dialogue folder. Out: documents, lists of `Turn`; batch number i is made from (seed, i) alone, so training
resumes at any step without replaying what came before. Questions about the same lines are *branches*: each sees what stands before
the branches (the trunk) and none of the others, so one prompt serves many questions and each stands as the product would ask it.
"""

import argparse
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from random import Random

import numpy as np

from pocket.banks import Relation, load_lines, load_relations
from pocket.dialogue import Conversation, load_dialogue, load_personas
from pocket.items import (
    Item,
    ask_by_name,
    ask_by_words,
    flip_person,
    give_owner,
    load_free,
    make_called,
    make_free,
    make_item,
    make_persona,
    make_wordy,
)
from pocket.near import nearest_relations
from pocket.style import ACKS, CORRECTORS, casual, digress, question
from pocket.values import LISTS, make_value
from tuning.prompts import NEVER_TOLD, render_questions, render_study, render_system

_WORD = re.compile(r"\b[a-z]{4,12}\b")
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


NEAR = 0.45  # of the documents hold facts as alike as the lines that retrieval brings for one question
CIRCLES = 0.4  # of the others speak of two people or animals again and again, as real chats do
FROM_CIRCLE = 0.7  # of their facts
CORRECTED = 0.16  # of the facts in notes have an older value there, in an earlier line
BY_NAME = 0.3  # of the people told of so: what they are called is told too, and some questions name them by it
LEAST_ABOUT = 8  # kinds of facts about somebody who may stand in a circle


def relations_about(relations: Sequence[Relation]) -> dict[str, list[int]]:
    """For each person or animal ("sister", "parrot") the relations whose slot `a` may hold it and whose questions name it."""
    found: dict[str, list[int]] = {who: [] for who in (*LISTS["person"], *LISTS["pet"])}
    for number, relation in enumerate(relations):
        kind = relation.slots.get("a", "")
        if all("{a}" in ask for ask in relation.ask):
            for who in found.keys() & {*(relation.lists.get(kind) or LISTS.get(kind) or ())}:
                found[who].append(number)
    return {who: numbers for who, numbers in found.items() if len(numbers) >= LEAST_ABOUT}


@dataclass(frozen=True)
class Turn:
    """One message of a document; `weight` is its share in the loss (1 for what the assistant says).

    `branch` 0 is the trunk, seen by everything after it; a turn of branch 1, 2... sees the trunk and its own branch.
    `source` is the text in the trunk that an answer rests on, "" for an answer that rests on nothing there, None where nobody knows.
    """

    role: str
    text: str
    weight: float
    branch: int = 0
    source: str | None = None


Document = list[Turn]


class Corpus:
    """Everything loaded once; `document(rng)` draws one document of the mixture."""

    def __init__(self, part: str = "train", data: Path = SHARED_DATA, mixture: dict[str, float] | None = None) -> None:
        self.relations = load_relations(part)
        self.topics: dict[str, list[int]] = {}
        for index, relation in enumerate(self.relations):
            self.topics.setdefault(relation.name.split(".")[0], []).append(index)
        self.about = relations_about(self.relations)
        self.about_sets = {who: set(numbers) for who, numbers in self.about.items()}
        self.free = load_free(part)
        self.chatter = load_lines(part, "chatter")
        self.neutral = [(q.strip(), a.strip()) for q, _, a in (line.partition("=>") for line in load_lines(part, "neutral")) if a]
        self.never = load_lines(part, "never")
        self.dialogue: list[Conversation] = load_dialogue(data, held_out=part != "train")
        self.personas = load_personas(data) if part == "train" else []
        texts = " ".join(line for relation in self.relations for line in (*relation.said, *relation.ask))
        self.words = sorted({word for word in _WORD.findall(texts) if word.islower()})
        self.mixture = mixture or MIXTURES[512]
        self._makers: dict[str, Callable[[Random], Document]] = {
            "notes_few": lambda rng: self.notes(rng, rng.randint(1, 3)),
            "notes_some": lambda rng: self.notes(rng, rng.randint(4, 10)),
            "notes_many": lambda rng: self.notes(rng, rng.randint(11, 34)),
            "conversation": self.conversation,
            "study_facts": self.study_facts,
            "study_questions": self.study_questions,
            "dialogue": self.talk,
            "bare": self.bare,
            "repeat": self.repeat,
        }

    def document(self, rng: Random, mixture: dict[str, float] | None = None) -> Document:
        """One document, its kind drawn from `mixture` (default: the corpus' own)."""
        mixture = mixture or self.mixture
        kinds = [kind for kind in mixture if kind != "dialogue" or self.dialogue]
        return self._makers[rng.choices(kinds, [mixture[kind] for kind in kinds])[0]](rng)

    # --- facts -------------------------------------------------------------------------------------------------------------

    def item(self, rng: Random) -> Item:
        """A fact from a relation, a free-form message or a real persona sentence."""
        draw = rng.random()
        if self.free and draw < 0.42:
            _, items = make_free(rng.choice(self.free), rng)
            if items:
                return rng.choice(items)
        if self.personas and draw > 0.88:
            item = make_persona(rng.choice(self.personas), rng)
            if item:
                return item
        item = make_item(rng.choice(self.relations), rng)
        return item if rng.random() < 0.75 else give_owner(item, rng)

    @cached_property
    def neighbours(self) -> np.ndarray:
        """For each relation the NEIGHBOURS nearest by what MiniLM makes of its wordings, itself first: (relations, NEIGHBOURS)."""
        return nearest_relations(self.relations)

    def near_items(self, rng: Random, count: int) -> list[Item]:
        """Facts as alike as what retrieval brings for one question: kinds near to one kind, most about the same one or two people."""
        people = rng.sample(sorted(self.about), 2)
        focus = rng.choice(self.about[people[0]]) if rng.random() < 0.75 else rng.randrange(len(self.relations))
        chosen: dict[str, Item] = {}
        for _ in range(8 * count):
            if len(chosen) >= count:
                break
            who, draw = people[rng.random() > 0.75], rng.random()
            if draw < 0.55:
                number = int(self.neighbours[focus][min(int(rng.expovariate(0.1)), self.neighbours.shape[1] - 1)])
            elif draw < 0.85:
                number = rng.choice(self.about[who])
            else:
                number = rng.randrange(len(self.relations))
            item = make_item(self.relations[number], rng, {"a": who} if number in self.about_sets[who] else None)
            chosen.setdefault(item.key, item)
        items = [*chosen.values(), *(self.item(rng) for _ in range(count - len(chosen)))]
        for who in people:
            told = [place for place, item in enumerate(items) if item.key.endswith(f"|{who}")]
            if len(told) > 1 and rng.random() < BY_NAME:
                called = make_called(who, rng)
                for place in told[1:]:
                    items[place] = ask_by_name(items[place], who, called.value, rng)
                items[told[0]] = called
        return items

    def items(self, rng: Random, count: int) -> list[Item]:
        """Facts that do not contradict each other; some are near one another (another sister, another day)."""
        if len(self.about) > 1 and rng.random() < NEAR:
            return self.near_items(rng, count)
        chosen: dict[str, Item] = {}
        circle = rng.sample(sorted(self.about), 2) if self.about and rng.random() < CIRCLES else []
        while len(chosen) < count:
            if circle and rng.random() < FROM_CIRCLE:
                item = self.about_somebody(rng, circle[0] if rng.random() < 0.6 else circle[1])
            else:
                item = make_wordy(self.words, rng) if rng.random() < WORDY else self.item(rng)
            if "|" in item.key and rng.random() < 0.3:  # a neighbour: the same relation about somebody else
                name = item.key.split("|")[0]
                relation = next((relation for relation in self.relations if relation.name == name), None)
                if relation:
                    second = make_item(relation, rng)
                    chosen.setdefault(second.key, second)
            chosen.setdefault(item.key, item)
        return list(chosen.values())[:count]

    def about_somebody(self, rng: Random, who: str) -> Item:
        """A fact about this person or animal."""
        return make_item(self.relations[rng.choice(self.about[who])], rng, {"a": who})

    def unsaid(self, rng: Random, known: list[Item]) -> str:
        """A question about something that none of the known facts answers, near to one of them where possible."""
        names = {item.key.split("|")[0] for item in known}
        keys = {item.key for item in known}
        near = [ask for item in known for ask in item.nearby[:3] if sum(key.split("|")[0] == item.key.split("|")[0] for key in keys) == 1]
        told_of = sorted({who for item in known if (who := item.key.rpartition("|")[2]) in self.about})
        if told_of and rng.random() < 0.4:  # something else about somebody who was spoken of
            item = self.about_somebody(rng, rng.choice(told_of))
            if item.key not in keys:
                return rng.choice(item.ask)
        draw = rng.random()
        if near and draw < 0.35:
            return rng.choice(near)
        if draw < 0.6 and known:
            topic = rng.choice(known).key.split(".")[0]
            others = [index for index in self.topics.get(topic, []) if self.relations[index].name not in names]
            if others:
                return rng.choice(make_item(self.relations[rng.choice(others)], rng).ask)
        if draw > 0.85 and self.never:
            return rng.choice(self.never)
        for _ in range(8):
            item = self.item(rng)
            if item.key.split("|")[0] not in names:
                return rng.choice(item.ask)
        return rng.choice(self.never)

    # --- kinds of document -------------------------------------------------------------------------------------------------

    def notes(self, rng: Random, count: int) -> Document:
        """Questions about `count` remembered lines in the prompt: tidy facts, raw messages, corrections, distractors."""
        items = self.items(rng, count)
        raw_share = rng.choice((0.0, 0.4, 0.6, 1.0))
        lines: list[tuple[float, str]] = []
        current = []
        sources: dict[str, str] = {}
        for item in items:
            if "|" in item.key and not item.key.startswith("persona") and rng.random() < CORRECTED:
                newer = self.newer(item, rng)
                if newer:
                    place = rng.random() * 0.5
                    sources[newer.key] = self.corrected(newer, rng, raw_share)
                    lines += [(place, self.line(item, rng, raw_share)), (place + rng.random() * 0.5, sources[newer.key])]
                    current.append(newer)
                    continue
            current.append(item)
            sources[item.key] = self.line(item, rng, raw_share)
            lines.append((rng.random(), sources[item.key]))
            if 0 < raw_share < 1 and rng.random() < 0.08:
                lines.append((rng.random(), item.fact))
        if raw_share and rng.random() < 0.3:
            lines += [(rng.random(), rng.choice(self.chatter)) for _ in range(rng.randint(1, 3))]
        notes = [text for _, text in sorted(lines)]
        return [Turn("system", render_system(notes), 0.0), *self.questions(rng, current, rng.randint(3, 5) + count * 2 // 3, sources)]

    def questions(self, rng: Random, items: list[Item], count: int, sources: dict[str, str], unsaid_share: float = 0.16) -> Document:
        """`count` branches, each one exchange or sometimes two; no item is asked for twice before every one was."""
        document: Document = []
        waiting: list[Item] = []
        for number in range(1, count + 1):
            turns: Document = []
            for _ in range(2 if rng.random() < 0.15 else 1):
                if not waiting:
                    waiting = rng.sample(items, len(items))
                unsaid = not items or rng.random() < unsaid_share
                turns += self.unsaid_exchange(rng, items) if unsaid else self.exchange(rng, waiting.pop(), sources)
            document += [replace(turn, branch=number) for turn in turns]
        return document

    def newer(self, item: Item, rng: Random) -> Item | None:
        """The same fact with another value."""
        name, _, about = item.key.partition("|")
        relation = next((relation for relation in self.relations if relation.name == name), None)
        if relation is None:
            return None
        named = [slot for slot in relation.slots if slot != "v" and any(f"{{{slot}}}" in line for line in relation.ask)]
        if len(named) > 1 or "|" in about:
            return None
        newer = make_item(relation, rng, {slot: about for slot in named})
        return newer if newer.value != item.value and newer.key == item.key else None

    def line(self, item: Item, rng: Random, raw_share: float) -> str:
        """A remembered line: the message itself or the tidy fact."""
        return digress(casual(item.said, rng), rng, 0.3) if rng.random() < raw_share else item.fact

    def corrected(self, item: Item, rng: Random, raw_share: float) -> str:
        """The line that replaces an earlier one."""
        if rng.random() < max(raw_share, 0.3):
            return f"{rng.choice(CORRECTORS)} {casual(item.said, rng)}" if rng.random() < 0.7 else casual(item.said, rng)
        return item.fact

    def unsaid_exchange(self, rng: Random, items: list[Item]) -> Document:
        """A question that nothing answers."""
        return _pair(question(self.unsaid(rng, items), rng), NEVER_TOLD, "")

    def exchange(self, rng: Random, item: Item, sources: dict[str, str]) -> Document:
        """A question and its answer, of one of the kinds that the product meets; `sources` holds the line of each item by its key."""
        draw = rng.random()
        if self.neutral and 0.24 < draw < 0.28:
            return _pair(*rng.choice(self.neutral))
        source = sources.get(item.key)
        asked, answer = self._asked(rng, item, draw, recall(item, source))
        return _pair(asked, answer, source)

    def _asked(self, rng: Random, item: Item, draw: float, known: str) -> tuple[str, str]:
        if rng.random() < 0.2 and (asked := ask_by_words(item, rng)):
            return question(asked, rng), known
        if item.use and draw > 0.8:
            request, reply = rng.choice(item.use)
            return request, f"{_closed(known)} {reply}"
        if item.rev and draw < 0.1:
            return question(rng.choice(item.rev), rng), known
        if item.yes and draw < 0.17:
            return question(rng.choice(item.yes), rng), f"Yes, {_uncapital(known)}"
        if item.no and draw < 0.24:
            return question(rng.choice(item.no), rng), f"No, {_uncapital(known)}"
        if draw < 0.31 and item.value:
            return question(f"What did I tell you about {item.value}?", rng), known
        return question(rng.choice(item.ask), rng), known

    def conversation(self, rng: Random) -> Document:
        """The person tells things as they talk, then asks for them."""
        items = self.items(rng, rng.choice((1, 1, 2, 2, 3, 4)))
        notes = [item.fact for item in self.items(rng, rng.randint(1, 4))] if rng.random() < 0.2 else []
        document = [Turn("system", render_system(notes), 0.0)]
        told: list[Item] = []
        sources: dict[str, str] = {}
        for item in items:
            reply = rng.choice(ACKS) if rng.random() < 0.75 else f"{rng.choice(ACKS)} {item.fact}"
            sources[item.key] = digress(casual(item.said, rng), rng)
            document += [Turn("user", sources[item.key], 0.1), Turn("assistant", reply, 1.0)]
            told.append(item)
            newer = self.newer(item, rng) if rng.random() < 0.2 else None
            if newer:
                sources[newer.key] = f"{rng.choice(CORRECTORS)} {casual(newer.said, rng)}"
                document += [Turn("user", sources[newer.key], 0.1)]
                document += [Turn("assistant", f"{rng.choice(ACKS)} {newer.fact}", 1.0)]
                told[-1] = newer
            if self.neutral and rng.random() < 0.25:
                document += _pair(*rng.choice(self.neutral))
        return document + self.questions(rng, told, rng.choice((2, 3, 4)), sources)

    def study_facts(self, rng: Random) -> Document:
        """Messages of the person and the facts in them, or nothing."""
        document: Document = []
        for number in range(1, rng.randint(3, 6)):
            message, facts = self._message(rng)
            prompt = render_study(message)
            document += [Turn("system", prompt[0]["content"], 0.0)] if not document else []
            document.append(Turn("user", prompt[1]["content"], 0.1, number))
            document.append(Turn("assistant", "\n".join(facts) or "nothing", 1.0, number))
        return document

    def _message(self, rng: Random) -> tuple[str, list[str]]:
        draw = rng.random()
        if self.free and draw < 0.46:
            message, items = make_free(rng.choice(self.free), rng)
            return casual(message, rng), [item.fact for item in items]
        if draw < 0.55:
            return casual(rng.choice(self.chatter), rng), []
        if draw < 0.61:
            return question(rng.choice(self.item(rng).ask), rng), []
        if draw < 0.65 and self.neutral:
            return question(rng.choice(self.neutral)[0], rng), []
        if draw < 0.69 and self.dialogue:
            asked = [text for text in rng.choice(self.dialogue) if text.endswith("?") and " my " not in text and len(text.split()) < 20]
            return (rng.choice(asked), []) if asked else (rng.choice(self.chatter), [])
        if self.personas and draw < 0.77:
            sentence = rng.choice(self.personas)
            fact = flip_person(sentence)
            return digress(casual(sentence, rng), rng), [fact if fact.endswith((".", "!")) else fact + "."]
        items = [make_item(rng.choice(self.relations), rng) for _ in range(rng.choices((1, 2), (80, 20))[0])]
        text = rng.choice((". ", "\n", ", and ")).join(item.said.rstrip(".") for item in items)
        return digress(casual(text, rng), rng), [item.fact for item in items]

    def study_questions(self, rng: Random) -> Document:
        """A fact and questions that it answers."""
        document: Document = []
        for number in (1, 2, 3):
            item = self.item(rng)
            while item.key.startswith("persona"):  # asked for by a keyword only: no model of good questions
                item = self.item(rng)
            asks = rng.sample(item.ask, min(len(item.ask), 6)) + rng.sample(item.rev, min(len(item.rev), 1))
            asks.sort()  # one order, or the likeliest question is written over and over
            prompt = render_questions(item.fact)
            document += [Turn("system", prompt[0]["content"], 0.0)] if not document else []
            document.append(Turn("user", prompt[1]["content"], 0.1, number))
            # There are many right questions: half the weight, or their noise drowns the answers.
            document.append(Turn("assistant", "\n".join(asks), 0.5, number))
        return document

    def talk(self, rng: Random) -> Document:
        """A stretch of real dialogue; the assistant takes either side."""
        conversation = rng.choice(self.dialogue)
        start = rng.randrange(max(1, len(conversation) - 5))
        document = [Turn("system", render_system(), 0.0)]
        for index, text in enumerate(conversation[start : start + rng.randint(4, 10)]):
            document.append(Turn("assistant" if index % 2 else "user", text, 1.0 if index % 2 else 0.5))
        return document

    def bare(self, rng: Random) -> Document:
        """No remembered lines: small talk is answered, questions about the person are not."""
        document = [Turn("system", render_system(), 0.0)]
        for number in range(1, rng.randint(4, 8)):
            for _ in range(rng.choice((1, 1, 1, 2))):
                small = self.neutral and rng.random() < 0.6
                pair = _pair(*rng.choice(self.neutral)) if small else self.unsaid_exchange(rng, [])
                document += [replace(turn, branch=number) for turn in pair]
        return document

    def repeat(self, rng: Random) -> Document:
        """Words without sense, said again to the letter: the densest practice in copying."""
        document = [Turn("system", render_system(), 0.0)]
        for number in range(1, rng.randint(2, 4)):
            kinds = rng.choices(("word", "name", "place", "code", "phrase"), k=rng.randint(6, 22))
            said = " ".join(make_value(kind, rng) if kind != "phrase" else rng.choice(self.words) for kind in kinds)
            asked = rng.choice(
                ("Say this again: {}", "Repeat after me: {}", "Please write this once more: {}", "{} - say that back to me.")
            )
            document += [Turn("user", asked.format(said), 0.0, number), Turn("assistant", said, 0.5, number)]
        return document


WORDY = 0.08  # of the facts in notes and conversations
# By length of a row in tokens: short documents fill short rows, so that attention costs little.
MIXTURES = {
    256: {
        "notes_few": 0.21,
        "conversation": 0.14,
        "study_facts": 0.32,
        "study_questions": 0.1,
        "dialogue": 0.06,
        "bare": 0.15,
        "repeat": 0.02,
    },  # fmt: skip
    512: {"notes_some": 0.57, "conversation": 0.16, "study_facts": 0.21, "dialogue": 0.06},
    1024: {"notes_many": 1.0},
}


def _pair(asked: str, answer: str, source: str | None = None) -> Document:
    return [Turn("user", asked, 0.1), Turn("assistant", answer, 1.0, source=source)]


def recall(item: Item, source: str | None) -> str:
    """What an answer says: a tidy fact as it stands, a raw message as it was typed.

    A model of this size copies a line far better than it rewrites one, and the person's own words are never wrong about them.
    """
    return item.fact if source is None or source == item.fact else f"You said: {source}"


def _closed(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _uncapital(fact: str) -> str:
    return fact[:1].lower() + fact[1:] if fact.startswith(("You ", "Your ", "The ", "You'")) else fact


def main() -> None:
    """Print documents of the mixture, as the model sees them."""
    parser = argparse.ArgumentParser(prog="python -m pocket.corpus", description=main.__doc__)
    parser.add_argument("--show", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", choices=sorted({kind for mixture in MIXTURES.values() for kind in mixture}))
    options = parser.parse_args()
    corpus = Corpus(mixture={options.kind: 1.0} if options.kind else None)
    for number in range(options.show):
        for turn in corpus.document(Random(f"{options.seed}:{number}")):
            print(f"{turn.branch:2} {turn.role:>9} {turn.weight:.1f} | {turn.text}".replace("\n", "\n                 | "))
        print()


if __name__ == "__main__":
    main()
