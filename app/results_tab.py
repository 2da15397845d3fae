"""The Results tab: votes and the newest measurement of a profile come in, words and tables come out."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import gradio as gr
from sqlite_utils import Database

from app import sentences as say
from app.edge import PageError, listen, store
from app.fragments import escape, render_note, render_table
from app.visitor import Panel, Shared
from app.worker import Job, find_job, start_evaluate
from memory import demo
from memory.store import Profile, Vote, latest_report, list_adapters, list_votes, load_profile
from tuning.prompts import is_abstention
from tuning.scores import holds_answer, wilson_interval

LIVE_SECONDS = 1.5
SAMPLES = 8
FEWEST_VOTES = 5  # decided ones, before a verdict is said


def measure(name: str) -> str:
    """Starts the measurement in a child process; returns what the tab shows then. Raises RunInProgress."""
    if not name:
        raise PageError(say.CHOOSE_PROFILE)
    with store() as db:
        profile = load_profile(db, name)
        if not any(adapter.current for adapter in list_adapters(db, profile.id)):
            raise PageError(say.NO_ADAPTER)
    start_evaluate(profile, demo.FOLDER / "questions.jsonl" if is_demo(profile) else None)
    return show_results(name)


def is_demo(profile: Profile) -> bool:
    """Whether this is the invented person, whose questions come with the program."""
    return profile.name == "demo"


def is_measuring(name: str) -> bool:
    """Whether a measurement of the profile is alive."""
    if not name:
        return False
    with store() as db:
        job = find_job("evaluate", load_profile(db, name))
    return bool(job and job.alive)


def show_results(name: str) -> str:
    """Votes, then the newest measurement (HTML)."""
    if not name:
        return render_note(say.CHOOSE_PROFILE)
    with store() as db:
        profile = load_profile(db, name)
        return _section(say.RESULTS_VOTES, render_votes(list_votes(db, profile.id))) + _section(
            say.RESULTS_MEASURED, _measured(db, profile)
        )


def render_votes(votes: Sequence[Vote]) -> str:
    """For each pair of sides: wins of the first with their interval, ties and both-bad apart, and what follows."""
    if not votes:
        return render_note(say.NO_VOTES)
    cards = []
    for pair in say.PAIRS:
        side, other = pair.split("-")
        counted = Counter(vote.winner or vote.choice for vote in votes if {vote.left_side, vote.right_side} == {side, other})
        if counted:
            cards.append(render_pair(side, other, counted))
    return "".join(cards)


def render_pair(side: str, other: str, counted: Counter[str]) -> str:
    """One pair: `counted` holds the wins of both sides, ties and both_bad."""
    wins, losses = counted[side], counted[other]
    decided = wins + losses
    low, high = wilson_interval(wins, decided)
    names = {"side": say.SIDES[side], "other": say.SIDES[other].lower()}
    if decided:
        line = say.WIN_LINE.format(**names, wins=wins, decided=decided, share=wins / decided, low=low, high=high)
    else:
        line = say.NONE_DECIDED.format(**names)
    apart = say.APART.format(ties=counted["tie"], bad=counted["both_bad"])
    verdict = say.VERDICT_OPEN
    if decided >= FEWEST_VOTES and (low > 0.5 or high < 0.5):
        verdict = say.VERDICT_WINS.format(side=say.SIDES[side if low > 0.5 else other])
    return f'<div class="card"><p><b>{escape(verdict)}</b></p><p>{escape(line)}</p><p class="muted">{escape(apart)}</p></div>'


def render_report(report: dict[str, Any], current: int | None) -> str:
    """A measurement: what it says in words, the table of sides, a sample of questions with each side's answer."""
    # The store keeps the keys of a report in alphabetical order.
    sides = {side: report["sides"][side] for side in say.SIDES if side in report["sides"]}
    lines = [f"<p><b>{escape(_verdict(sides))}</b></p>"] if {"adapter", "rag"} <= set(sides) else []
    recalls = [
        say.MEASURED_RECALL.format(side=say.SIDES[side].lower(), recall=scores["recall"])
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
        f'<div class="card">{"".join(lines)}</div>{table}<p class="muted">{escape(say.EXPLAIN_COLUMNS)}</p>'
        f"{render_sample(report.get('answers', []), list(sides))}"
    )


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


def _measured(db: Database, profile: Profile) -> str:
    job = find_job("evaluate", profile)
    report = latest_report(db, profile.id, "evaluation")
    current = next((adapter.id for adapter in list_adapters(db, profile.id) if adapter.current), None)
    said = ""
    if job and job.alive:
        said = f'<div class="card"><p><b>{say.MEASURING}</b></p><p class="muted">{escape(_asked_now(job))}</p></div>'
    elif job and job.error:
        said = f'<div class="card bad"><p>{escape(job.error)}</p></div>'
    return said + (render_report(report, current) if report else "" if said else render_note(say.NOT_MEASURED))


def _asked_now(job: Job) -> str:
    """Which side is being asked, from the newest line of the log that says so."""
    told = [match for line in job.lines if (match := re.fullmatch(r"(\w+): (\d+) questions", line.strip()))]
    return say.ASKED_NOW.format(side=say.SIDES.get(told[-1][1], told[-1][1]), count=told[-1][2]) if told else say.STARTING


def _verdict(sides: dict[str, dict[str, Any]]) -> str:
    (adapter_low, adapter_high), (rag_low, rag_high) = sides["adapter"]["recall_ci"], sides["rag"]["recall_ci"]
    if adapter_low > rag_high:
        return say.MEASURED_WINS.format(side=say.SIDES["adapter"], other=say.SIDES["rag"].lower())
    if rag_low > adapter_high:
        return say.MEASURED_WINS.format(side=say.SIDES["rag"], other=say.SIDES["adapter"].lower())
    return say.MEASURED_OPEN


def _side_row(side: str, scores: dict[str, Any]) -> list[str]:
    def share(name: str) -> str:
        return "-" if scores[name] is None else f"{scores[name]:.0%}"

    low, high = scores["recall_ci"]
    overlaps = [f"{scores[name]:.2f}" for name in ("rouge1", "rouge2", "rougeL", "persona_f1")]
    return [
        say.SIDES.get(side, side), share("recall"), f"{low:.0%} to {high:.0%}", share("abstention"), share("false_claims"), *overlaps,
        f"{scores['ms_per_answer']:.0f}", f"{scores['prompt_tokens']:.0f}",
    ]  # fmt: skip


def _is_right(row: dict[str, Any], reply: str) -> bool:
    return is_abstention(reply) if row["kind"] == "unknown" else holds_answer(reply, row["answer"], row["question"])


def _section(title: str, body: str) -> str:
    return f'<div class="section"><h3>{title}</h3>{body}</div>'


def build_results_tab(shared: Shared, tab: gr.Tab) -> Panel:
    """Lays the tab out and wires it; the timer runs only while a measurement does."""
    with gr.Row(elem_classes="row-end"):
        button = gr.Button(say.MEASURE, variant="primary", scale=0, min_width=160, elem_id="measure")
        hint = gr.HTML(js_on_load=None)
    results = gr.HTML(render_note(say.CHOOSE_PROFILE), js_on_load=None, elem_id="results")
    timer = gr.Timer(LIVE_SECONDS, active=False)
    seen = gr.State("")
    screen: list[Any] = [results, seen, button, hint, timer]

    def _screen(name: str, shown: str) -> tuple[Any, ...]:
        live = is_measuring(name)
        info = say.MEASURE_INFO_DEMO.format(count=len(demo.demo_questions())) if name == "demo" else say.MEASURE_INFO_OWN
        return (
            shown,
            shown,
            gr.Button(interactive=not live and bool(name)),
            f'<p class="muted">{info}</p>',
            gr.Timer(active=live),
        )

    def refresh(name: str) -> tuple[Any, ...]:
        return _screen(name, show_results(name))

    def measure_and_show(name: str) -> tuple[Any, ...]:
        return _screen(name, measure(name))

    def poll(name: str, last: str) -> Any:
        shown = show_results(name)
        return gr.skip() if shown == last and is_measuring(name) else _screen(name, shown)

    listen(button.click, measure_and_show, shared.profile, screen, progress="minimal")
    listen(timer.tick, poll, [shared.profile, seen], screen)
    listen(tab.select, refresh, shared.profile, screen)
    return Panel(refresh, screen)
