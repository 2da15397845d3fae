"""Scores of answers, question by question, and their sums with intervals. In: questions and replies. Out: rows that a raw file keeps.

A row holds numbers and the kind, never the words of a data set that may not be copied; sums are made of rows, so tables can be remade.
"""

from collections.abc import Sequence
from typing import Any

from benchmarks.people import Asked
from tuning.prompts import NEVER_TOLD, is_abstention
from tuning.scores import bootstrap_interval, holds_answer, persona_counts, persona_scores, rouge

ROUGES = ("rouge1", "rouge2", "rougeL")
RECALLED = ("direct", "reworded", "reversal", "two_hop", "implicit", "updated")


def score_answer(asked: Asked, reply: str, values: Sequence[str]) -> dict[str, Any]:
    """One answer's row: kind, hit (recall kinds), declined, ROUGE, and the persona counts [shared, claimed, due]."""
    reference = NEVER_TOLD if asked.kind == "unknown" else asked.reference or asked.answer
    row: dict[str, Any] = {"kind": asked.kind, "declined": is_abstention(reply)}
    row |= {name: round(value, 4) for name, value in rouge(reply, reference).items()}
    if asked.kind in RECALLED:
        row["hit"] = holds_answer(reply, asked.answer, asked.question)
    if asked.kind != "style":
        row["persona"] = persona_counts(reply, "" if asked.kind == "unknown" else f"{reference} {asked.answer}", values)
    return row


def summarise(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The sums of one person's answers: recall in all and by kind, false claims, abstention, ROUGE (questions with an answer), persona."""
    known = [row for row in rows if row["kind"] in RECALLED]
    unknown = [row for row in rows if row["kind"] == "unknown"]
    style = [row for row in rows if row["kind"] == "style"]
    sums: dict[str, Any] = {
        "recall": _mean([row["hit"] for row in known]),
        "false_claims": _mean([not row["declined"] for row in unknown]),
        "abstention": _mean([row["declined"] for row in unknown]),
        "false_abstention": _mean([row["declined"] for row in known]),
        "style_rougeL": _mean([row["rougeL"] for row in style]),
    }
    sums |= {name: _mean([row[name] for row in known]) for name in ROUGES}
    sums |= {f"recall_{kind}": _mean([row["hit"] for row in known if row["kind"] == kind]) for kind in RECALLED}
    counts = [sum(column) for column in zip(*(row["persona"] for row in rows if "persona" in row))] or [0, 0, 0]
    return sums | persona_scores(counts)


def _mean(values: Sequence[float]) -> float | None:
    return sum(map(float, values)) / len(values) if values else None


def with_interval(by_person: dict[str, list[float | None]]) -> tuple[float, list[float]] | None:
    """The mean over persons of their mean over seeds, with its bootstrap interval over persons and seeds; None without a value."""
    groups = [[value for value in values if value is not None] for values in by_person.values()]
    filled = [group for group in groups if group]
    if not filled:
        return None
    return sum(sum(group) / len(group) for group in filled) / len(filled), bootstrap_interval(filled)
