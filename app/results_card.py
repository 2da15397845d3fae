"""Results in HTML: tallies and a measurement come in, cards, tables and a sample of questions come out."""

from collections.abc import Sequence
from typing import Any

from app import sentences as say
from app.fragments import escape, render_note, render_table, say_bytes, say_seconds
from app.tally import PairTally, Share, break_even, tally_judgements, tally_length, tally_pairs, tally_position
from memory.store import Judgement, Run, Turn, Vote
from tuning.prompts import is_abstention
from tuning.scores import holds_answer

SAMPLES = 8
FEWEST_VOTES = 5  # decided ones, before a verdict is said


def render_votes(votes: Sequence[Vote], turns: Sequence[Turn]) -> str:
    """For each pair of sides: wins of the first with their interval, ties and both-bad apart, and what follows; then the biases."""
    if not votes:
        return render_note(say.NO_VOTES)
    cards = "".join(render_pair(tally) for tally in tally_pairs(votes, say.PAIRS))
    biases = [
        _share_line(say.BIAS_POSITION, tally_position(votes), 0.5, say.BIAS_POSITION_SEEN),
        _share_line(say.BIAS_LENGTH, tally_length(votes, turns), 0.5, say.BIAS_LENGTH_SEEN),
    ]
    return cards + "".join(f'<p class="muted">{escape(line)}</p>' for line in biases if line)


def render_pair(tally: PairTally) -> str:
    """One pair of sides in words."""
    names = {"side": say.SIDES[tally.side], "other": say.SIDES_LATER[tally.other]}
    low, high = tally.wins.interval
    if tally.wins.whole:
        line = say.WIN_LINE.format(**names, wins=tally.wins.part, decided=tally.wins.whole, share=tally.wins.share, low=low, high=high)
    else:
        line = say.NONE_DECIDED.format(**names)
    apart = say.APART.format(ties=tally.ties, bad=tally.both_bad)
    verdict = say.VERDICT_OPEN
    if tally.wins.whole >= FEWEST_VOTES and (low > 0.5 or high < 0.5):
        verdict = say.VERDICT_WINS.format(side=say.SIDES[tally.side if low > 0.5 else tally.other])
    return f'<div class="card"><p><b>{escape(verdict)}</b></p><p>{escape(line)}</p><p class="muted">{escape(apart)}</p></div>'


def render_judgements(judgements: Sequence[Judgement]) -> str:
    """How often the memory in each side's answers was called relevant and accurate."""
    rows = []
    for side, shares in tally_judgements(judgements).items():
        cells = [cell for key in ("relevant", "accurate") for cell in (_share_cell(shares[key]), str(shares[key].whole))]
        rows.append((say.SIDES.get(side, side), *cells))
    return render_table(say.JUDGED_HEADINGS, rows, numbers=range(1, 5)) if rows else ""


def render_report(report: dict[str, Any], current: int | None) -> str:
    """A measurement: what it says in words, the table of sides, recall by kind of question, a sample with each side's answer."""
    # The store keeps the keys of a report in alphabetical order.
    sides = {side: report["sides"][side] for side in say.SIDES if side in report["sides"]}
    lines = [f"<p><b>{escape(_verdict(sides))}</b></p>"] if {"adapter", "rag"} <= set(sides) else []
    recalls = [
        say.MEASURED_RECALL.format(side=say.SIDES_LATER[side], recall=scores["recall"])
        for side, scores in sides.items()
        if scores["recall"] is not None
    ]
    words = {"questions": report["questions"], "base": report.get("base", "?"), "recalls": ", ".join(recalls) or "-"}
    lines.append(f"<p>{escape(say.MEASURED_LINE.format(**words))}</p>")
    claims = {side: scores["false_claims"] for side, scores in sides.items()}
    if claims.get("adapter") is not None and claims.get("rag") is not None:
        lines.append(f"<p>{escape(say.MEASURED_INVENTS.format(**claims))}</p>")
    if current is not None and report.get("adapter") not in (None, current):
        lines.append(render_note(say.MEASURED_OLD, "bad"))
    table = render_table(say.SIDE_HEADINGS, [_side_row(side, scores) for side, scores in sides.items()], numbers=range(1, 11))
    return (
        f'<div class="card">{"".join(lines)}</div>{table}<p class="muted">{escape(say.EXPLAIN_COLUMNS)}</p>{render_kinds(sides)}'
        f"{render_sample(report.get('answers', []), list(sides))}"
    )


def render_kinds(sides: dict[str, dict[str, Any]]) -> str:
    """Recall by kind of question, a column a side."""
    kinds = sorted({kind for scores in sides.values() for kind in scores.get("by_kind") or {}})
    if len(kinds) < 2:
        return ""
    rows = []
    for kind in kinds:
        shares = [(scores.get("by_kind") or {}).get(kind) for scores in sides.values()]
        rows.append((say.KINDS.get(kind, kind), *("-" if share is None else f"{share:.0%}" for share in shares)))
    heads = (say.KIND, *(say.SIDES.get(side, side) for side in sides))
    return f'<h4 class="muted">{escape(say.RECALL_BY_KIND)}</h4>{render_table(heads, rows, numbers=range(1, 9))}'


def render_sample(answers: Sequence[dict[str, Any]], sides: Sequence[str]) -> str:
    """A few questions with every side's answer, those first on which the sides differ most."""
    if not answers:
        return ""
    judged = [(row, [_is_right(row, row.get(side, "")) for side in sides]) for row in answers]
    differing = sorted(judged, key=lambda pair: len(set(pair[1])) == 1)[:SAMPLES]
    items = []
    for row, rights in differing:
        known = row["kind"] != "unknown"
        expected = say.EXPECTED.format(answer=row["answer"].split(" | ")[0]) if known else say.EXPECTED_NEVER
        lines = "".join(
            f'<li><b>{escape(say.SIDES[side])}</b><span class="{"right" if right else "wrong"}">'
            f"{say.RIGHT if right else say.WRONG}</span><span>{escape(row.get(side) or say.EMPTY_ANSWER)}</span></li>"
            for side, right in zip(sides, rights, strict=True)
        )
        items.append(
            f'<div class="card"><b>{escape(row["question"])}</b> <span class="muted">{escape(expected)}</span>'
            f'<ul class="answers">{lines}</ul></div>'
        )
    return f'<div class="section"><h3>{say.SAMPLE}</h3><div class="questions">{"".join(items)}</div></div>'


def render_cost(run: Run | None, report: dict[str, Any] | None) -> str:
    """What injecting cost, and after how many answers that is paid back against retrieving."""
    if run is None or run.state != "done" or not run.result.get("seconds"):
        return ""
    spent = say.COST.format(
        elapsed=say_seconds(run.result["seconds"]), memory=run.result.get("peak_memory_mb", 0) / 1000,
        size=say_bytes(int(run.result.get("bytes", 0))), facts=run.result.get("facts", "?"),
    )  # fmt: skip
    lines = [spent]
    sides = (report or {}).get("sides", {})
    if {"adapter", "rag"} <= set(sides):
        adapter, rag = sides["adapter"], sides["rag"]
        words = {
            "adapter_ms": adapter["ms_per_answer"], "rag_ms": rag["ms_per_answer"], "adapter_tokens": adapter["prompt_tokens"],
            "rag_tokens": rag["prompt_tokens"],
        }  # fmt: skip
        answers = break_even(run.result["seconds"], adapter["ms_per_answer"], rag["ms_per_answer"])
        lines.append(say.COST_ANSWERS.format(**words))
        lines.append(say.BREAK_EVEN.format(answers=answers) if answers else say.NO_BREAK_EVEN)
    return f'<div class="card">{"".join(f"<p>{escape(line)}</p>" for line in lines)}</div>'


def _share_line(sentence: str, share: Share, middle: float, seen: str) -> str:
    if not share.whole:
        return ""
    low, high = share.interval
    said = sentence.format(part=share.part, whole=share.whole, share=share.share, low=low, high=high)
    return f"{said} {seen if low > middle or high < middle else say.BIAS_NONE}"


def _share_cell(share: Share) -> str:
    low, high = share.interval
    return say.SHARE_CELL.format(share=share.share, low=low, high=high) if share.whole else "-"


def _verdict(sides: dict[str, dict[str, Any]]) -> str:
    (adapter_low, adapter_high), (rag_low, rag_high) = sides["adapter"]["recall_ci"], sides["rag"]["recall_ci"]
    if adapter_low > rag_high:
        return say.MEASURED_WINS.format(side=say.SIDES["adapter"], other=say.SIDES_LATER["rag"])
    if rag_low > adapter_high:
        return say.MEASURED_WINS.format(side=say.SIDES["rag"], other=say.SIDES_LATER["adapter"])
    return say.MEASURED_OPEN


def _side_row(side: str, scores: dict[str, Any]) -> list[str]:
    def share(name: str) -> str:
        return "-" if scores[name] is None else f"{scores[name]:.0%}"

    low, high = scores["recall_ci"]
    overlaps = [f"{scores[name]:.2f}" for name in ("rouge1", "rouge2", "rougeL", "persona_f1")]
    return [
        say.SIDES.get(side, side), share("recall"), say.INTERVAL.format(low=low, high=high), share("abstention"), share("false_claims"), *overlaps,
        f"{scores['ms_per_answer']:.0f}", f"{scores['prompt_tokens']:.0f}",
    ]  # fmt: skip


def _is_right(row: dict[str, Any], reply: str) -> bool:
    return is_abstention(reply) if row["kind"] == "unknown" else holds_answer(reply, row["answer"], row["question"])
