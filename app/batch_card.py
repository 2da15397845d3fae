"""A call for many profiles in HTML: what the store says of it comes in, a card of the Inject tab comes out.

It is read from the store at every look, so a reload, another tab and another process's call all show the same.
"""

from typing import Any

from sqlite_utils import Database

from app import sentences as say
from app.fragments import escape, render_progress, render_table, say_seconds, seconds_between
from memory.store.batches import batch_progress

SHOWN = 8  # profiles with a row of their own
KEPT_SECONDS = 24 * 3600.0  # that the card of a call which has ended stays
ORDER = ("running", "queued", "failed", "interrupted", "cancelled", "done", "skipped", "waiting")


def show_batch(db: Database) -> str:
    """The newest call for many profiles, while it runs and for a day afterwards; else nothing."""
    batch = batch_progress(db)
    if not batch["batch"] or (batch["state"] != "running" and seconds_between(batch["finished"] or batch["started"], None) > KEPT_SECONDS):
        return ""
    return render_batch(batch)


def render_batch(batch: dict[str, Any]) -> str:
    """Counts, a bar of those that have ended, and a row for those that run, went wrong or have ended, in that order."""
    state = batch["state"]
    ended = sum(batch[name] for name in ("done", "skipped", "failed", "cancelled"))
    counts = " · ".join(f"{batch[name]} {text}" for name, text in say.BATCH_COUNTS.items() if batch[name] or name == "done")
    words = {
        "engine": say.BATCH_ENGINES.get(batch["engine"], batch["engine"]),
        "elapsed": say_seconds(seconds_between(batch["started"], batch["finished"])),
    }
    kind = "bad" if state == "interrupted" or batch["failed"] else "good" if state == "done" else ""
    return (
        f'<div class="card batch {kind}"><h3>{escape(say.BATCH_TITLES[state].format(of=batch["of"]))}</h3>'
        f'<div class="stage"><span>{escape(counts)}</span><span>{ended / max(1, batch["of"]):.0%}</span></div>'
        f'{render_progress(ended / max(1, batch["of"]), say.BATCH_BAR)}<p class="muted">{escape(say.BATCH_LINE.format(**words))}</p>'
        f"{_render_notice(state)}{_render_rows(batch['profiles'])}</div>"
    )


def _render_notice(state: str) -> str:
    return f'<p class="notice">{escape(say.BATCH_STOPPED)}</p>' if state in ("interrupted", "cancelled") else ""


def _render_rows(profiles: list[dict[str, Any]]) -> str:
    chosen = sorted(profiles, key=lambda row: ORDER.index(row["state"]))[:SHOWN]
    rows = [(row["profile"], say.BATCH_STATES[row["state"]], _share(row), _where(row)) for row in chosen]
    more = len(profiles) - len(chosen)
    left = f'<p class="muted">{escape(say.BATCH_MORE.format(count=more))}</p>' if more else ""
    return render_table(say.BATCH_HEADINGS, rows, numbers=(2,)) + left


def _share(row: dict[str, Any]) -> str:
    return f"{row['progress']:.0%}" if row["state"] in ("running", "queued") else ""


def _where(row: dict[str, Any]) -> str:
    """The error of one that went wrong, the step of one that runs, the place where one was done."""
    if row["error"]:
        return str(row["error"])
    if row["state"] == "running":
        stage = say.STAGES_SHORT.get(row["stage"], row["stage"])
        return f"{stage}: {row['detail']}" if row["detail"] else str(stage)
    return say.BATCH_NODE.format(node=row["node"]) if row["node"] and row["state"] == "done" else ""
