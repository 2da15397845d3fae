"""Results as files: a profile comes in, its votes as CSV, everything as JSON, or one HTML file that opens anywhere without a network."""

import csv
import io
from typing import Any

from sqlite_utils import Database

from app import sentences as say
from app.fragments import escape
from app.tally import tally_judgements, tally_length, tally_pairs, tally_position
from app.theme import CSS
from app.warm import warm_up
from memory.store import Profile, latest_report, latest_run, list_judgements, list_trials, list_turns, list_votes, load_profile
from memory.store.database import now, to_json

COLUMNS = (
    "turn", "created", "question", "left_side", "right_side", "choice", "winner", "left_relevant", "left_accurate", "right_relevant",
    "right_accurate", "left_text", "right_text",
)  # fmt: skip
# Gradio's variables that page.css relies on, for a file that stands alone.
VARIABLES = """:root { --body-text-color: #1c1917; --body-text-color-subdued: #57534e; --border-color-primary: #e7e5e4; --block-background-fill: #fff;
 --primary-50: #f0fdfa; --primary-400: #2dd4bf; --primary-500: #14b8a6; --primary-950: #042f2e; }
@media (prefers-color-scheme: dark) { :root { --body-text-color: #f5f5f4; --body-text-color-subdued: #a8a29e; --border-color-primary: #44403c;
 --block-background-fill: #1c1917; --primary-50: #042f2e; } body { background: #0c0a09; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--body-text-color); max-width: 1000px; margin: 2rem auto; padding: 0 1rem; }"""


def vote_rows(db: Database, profile: Profile) -> list[dict[str, Any]]:
    """Every vote with its turn and what was said of the memories, oldest first."""
    turns = {turn.id: turn for turn in list_turns(db, profile.id)}
    judged = {(said.turn_id, said.place): said for said in list_judgements(db, profile.id)}
    rows = []
    for vote in list_votes(db, profile.id):
        turn = turns[vote.turn_id]
        row: dict[str, Any] = {
            "turn": vote.turn_id, "created": vote.created, "question": vote.question, "left_side": vote.left_side, "right_side": vote.right_side,
            "choice": vote.choice, "winner": vote.winner, "left_text": turn.left_text, "right_text": turn.right_text,
        }  # fmt: skip
        for place in ("left", "right"):
            said = judged.get((vote.turn_id, place))
            row |= {f"{place}_relevant": said.relevant if said else None, f"{place}_accurate": said.accurate if said else None}
        rows.append(row)
    return rows


def export_votes(db: Database, profile: Profile) -> str:
    """The votes as CSV; a cell that a spreadsheet would take for a formula is quoted with an apostrophe."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    for row in vote_rows(db, profile):
        writer.writerow({key: _plain_cell(value) for key, value in row.items()})
    return out.getvalue()


def export_json(db: Database, profile: Profile) -> str:
    """Votes, tallies, judgements, the newest measurement and the newest run with its trials."""
    votes, turns, run = list_votes(db, profile.id), list_turns(db, profile.id), latest_run(db, profile.id)
    pairs = [
        {"side": tally.side, "other": tally.other, "wins": tally.wins.row(), "ties": tally.ties, "both_bad": tally.both_bad}
        for tally in tally_pairs(votes, say.PAIRS)
    ]
    judged = {
        side: {key: share.row() for key, share in shares.items()}
        for side, shares in tally_judgements(list_judgements(db, profile.id)).items()
    }
    return to_json({
        "profile": profile.name, "created": now(), "pairs": pairs, "left_wins": tally_position(votes).row(),
        "longer_wins": tally_length(votes, turns).row(), "judgements": judged, "votes": vote_rows(db, profile),
        "evaluation": latest_report(db, profile.id, "evaluation"), "run": run.result if run else None,
    })  # fmt: skip


def export_html(name: str, results: str) -> str:
    """The results as the page shows them, with the study's plots, in one file without a link to anywhere."""
    from app.edge import store

    with store() as db:
        run = latest_run(db, load_profile(db, name).id)
        trials = list_trials(db, run.id) if run else []
    title = escape(say.REPORT_TITLE.format(name=name))
    plots = _plots(trials)
    return (
        f'<!doctype html><html lang="{say.language()}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{VARIABLES}\n{CSS}</style></head><body><h1>{title}</h1>"
        f'<p class="muted">{escape(say.REPORT_NOTE.format(created=now()[:16].replace("T", " ")))}</p>{results}{plots}</body></html>'
    )


def _plots(trials: list[Any]) -> str:
    if not trials:
        return ""
    warm_up()
    from tuning.study_plots import draw_study

    figures = list(draw_study(trials, say.PLOT_TITLES).values())
    # The first brings plotly's own code along (some MB), so that the file needs no network.
    drawn = [figure.to_html(full_html=False, include_plotlyjs="inline" if place == 0 else False) for place, figure in enumerate(figures)]
    return f'<div class="section"><h3>{escape(say.PLOTS)}</h3>{"".join(drawn)}</div>' if drawn else ""


def _plain_cell(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value
