"""The Results tab: votes and the newest measurement of a profile come in, words, tables and plots come out, on the page or as files."""

import re
from typing import Any

import gradio as gr
from sqlite_utils import Database

from app import sentences as say
from app.downloads import listen_download, write_download
from app.edge import PageError, listen, store
from app.fragments import escape, render_note
from app.inject_tab import FIT_PLOTS, PLOTS, draw_plots
from app.report_file import export_html, export_json, export_votes
from app.results_card import render_cost, render_judgements, render_report, render_votes
from app.visitor import Panel, Shared, adapter_in_use
from app.worker import Job, find_job, start_evaluate
from memory import demo
from memory.store import Profile, latest_report, latest_run, list_adapters, list_judgements, list_turns, list_votes, load_profile

LIVE_SECONDS = 1.5


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
    """Votes and judgements, then the newest measurement and what injecting cost (HTML)."""
    if not name:
        return render_note(say.CHOOSE_PROFILE)
    with store() as db:
        profile = load_profile(db, name)
        votes = list_votes(db, profile.id)
        turns = list_turns(db, profile.id) if votes else []
        report, run = latest_report(db, profile.id, "evaluation"), latest_run(db, profile.id)
        sections = [
            (say.RESULTS_VOTES, render_votes(votes, turns)),
            (say.RESULTS_JUDGED, render_judgements(list_judgements(db, profile.id))),
            (say.RESULTS_MEASURED, _measured(db, profile, report)),
            (say.RESULTS_COST, render_cost(run, report)),
        ]
    return "".join(f'<div class="section"><h3>{title}</h3>{body}</div>' for title, body in sections if body)


def _measured(db: Database, profile: Profile, report: dict[str, Any] | None) -> str:
    job = find_job("evaluate", profile)
    current = adapter_in_use(db, profile)
    said = ""
    if job and job.alive:
        said = f'<div class="card"><p><b>{say.MEASURING}</b></p><p class="muted">{escape(_asked_now(job))}</p></div>'
    elif job and job.error:
        said = f'<div class="card bad"><p>{escape(say.told(job.error))}</p></div>'
    return said + (render_report(report, current.id if current else None) if report else "" if said else render_note(say.NOT_MEASURED))


def _asked_now(job: Job) -> str:
    """Which side is being asked, from the newest line of the log that says so."""
    told = [match for line in job.lines if (match := re.fullmatch(r"(\w+): (\d+) questions", line.strip()))]
    return say.ASKED_NOW.format(side=say.SIDES.get(told[-1][1], told[-1][1]), count=told[-1][2]) if told else say.STARTING


def export(name: str, kind: str) -> str:
    """The results as a file: kind is csv (the votes), json (everything) or html (a report that opens anywhere); returns its path."""
    if not name:
        raise PageError(say.CHOOSE_PROFILE)
    with store() as db:
        profile = load_profile(db, name)
        content = {"csv": export_votes, "json": export_json}[kind](db, profile) if kind != "html" else ""
    if kind == "html":
        content = export_html(name, show_results(name))
    return write_download(f"{name}-results.{kind}", lambda path: path.write_text(content, encoding="utf-8"))


def build_results_tab(shared: Shared, tab: gr.Tab) -> Panel:
    """Lays the tab out and wires it; the timer runs only while a measurement does."""
    with gr.Row(elem_classes="row-end"):
        button = gr.Button(say.MEASURE, variant="primary", scale=0, min_width=160, elem_id="measure")
        hint = gr.HTML(js_on_load=None)
    results = gr.HTML(render_note(say.CHOOSE_PROFILE), js_on_load=None, elem_id="results")
    with gr.Accordion(say.PLOTS, open=False, visible=False, elem_id="result-plots") as group:
        plots = [gr.Plot(show_label=False, visible=False, elem_id=f"result-plot-{plot}") for plot in PLOTS]
    group.expand(None, None, None, js=FIT_PLOTS)
    with gr.Row(elem_classes="actions"):
        exports = {kind: gr.Button(words, size="sm", min_width=150, elem_id=f"results-{kind}") for kind, words in say.EXPORTS.items()}
    for kind, export_button in exports.items():
        listen_download(export_button, lambda name, wanted=kind: export(name, wanted), shared.profile, f"results-file-{kind}")
    timer = gr.Timer(LIVE_SECONDS, active=False)
    seen, drawn = gr.State(""), gr.State("")
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
    listen(tab.select, draw_plots, [shared.profile, drawn], [drawn, group, *plots])
    return Panel(refresh, screen)
