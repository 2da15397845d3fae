"""The sections of docs/results.md that are not about sides: ablations, growing, Bayesian optimisation against random search, LoCoMo.

In: raw files of benchmarks/results. Out: Markdown; an empty text where nothing was measured.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.measures import with_interval

Row = dict[str, Any]


def ablation_section(raw: Path) -> str:
    """Every ablation that was run, a table each: variants over persons and seeds."""
    tables = []
    for name, rows in _by_name(_rows(raw / "ablations")).items():
        lines = [
            "| variant | recall | direct, reworded | other kinds | invents | perplexity rise | parameters | seconds | runs |",
            "|" + "---|" * 9,
        ]
        for variant in dict.fromkeys(row["variant"] for row in rows):
            chosen = [row for row in rows if row["variant"] == variant]
            cells = [_cell(chosen, key) for key in ("recall", "recall_plain", "recall_other", "false_claims", "perplexity_rise")]
            size, seconds = _mean([row["parameters"] for row in chosen]), _mean([row["seconds"] for row in chosen])
            lines.append(f"| {variant} | {' | '.join(cells)} | {size:,.0f} | {seconds:.0f} | {len(chosen)} |")
        told = rows[0]
        tables.append(
            f"### {name}\n\n`python -m benchmarks.ablations {name}`, {told['facts']} facts, {told['base']}.\n\n" + "\n".join(lines)
        )
    return "## Ablations\n\n" + "\n\n".join(tables) if tables else ""


def growth_section(raw: Path) -> str:
    """What growing costs and keeps."""
    rows = _rows(raw / "growth")
    if not rows:
        return ""
    lines = [
        "| person | old facts | new facts | recall of new | old before | old after | seconds to grow | of a full run | runs |",
        "|" + "---|" * 9,
    ]
    for name in dict.fromkeys(row["name"] for row in rows):
        chosen = [row for row in rows if row["name"] == name]
        cells = [f"{100 * _mean([row[key] for row in chosen]):.0f} %" for key in ("new_recall", "old_before", "old_after")]
        seconds, full = _mean([row["grow_seconds"] for row in chosen]), _mean([row["full_seconds"] for row in chosen])
        lines.append(
            f"| {name} | {chosen[0]['old_facts']} | {chosen[0]['new_facts']} | {' | '.join(cells)} | {seconds:.0f} | {100 * seconds / full:.0f} % | {len(chosen)} |"
        )
    return "## Growing instead of starting again\n\n`python -m benchmarks.growth`\n\n" + "\n".join(lines)


def search_section(raw: Path) -> str:
    """Best-so-far of each sampler by trial, its area, and what the search gained over trial 0."""
    rows = _rows(raw / "samplers")
    if not rows:
        return ""
    most = max(len(row["best_so_far"]) for row in rows)
    lines = [f"| sampler | {' | '.join(f'after {n + 1}' for n in range(most))} | area | seconds | persons |", "|" + "---|" * (most + 4)]
    for sampler in dict.fromkeys(row["sampler"] for row in rows):
        chosen = [row for row in rows if row["sampler"] == sampler]
        steps = [f"{_mean([row['best_so_far'][n] for row in chosen if len(row['best_so_far']) > n]):.2f}" for n in range(most)]
        area = with_interval({row["person"]: [_mean(row["best_so_far"])] for row in chosen})
        shown = f"{area[0]:.3f} [{area[1][0]:.3f}, {area[1][1]:.3f}]" if area else "-"
        lines.append(f"| {sampler} | {' | '.join(steps)} | {shown} | {_mean([row['seconds'] for row in chosen]):.0f} | {len(chosen)} |")
    weights: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.get("importance", {}).items():
            weights.setdefault(name, []).append(value)
    told = ", ".join(f"{name} {_mean(values):.2f}" for name, values in sorted(weights.items(), key=lambda pair: -_mean(pair[1])))
    return (
        "## Bayesian optimisation against random search\n\n`python -m benchmarks.ablations samplers`: quality of the best trial so far.\n\n"
        + "\n".join(lines)
        + (f"\n\nImportance of each parameter (fANOVA): {told}." if told else "")
    )


def locomo_section(raw: Path) -> str:
    """LoCoMo by category, if a user has measured it here."""
    rows = _rows(raw / "locomo")
    if not rows:
        return "## LoCoMo\n\nNot measured: its file is for you to download. `python -m benchmarks.locomo FILE` adds its table here."
    sides = list(rows[0]["f1"])
    lines = [f"| category | {' | '.join(sides)} |", "|" + "---|" * (len(sides) + 1)]
    for category in dict.fromkeys(category for row in rows for category in row["f1"][sides[0]]):
        cells = [f"{_mean([row['f1'][side][category] for row in rows if category in row['f1'][side]]):.3f}" for side in sides]
        lines.append(f"| {category} | {' | '.join(cells)} |")
    return f"## LoCoMo, F1 by category, {len(rows)} persons\n\n`python -m benchmarks.locomo FILE`\n\n" + "\n".join(lines)


def _rows(folder: Path) -> list[Row]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))] if folder.is_dir() else []


def _by_name(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["ablation"], []).append(row)
    return found


def _cell(rows: Sequence[Row], key: str) -> str:
    result = with_interval({f"{row['person']}": [other[key] for other in rows if other["person"] == row["person"]] for row in rows})
    if result is None:
        return "-"
    mean, (low, high) = result
    return f"{100 * mean:.0f} %" + (f" [{100 * low:.0f}, {100 * high:.0f}]" if len(rows) > 1 else "")


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
