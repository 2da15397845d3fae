"""Pieces of HTML: values come in, escaped markup comes out.

Nothing that a person or a model wrote is ever taken for markup.
"""

import html
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from app import sentences as say


def escape(text: object) -> str:
    """Text as it may stand inside an element or an attribute."""
    return html.escape(str(text), quote=True)


def render_note(text: str, kind: str = "plain") -> str:
    """One paragraph of plain text; kind is plain, good or bad."""
    return f'<p class="note {kind}">{escape(text)}</p>' if text else ""


def render_table(headings: Sequence[str], rows: Iterable[Sequence[object]], marked: int | None = None, numbers: Sequence[int] = ()) -> str:
    """A table that scrolls sideways by itself; `marked` is a row to stress, `numbers` are columns set right."""

    def cell(tag: str, place: int, value: object) -> str:
        right = ' class="number"' if place in numbers else ""
        scope = ' scope="col"' if tag == "th" else ""
        return f"<{tag}{scope}{right}>{escape(value)}</{tag}>"

    head = "".join(cell("th", place, heading) for place, heading in enumerate(headings))
    body = "".join(
        f"<tr{' class=marked' if index == marked else ''}>{''.join(cell('td', place, value) for place, value in enumerate(row))}</tr>"
        for index, row in enumerate(rows)
    )
    return f'<div class="scroll" tabindex="0"><table class="grid"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def render_progress(share: float, label: str) -> str:
    """A progress bar with its percentage."""
    percent = round(100 * max(0.0, min(1.0, share)))
    return (
        f'<div class="bar" role="progressbar" aria-label="{escape(label)}" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{percent}"><div style="width:{percent}%"></div></div>'
    )


def render_curve(points: Sequence[tuple[float, float]], title: str, top: float | None = None, width: int = 320, height: int = 90) -> str:
    """A small line drawing of (x, y) points with its last value; `top` fixes the upper end of the scale. Nothing for fewer than two."""
    if len(points) < 2:
        return ""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    low, high = (0.0, top) if top is not None else (min(ys), max(ys))
    span_x, span_y = (max(xs) - min(xs)) or 1.0, (high - low) or 1.0
    path = " ".join(
        f"{6 + (x - min(xs)) / span_x * (width - 12):.1f},{height - 8 - (y - low) / span_y * (height - 16):.1f}" for x, y in points
    )
    said = f"{title}: {ys[-1]:.3g}"
    return (
        f'<figure class="curve"><svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(said)}" preserveAspectRatio="none">'
        f'<polyline points="{path}"/></svg><figcaption>{escape(said)}</figcaption></figure>'
    )


def say_seconds(seconds: float) -> str:
    """A length of time: "45 s", "2 min 5 s", "1 h 12 min"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def say_bytes(size: int) -> str:
    """A size: "820 kB", "3.4 MB"."""
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(1, round(size / 1e3))} kB"


def seconds_between(started: str, finished: str | None) -> float:
    """Seconds from one stored time to another, or to now."""
    end = datetime.fromisoformat(finished) if finished else datetime.now(UTC)
    return (end - datetime.fromisoformat(started)).total_seconds()


def say_moment(stored: str) -> str:
    """A stored UTC time on this machine's clock: "22 Nov, 17:36", "22. Nov., 17:36"."""
    local = datetime.fromisoformat(stored).astimezone()
    return say.MOMENT.format(day=local.day, month=say.MONTHS[local.month - 1], time=f"{local:%H:%M}")
