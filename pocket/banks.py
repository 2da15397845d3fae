"""Reads the phrase banks of `banks/` (format: banks/FORMAT.md). In: text files. Out: relations."""

import re
from dataclasses import dataclass, field
from pathlib import Path

BANKS = Path(__file__).parent / "banks"
_SLOT = re.compile(r"{(\w+)}")


@dataclass(frozen=True)
class Relation:
    """One kind of fact with its phrasings; `slots` maps a slot to its type, `lists` are the file's own value lists."""

    name: str
    slots: dict[str, str]
    lists: dict[str, list[str]]
    said: list[str] = field(default_factory=list)
    fact: list[str] = field(default_factory=list)
    ask: list[str] = field(default_factory=list)
    rev: list[str] = field(default_factory=list)
    yes: list[str] = field(default_factory=list)
    use: list[tuple[str, str]] = field(default_factory=list)

    def problems(self) -> list[str]:
        """What breaks the rules of the format, one sentence each."""
        found = []
        if not (self.said and self.fact and self.ask and "v" in self.slots):
            found.append(f"{self.name}: said, fact, ask and slot v are needed")
        needed = {slot for line in self.fact for slot in _SLOT.findall(line)}
        found += [
            f"{self.name}: said line lacks a slot of the fact: {line}" for line in self.said if not needed <= set(_SLOT.findall(line))
        ]
        found += [f"{self.name}: ask line holds the asked value: {line}" for line in self.ask if "{v}" in line]
        every = [*self.said, *self.fact, *self.ask, *self.rev, *self.yes, *(part for pair in self.use for part in pair)]
        found += [f"{self.name}: unknown slot in: {line}" for line in every if not set(_SLOT.findall(line)) <= set(self.slots)]
        return found


def load_relations(part: str) -> list[Relation]:
    """All relations of `banks/<part>` (train or exam), in file order."""
    files = sorted((BANKS / part).glob("*.txt"))
    return [relation for path in files if "@ " in path.read_text() for relation in parse_bank(path.read_text())]


def load_lines(part: str, name: str) -> list[str]:
    """The lines of a plain list such as chatter, neutral or never; empty where the file is missing."""
    path = BANKS / part / f"{name}.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def parse_bank(text: str) -> list[Relation]:
    """Relations of one bank file."""
    lists: dict[str, list[str]] = {}
    relations: list[Relation] = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        head, _, rest = line.partition(" ")
        if head == "list":
            name, _, items = rest.partition("=")
            lists[name.strip()] = [item.strip() for item in items.split("|")]
        elif head == "@":
            relations.append(Relation(rest.strip(), {}, lists))
        elif head == "slots":
            relations[-1].slots.update((slot, kind) for slot, _, kind in (pair.partition("=") for pair in rest.split()))
        elif head == "use":
            request, _, reply = rest.partition("=>")
            relations[-1].use.append((request.strip(), reply.strip()))
        elif head in ("said", "fact", "ask", "rev", "yes"):
            getattr(relations[-1], head).append(rest.strip())
        else:
            raise ValueError(f"line {number}: {head!r} is no line of a bank")
    return relations
