"""The Inject tab: the dial and a base come in, a child process is started, and its run is shown as the store tells it.

Nothing is remembered here: a reload or a second tab finds the same run again.
"""

from typing import Any

import gradio as gr
from sqlite_utils import Database

from app import sentences as say
from app import slices
from app.batch_card import show_batch
from app.edge import PageError, listen, store
from app.estimate import estimate_run
from app.fragments import escape, seconds_between
from app.run_card import LIVE, render_card, render_failed, render_run, render_trials
from app.speakers import SPEAKERS
from app.visitor import Panel, Shared, chosen_profile, render_summary
from app.warm import warm_up
from app.worker import end_silent_run, find_job, is_hub_name, limits, start_inject, stop_starting
from memory.store import (
    Run,
    active_run,
    count_rows,
    latest_run,
    list_adapters,
    list_points,
    list_trials,
    load_profile,
    request_cancel,
    request_pause,
)

LIVE_SECONDS, IDLE_SECONDS = 1.0, 5.0
PLOTS = ("history", "importance", "size")
# A plot that was drawn while nobody saw it has a width of its own; it takes that of the page when the window says that it changed.
FIT_PLOTS = "() => { setTimeout(() => window.dispatchEvent(new Event('resize')), 200); }"


def start(name: str, budget: str, base: str) -> str:
    """Starts an injection in a child process; returns what the tab shows then. Raises RunInProgress, UnknownBase."""
    with store() as db:
        profile = chosen_profile(db, name)
        counts = count_rows(db, profile.id)
        if not counts["messages"] and not counts["facts"]:
            raise PageError(say.NOTHING_TO_INJECT)
    base = (base or "pocket").strip()
    if not is_hub_name(base):
        warm_up()
        from tuning.bases import resolve_base

        resolve_base(base)  # a wrong name is told at once, not by a child process seconds later
    SPEAKERS.release()
    if slices.lent():
        slices.inject_in_slices(profile, budget, base, *limits())
    else:
        start_inject(profile, budget, base)
    return show_run(name)


def cancel(name: str) -> str:
    """Asks the live run to stop at its next step; returns what the tab shows then."""
    with store() as db:
        profile = chosen_profile(db, name)
        run = active_run(db, profile.id)
        if run:
            request_pause(db, run.id, False)  # one that stands still must take a step to stop
            request_cancel(db, run.id)
            end_silent_run(db, run)
        if not slices.stop(profile) and not run and not stop_starting(profile):
            raise PageError(say.NOTHING_TO_CANCEL)
    return show_run(name)


def pause(name: str, paused: bool = True) -> str:
    """Asks the live run to stand still at its next step, or to go on; returns what the tab shows then."""
    with store() as db:
        run = active_run(db, chosen_profile(db, name).id)
        if run is None:
            raise PageError(say.NOTHING_TO_CANCEL)
        request_pause(db, run.id, paused)
    return show_run(name)


def poll(name: str, seen: str) -> Any:
    """What changed since `seen`: (run HTML, seen, buttons, timer, summary, batch HTML), or nothing at all."""
    screen = _screen(name, show_run(name))
    return gr.skip() if screen[1] == seen else screen


def show_run(name: str) -> str:
    """The newest injection of a profile: live, ended, or none (HTML)."""
    if not name:
        return render_card(say.NEVER_RUN)
    with store() as db:
        profile = load_profile(db, name)
        run, job = latest_run(db, profile.id), find_job("inject", profile)
        # A child that has not come as far as the store, or died before: its record is newer than any run.
        if job and (run is None or job.started > _began(run) + 1):
            return render_card(say.STARTING) if job.alive else render_failed(job.error, job)
        if slices.is_going(profile) and (run is None or run.state not in LIVE):
            return render_card(say.NEXT_SLICE)
        if run is None:
            return render_card(say.NEVER_RUN)
        points = list_points(db, run.id) if run.state in LIVE else []
        return render_run(run, job, points, _size(db, run)) + render_trials(run, list_trials(db, run.id))


def is_live(name: str) -> bool:
    """Whether an injection of the profile is alive or just starting."""
    if not name:
        return False
    with store() as db:
        profile = load_profile(db, name)
        job = find_job("inject", profile)
        return active_run(db, profile.id) is not None or bool(job and job.alive) or slices.is_going(profile)


def is_paused(name: str) -> bool | None:
    """Whether the live injection of the profile is asked to stand still; None before its process has a run that could."""
    if not name:
        return None
    with store() as db:
        run = active_run(db, load_profile(db, name).id)
        return bool(run.paused) if run else None


def draw_plots(name: str, drawn: str) -> Any:
    """The search's plots, if there are other trials than those `drawn` says: (what is drawn, group, three plots)."""
    trials, key = [], ""
    if name:
        with store() as db:
            run = latest_run(db, load_profile(db, name).id)
            trials = list_trials(db, run.id) if run else []
            key = f"{run.id}/{len(trials)}" if run else ""
    if key == drawn:
        return gr.skip()
    figures = {}
    if trials:
        warm_up()
        from tuning.study_plots import draw_study

        figures = draw_study(trials, say.PLOT_TITLES)
    return key, gr.Accordion(visible=bool(figures)), *(gr.Plot(figures.get(plot), visible=plot in figures) for plot in PLOTS)


def describe_machine() -> tuple[Any, ...]:
    """The dial with its trials and minutes, the base choices and what this machine can do; imports torch."""
    warm_up()
    from tuning.bases import SUGGESTIONS, describe_machine
    from tuning.inject import BUDGETS

    dial = [
        (say.DIAL_CHOICE.format(name=say.DIAL_PLAIN[key], trials=budget.trials, minutes=f"{budget.minutes:g}"), key)
        for key, budget in BUDGETS.items()
    ]
    bases = [(say.POCKET_CHOICE, "pocket")]
    for base in SUGGESTIONS:
        words = {"id": base.id, "parameters": base.parameters, "licence": base.licence, "memory": f"{base.memory:g}"}
        bases.append((say.BASE_CHOICE.format(**words), base.id))
    return (
        gr.Radio(choices=dial),
        gr.Dropdown(choices=bases),
        f'<p class="note">{escape(describe_machine()["why"])}</p>',
    )


def _screen(name: str, shown: str) -> tuple[Any, ...]:
    live, paused = is_live(name), is_paused(name)
    with store() as db:
        batch = show_batch(db)
    timer = gr.Timer(LIVE_SECONDS if live else IDLE_SECONDS, active=bool(name))
    buttons = (
        gr.Button(interactive=not live), gr.Button(visible=paused is False), gr.Button(visible=paused is True), gr.Button(visible=live),
    )  # fmt: skip
    # A run is done a moment before its process has gone: what the buttons follow belongs to what was seen, or they would never be set right.
    return shown, f"{live} {paused} {batch} {shown}", *buttons, timer, render_summary(name), batch


def _began(run: Run) -> float:
    return -seconds_between(run.started, "1970-01-01T00:00:00+00:00")


def _size(db: Database, run: Run) -> int:
    number = run.result.get("adapter")
    return next((a.size for a in list_adapters(db, run.profile_id) if a.id == number), int(run.result.get("bytes", 0)))


def build_inject_tab(shared: Shared, tab: gr.Tab) -> Panel:
    """Lays the tab out and wires it; the timer is quick while a run is alive and slow otherwise."""
    many = gr.HTML("", js_on_load=None, elem_id="batch")
    dial = gr.Radio(
        label=say.DIAL,
        info=say.DIAL_INFO,
        choices=[(name, key) for key, name in say.DIAL_PLAIN.items()],
        value="quick",
        elem_id="dial",
    )
    estimate = gr.HTML(js_on_load=None, elem_id="estimate")
    with gr.Accordion(say.BASE_ACCORDION, open=False, elem_id="base-accordion"):
        machine = gr.HTML(f'<p class="note">{say.MACHINE_UNKNOWN}</p>', js_on_load=None, elem_id="machine")
        base = gr.Dropdown(
            label=say.BASE, info=say.BASE_INFO, choices=[(say.POCKET_CHOICE, "pocket")], value="pocket", allow_custom_value=True,
            elem_id="base",
        )  # fmt: skip
        gr.HTML(f'<p class="muted">{say.BASE_HUB_NOTE}</p>', js_on_load=None)
    with gr.Row(elem_classes="actions"):
        start_button = gr.Button(say.START, variant="primary", elem_id="start")
        pause_button = gr.Button(say.PAUSE, visible=False, elem_id="pause")
        resume_button = gr.Button(say.RESUME, variant="primary", visible=False, elem_id="resume")
        cancel_button = gr.Button(say.CANCEL, variant="stop", visible=False, elem_id="cancel")
    run = gr.HTML(render_card(say.NEVER_RUN), js_on_load=None, elem_id="run")
    with gr.Accordion(say.PLOTS, open=False, visible=False, elem_id="plots") as group:
        plots = [gr.Plot(show_label=False, visible=False, elem_id=f"plot-{plot}") for plot in PLOTS]
    group.expand(None, None, None, js=FIT_PLOTS)
    seen, drawn = gr.State(""), gr.State("")
    timer = gr.Timer(IDLE_SECONDS, active=False)
    screen: list[Any] = [run, seen, start_button, pause_button, resume_button, cancel_button, timer, shared.summary, many]
    drawing: list[Any] = [drawn, group, *plots]

    def refresh(name: str) -> tuple[Any, ...]:
        return _screen(name, show_run(name))

    def start_and_show(name: str, budget: str, base_id: str) -> tuple[Any, ...]:
        return _screen(name, start(name, budget, base_id))

    def cancel_and_show(name: str) -> tuple[Any, ...]:
        shown = cancel(name)
        gr.Info(say.CANCELLING)
        return _screen(name, shown)

    asked: list[Any] = [shared.profile, dial, base]
    listen(start_button.click, start_and_show, asked, screen, progress="minimal")
    listen(cancel_button.click, cancel_and_show, shared.profile, screen)
    listen(pause_button.click, lambda name: _screen(name, pause(name)), shared.profile, screen)
    listen(resume_button.click, lambda name: _screen(name, pause(name, False)), shared.profile, screen)
    listen(timer.tick, poll, [shared.profile, seen], screen)
    listen(run.change, draw_plots, [shared.profile, drawn], drawing)
    for event in (dial.change, base.change, shared.profile.change):
        listen(event, estimate_run, asked, estimate)
    described = listen(tab.select, describe_machine, None, [dial, base, machine])
    listen(described.then, estimate_run, asked, estimate)
    listen(tab.select, refresh, shared.profile, screen)
    return Panel(refresh, screen)
