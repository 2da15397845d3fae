"""The Inject tab: the dial and a base come in, a child process is started, and its run is shown as the store tells it.

Nothing is remembered here: a reload or a second tab finds the same run again.
"""

from typing import Any

import gradio as gr
from sqlite_utils import Database

from app import sentences as say
from app.edge import PageError, listen, store
from app.fragments import escape, render_progress, render_table, say_bytes, say_seconds, seconds_between
from app.speakers import SPEAKERS
from app.visitor import Panel, Shared, render_summary
from app.worker import Job, find_job, is_hub_name, start_inject, stop_starting
from memory.store import (
    Profile,
    Run,
    Trial,
    active_run,
    count_rows,
    latest_run,
    list_adapters,
    list_examples,
    list_trials,
    load_profile,
    request_cancel,
)

LIVE_SECONDS, IDLE_SECONDS = 1.0, 5.0
LIVE = ("queued", "running")


def start(name: str, budget: str, base: str) -> str:
    """Starts an injection in a child process; returns what the tab shows then. Raises RunInProgress, UnknownBase."""
    with store() as db:
        profile = _chosen(db, name)
        counts = count_rows(db, profile.id)
        if not counts["messages"] and not counts["facts"]:
            raise PageError(say.NOTHING_TO_INJECT)
    base = (base or "pocket").strip()
    if not is_hub_name(base):
        from tuning.bases import resolve_base

        resolve_base(base)  # a wrong name is told at once, not by a child process seconds later
    SPEAKERS.release()
    start_inject(profile, budget, base)
    return show_run(name)


def cancel(name: str) -> str:
    """Asks the live run to stop at its next step; returns what the tab shows then."""
    with store() as db:
        profile = _chosen(db, name)
        run = active_run(db, profile.id)
        if run:
            request_cancel(db, run.id)
        elif not stop_starting(profile):
            raise PageError(say.NOTHING_TO_CANCEL)
    return show_run(name)


def poll(name: str, seen: str) -> Any:
    """What changed since `seen`: (run HTML, seen, start, cancel, timer, summary), or nothing at all."""
    shown = show_run(name)
    return gr.skip() if shown == seen else _screen(name, shown)


def show_run(name: str) -> str:
    """The newest injection of a profile: live, ended, or none (HTML)."""
    if not name:
        return _card(say.NEVER_RUN)
    with store() as db:
        profile = load_profile(db, name)
        run, job = latest_run(db, profile.id), find_job("inject", profile)
        # A child that has not come as far as the store, or died before: its record is newer than any run.
        if job and (run is None or job.started > _began(run) + 1):
            return _card(say.STARTING) if job.alive else render_failed(job.error, job)
        if run is None:
            return _card(say.NEVER_RUN)
        trials = list_trials(db, run.id)
        return render_run(run, job, _held_out(db, run), _size(db, run)) + render_trials(run, trials)


def is_live(name: str) -> bool:
    """Whether an injection of the profile is alive or just starting."""
    if not name:
        return False
    with store() as db:
        profile = load_profile(db, name)
        job = find_job("inject", profile)
        return active_run(db, profile.id) is not None or bool(job and job.alive)


def render_run(run: Run, job: Job | None, known: int | None, size: int) -> str:
    """A run in words: its progress while it is alive, what came of it when it has ended."""
    elapsed = say_seconds(seconds_between(run.started, run.finished))
    if run.state in LIVE:
        return _render_live(run, elapsed)
    if run.state == "done":
        return _render_done(run, elapsed, known, size)
    if run.state == "cancelled":
        return _card(say.CANCELLED_TEXT, say.CANCELLED_TITLE)
    if run.state == "interrupted":
        return _card(say.INTERRUPTED_TEXT, say.INTERRUPTED_TITLE, "bad")
    return render_failed(run.error, job)


def render_failed(error: str | None, job: Job | None) -> str:
    """Why a run failed, in the command's own sentence."""
    log = job.log if job else "keepsake.log"
    return _card(error or say.FAILED_TEXT.format(log=log), say.FAILED_TITLE, "bad")


def render_trials(run: Run, trials: list[Trial]) -> str:
    """The trials as a table; the chosen one is marked."""
    if not trials:
        return ""
    best = run.result.get("best", {}).get("trial") if run.state == "done" else None
    marked = next((place for place, trial in enumerate(trials) if trial.number == best), None)
    rows = [_trial_row(trial, trial.number == best) for trial in trials]
    table = render_table(say.TRIAL_HEADINGS, rows, marked, numbers=(0, 1, 3, 4, 5, 6, 7))
    return f'<div class="section" id="trials"><h3>{say.TRIALS}</h3>{table}</div>'


def describe_machine() -> tuple[Any, ...]:
    """The dial with its trials and minutes, the base choices and what this machine can do; imports torch."""
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


def _chosen(db: Database, name: str) -> Profile:
    if not name:
        raise PageError(say.CHOOSE_PROFILE)
    return load_profile(db, name)


def _screen(name: str, shown: str) -> tuple[Any, ...]:
    live = is_live(name)
    timer = gr.Timer(LIVE_SECONDS if live else IDLE_SECONDS, active=bool(name))
    return shown, shown, gr.Button(interactive=not live), gr.Button(visible=live), timer, render_summary(name)


def _began(run: Run) -> float:
    return -seconds_between(run.started, "1970-01-01T00:00:00+00:00")


def _card(text: str, title: str = "", kind: str = "") -> str:
    head = f"<h3>{escape(title)}</h3>" if title else ""
    return f'<div class="card {kind}">{head}<p>{escape(text)}</p></div>'


def _render_live(run: Run, elapsed: str) -> str:
    stage = say.STAGES.get(run.stage, run.stage)
    settings = run.settings
    where = say.RUN_LINE.format(budget=say.DIAL_PLAIN.get(settings.get("budget", ""), "?"), base=settings.get("base", "?"), elapsed=elapsed)
    loss = say.LOSS.format(loss=run.loss) if run.loss is not None else ""
    detail = " · ".join(part for part in (run.detail, loss) if part)
    return (
        f'<div class="card"><div class="stage"><span>{escape(stage)}</span><span>{run.progress:.0%}</span></div>'
        f'{render_progress(run.progress, stage)}<p>{escape(detail)}</p><p class="muted">{escape(where)}</p></div>'
    )


def _render_done(run: Run, elapsed: str, known: int | None, size: int) -> str:
    best = run.result.get("best", {})
    recall, invents = float(best.get("recall", 0)), float(best.get("false_claims", 0))
    words: dict[str, Any] = {"recall": recall, "invents": invents, "known": known, "hits": round(recall * (known or 0))}
    said = (say.DONE_COUNTED if known else say.DONE_SHARES).format(**words)
    details = say.DONE_DETAILS.format(
        facts=run.result.get("facts", "?"), size=say_bytes(size), elapsed=elapsed, trial=best.get("trial", "?")
    )
    return (
        f'<div class="card good"><h3>{say.DONE_TITLE}</h3><p>{escape(said)}</p><p class="muted">{escape(details)}</p>'
        f"<p>{say.DONE_NEXT}</p></div>"
    )


def _held_out(db: Database, run: Run) -> int | None:
    """How many held-out questions the run's recall is a share of; None where the store does not say for sure."""
    if run.state != "done":
        return None
    stated = run.result.get("best", {}).get("known")
    if stated:
        return int(stated)
    recall = float(run.result.get("best", {}).get("recall", 0))
    held_out = [row for row in list_examples(db, run.id) if row.get("split") == "validation" and row.get("kind") == "recall"]
    # A study may ask only some of them: the count is right if the share is one of whole questions.
    count = min(len(held_out), 72)
    return count if count and abs(round(recall * count) / count - recall) < 1e-3 else None


def _size(db: Database, run: Run) -> int:
    number = run.result.get("adapter")
    return next((a.size for a in list_adapters(db, run.profile_id) if a.id == number), int(run.result.get("bytes", 0)))


def _trial_row(trial: Trial, best: bool) -> tuple[str, ...]:
    params, values = trial.params, trial.values
    layers = ", ".join(say.LAYER_SETS.get(name, str(name)) for name in params.get("layer_sets", []))
    shares = [f"{values[key]:.0%}" if key in values else "-" for key in ("recall", "false_claims")]
    state = say.TRIAL_STATES["best" if best else trial.state] if trial.state in say.TRIAL_STATES else trial.state
    return (
        str(trial.number), str(params.get("lora_count", "-")), layers, str(params.get("rank", "-")),
        f"{params.get('learning_rate', 0):.1e}", *shares, f"{trial.seconds or 0:.0f}", state,
    )  # fmt: skip


def build_inject_tab(shared: Shared, tab: gr.Tab) -> Panel:
    """Lays the tab out and wires it; the timer is quick while a run is alive and slow otherwise."""
    dial = gr.Radio(
        label=say.DIAL,
        info=say.DIAL_INFO,
        choices=[(name, key) for key, name in say.DIAL_PLAIN.items()],
        value="quick",
        elem_id="dial",
    )
    with gr.Accordion(say.BASE_ACCORDION, open=False, elem_id="base-accordion"):
        machine = gr.HTML(f'<p class="note">{say.MACHINE_UNKNOWN}</p>', js_on_load=None, elem_id="machine")
        base = gr.Dropdown(
            label=say.BASE, info=say.BASE_INFO, choices=[(say.POCKET_CHOICE, "pocket")], value="pocket", allow_custom_value=True,
            elem_id="base",
        )  # fmt: skip
        gr.HTML(f'<p class="muted">{say.BASE_HUB_NOTE}</p>', js_on_load=None)
    with gr.Row(elem_classes="actions"):
        start_button = gr.Button(say.START, variant="primary", elem_id="start")
        cancel_button = gr.Button(say.CANCEL, variant="stop", visible=False, elem_id="cancel")
    run = gr.HTML(_card(say.NEVER_RUN), js_on_load=None, elem_id="run")
    seen = gr.State("")
    timer = gr.Timer(IDLE_SECONDS, active=False)
    screen: list[Any] = [run, seen, start_button, cancel_button, timer, shared.summary]

    def refresh(name: str) -> tuple[Any, ...]:
        return _screen(name, show_run(name))

    def start_and_show(name: str, budget: str, base_id: str) -> tuple[Any, ...]:
        return _screen(name, start(name, budget, base_id))

    def cancel_and_show(name: str) -> tuple[Any, ...]:
        shown = cancel(name)
        gr.Info(say.CANCELLING)
        return _screen(name, shown)

    listen(start_button.click, start_and_show, [shared.profile, dial, base], screen, progress="minimal")
    listen(cancel_button.click, cancel_and_show, shared.profile, screen)
    listen(timer.tick, poll, [shared.profile, seen], screen)
    listen(tab.select, describe_machine, None, [dial, base, machine])
    listen(tab.select, refresh, shared.profile, screen)
    return Panel(refresh, screen)
