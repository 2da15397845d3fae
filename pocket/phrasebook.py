"""Writes the product's phrasebook (`tuning/lists/phrasebook.jsonl` and `.npy`) from the training banks; never from those of the exam.

python -m pocket.phrasebook
"""

import json
import re
from typing import Any

import numpy as np

from pocket.banks import load_relations
from pocket.items import load_free
from pocket.values import LISTS
from tuning.phrasebook import PATH, VECTORS, entries, make_vectors

_PLACEHOLDER = re.compile(r"{(\w+?)(?::(\w+))?}")


def make_rows() -> list[dict[str, Any]]:
    """An entry a relation, and one a fact of the true-to-life messages; statements begin with the tidy one."""
    rows = [
        _row([*relation.fact[:1], *relation.said], relation.ask, relation.slots, relation.lists)
        | {"rev": relation.rev, "use": [request for request, _ in relation.use]}
        for relation in load_relations("train")
    ]
    for item in load_free("train"):
        for fact, asks in item.facts:
            slots = {f"{kind}{number}": kind for text in (fact, *asks) for kind, number in _PLACEHOLDER.findall(text)}
            plain = [_PLACEHOLDER.sub(lambda match: f"{{{match[1]}{match[2] or ''}}}", text) for text in (fact, *asks)]
            rows.append(_row(plain[:1], plain[1:], slots, {}))
    return rows


def _row(said: list[str], ask: list[str], slots: dict[str, str], lists: dict[str, list[str]]) -> dict[str, Any]:
    """`slots` maps a slot to its type; of the types that are lists, the values."""
    values = {kind: lists.get(kind) or LISTS.get(kind) for kind in slots.values()}
    return {
        "said": said,
        "ask": ask,
        "rev": [],
        "use": [],
        "slots": slots,
        "lists": {kind: found for kind, found in values.items() if found},
    }


def main() -> None:
    """Write both files."""
    PATH.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in make_rows()))
    np.save(VECTORS, make_vectors(entries()))
    print(f"{len(entries())} kinds of facts, {sum(len(entry.ask) for entry in entries())} questions: {PATH}")


if __name__ == "__main__":
    main()
