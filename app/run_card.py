"""A run in HTML: what the store says of it comes in, the card of the Inject tab comes out, live, paused or ended."""

from typing import Any

from app import sentences as say
from app.fragments import escape, render_curve, render_progress, render_table, say_bytes, say_seconds, seconds_between
from app.worker import Job
from memory.store import Run, Trial

LIVE = ("queued", "running")
SHOWN_POINTS = 160
EARLIEST_SHARE = 0.04  # of a run, before the time left is said


def render_run(run: Run, job: Job | None, points: list[dict[str, Any]], size: int) -> str:
    """A run in words: its progress while it is alive, what came of it when it has ended."""
    elapsed = seconds_between(run.started, run.finished)
    if run.state in LIVE:
        return _render_live(run, elapsed, points)
    if run.state == "done":
        return _render_done(run, elapsed, size)
    if run.state == "cancelled":
        return render_card(say.CANCELLED_TEXT, say.CANCELLED_TITLE)
    if run.state == "interrupted":
        return render_card(say.INTERRUPTED_TEXT, say.INTERRUPTED_TITLE, "bad")
    return render_failed(run.error, job)


def render_failed(error: str | None, job: Job | None) -> str:
    """Why a run failed, in the command's own sentence."""
    log = job.log if job else "keepsake.log"
    return render_card(say.told(error) if error else say.FAILED_TEXT.format(log=log), say.FAILED_TITLE, "bad")


def render_trials(run: Run, trials: list[Trial]) -> str:
    """The trials as a table; the chosen one is marked."""
    if not trials:
        return ""
    best = run.result.get("best", {}).get("trial") if run.state == "done" else None
    marked = next((place for place, trial in enumerate(trials) if trial.number == best), None)
    rows = [_trial_row(trial, trial.number == best) for trial in trials]
    table = render_table(say.TRIAL_HEADINGS, rows, marked, numbers=(0, 1, 3, 4, 5, 6, 7))
    return f'<div class="section" id="trials"><h3>{say.TRIALS}</h3>{table}</div>'


def render_card(text: str, title: str = "", kind: str = "") -> str:
    """A sentence in a box."""
    head = f"<h3>{escape(title)}</h3>" if title else ""
    return f'<div class="card {kind}">{head}<p>{escape(text)}</p></div>'


def seconds_left(run: Run, elapsed: float) -> float | None:
    """How long a run may still take, from what is done and its budget; None where nothing can be said yet."""
    if run.progress < EARLIEST_SHARE or run.paused:
        return None
    left = elapsed * (1 - run.progress) / run.progress
    budget = 60 * float(run.settings.get("minutes") or 0)
    if run.stage == "search" and elapsed < budget:  # a run beyond its budget is a slow one: its first trial goes on to its end
        left = min(left, max(5.0, budget - elapsed))
    return float(left)


def _render_live(run: Run, elapsed: float, points: list[dict[str, Any]]) -> str:
    stage = say.STAGE_QUEUE if run.stage == "queue" else say.STAGES.get(run.stage, run.stage)
    settings = run.settings
    words = {
        "budget": say.DIAL_PLAIN.get(settings.get("budget", ""), "?"),
        "base": settings.get("base", "?"),
        "elapsed": say_seconds(elapsed),
    }
    where = say.RUN_LINE.format(**words)
    left = seconds_left(run, elapsed)
    time_left = say.PAUSED if run.paused else say.TIME_LEFT.format(left=say_seconds(left)) if left is not None else say.TIME_UNKNOWN
    loss = say.LOSS.format(loss=run.loss) if run.loss is not None else ""
    recalls = [point for point in points if point["recall"] is not None]
    recall = say.RECALL_NOW.format(recall=recalls[-1]["recall"], abstention=recalls[-1]["abstention"] or 0) if recalls else ""
    detail = " · ".join(part for part in (say.told(run.detail), loss, recall) if part)
    notice = f'<p class="notice">{escape(say.told(run.notice))}</p>' if run.notice else ""
    return (
        f'<div class="card{" paused" if run.paused else ""}"><div class="stage"><span>{escape(stage)}</span>'
        f"<span>{run.progress:.0%} · {escape(time_left)}</span></div>"
        f'{render_progress(run.progress, stage)}{_render_stages(run)}{notice}<p>{escape(detail)}</p><p class="muted">{escape(where)}</p>{_curves(points)}</div>'
    )


def _render_stages(run: Run) -> str:
    """All stages in order, those behind, the present one and those to come."""
    keys = [key for key in say.STAGES if key]
    if run.stage not in keys:
        return ""
    now = keys.index(run.stage)
    items = "".join(
        f'<li class="{"past" if place < now else "now" if place == now else ""}"{" aria-current=step" if place == now else ""}>'
        f"{escape(say.STAGES_SHORT.get(key, key))}</li>"
        for place, key in enumerate(keys)
    )
    return f'<ol class="stages">{items}</ol>'


def _curves(points: list[dict[str, Any]]) -> str:
    """The loss of the present trial and the held-out recall of all, as two small curves."""
    if not points:
        return ""
    trial = points[-1]["trial"]
    losses = [(point["share"], point["loss"]) for point in points if point["loss"] is not None and point["trial"] == trial]
    recalls = [(point["trial"] + point["share"], point["recall"]) for point in points if point["recall"] is not None]
    step = max(1, len(losses) // SHOWN_POINTS)
    parts = [render_curve(losses[::step], say.CURVE_LOSS.format(trial=trial + 1)), render_curve(recalls, say.CURVE_RECALL, top=1.0)]
    return f'<div class="curves">{"".join(parts)}</div>' if any(parts) else ""


def _render_done(run: Run, elapsed: float, size: int) -> str:
    best = run.result.get("best", {})
    details = say.DONE_DETAILS.format(
        facts=run.result.get("facts", "?"), size=say_bytes(size), elapsed=say_seconds(elapsed), trial=best.get("trial", "?")
    )
    lines = [f"<p>{escape(line)}</p>" for line in say_outcome(run)]
    return (
        f'<div class="card good"><h3>{say.DONE_TITLE}</h3>{"".join(lines)}<p class="muted">{escape(details)}</p>'
        f"<p>{say.DONE_NEXT}</p></div>"
    )


def say_outcome(run: Run) -> list[str]:
    """What a finished run came to, in sentences: from the comparison of sides where there is one, else from the chosen trial."""
    best, advice = run.result.get("best", {}), run.result.get("advice") or {}
    card = advice.get("card") or {}
    hits = card.get("hits") or {}
    if {"adapter", "rag", "hybrid"} <= set(hits):
        words = {"known": card["known"], "unknown": card["unknown"], **{f"{side}_hits": count for side, count in hits.items()}}
        words |= {f"{side}_invents": count for side, count in card["invents"].items()}
        use = say.USE.get(advice.get("side"), "") + ("" if advice.get("sure") else say.AS_GOOD if advice.get("as_good") else say.NOT_SURE)
        return [say.CARD.format(**words), say.CARD_OTHERS.format(**words), use]
    recall, known = float(best.get("recall", 0)), best.get("known")
    shares = {"recall": recall, "invents": float(best.get("false_claims", 0)), "known": known, "hits": round(recall * (known or 0))}
    return [(say.DONE_COUNTED if known else say.DONE_SHARES).format(**shares)]


def _trial_row(trial: Trial, best: bool) -> tuple[str, ...]:
    params, values = trial.params, trial.values
    layers = ", ".join(say.LAYER_SETS.get(name, str(name)) for name in params.get("layer_sets", []))
    shares = [f"{values[key]:.0%}" if key in values else "-" for key in ("recall", "false_claims")]
    state = say.TRIAL_STATES["best" if best else trial.state] if trial.state in say.TRIAL_STATES else trial.state
    return (
        str(trial.number), str(params.get("lora_count", "-")), layers, str(params.get("rank", "-")),
        f"{params.get('learning_rate', 0):.1e}", *shares, f"{trial.seconds or 0:.0f}", state,
    )  # fmt: skip
