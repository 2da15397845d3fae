"""What the tabs share: which profile the visitor has chosen, and how a tab is brought up to date."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app import sentences as say
from app.edge import store
from app.fragments import escape, say_moment
from memory.store import count_rows, list_adapters, load_profile


@dataclass(frozen=True)
class Shared:
    """The chosen profile's name (a gr.State, "" for none), the line that sums it up, and the tabs."""

    profile: gr.State
    summary: gr.HTML
    tabs: gr.Tabs

    @staticmethod
    def summarise(name: str) -> str:
        """What the profile holds, in one line (HTML)."""
        return render_summary(name)


@dataclass(frozen=True)
class Panel:
    """A built tab: `refresh(profile name)` gives new values for `outputs`."""

    refresh: Callable[[str], tuple[Any, ...]]
    outputs: list[Any]


def render_summary(name: str) -> str:
    """What a profile holds, in one line; a welcome where none is chosen."""
    if not name:
        return f'<p class="summary">{say.WELCOME}</p>'
    with store() as db:
        profile = load_profile(db, name)
        counts = count_rows(db, profile.id)
        current = next((adapter for adapter in list_adapters(db, profile.id) if adapter.current), None)
    adapter = say.HAS_ADAPTER.format(created=say_moment(current.created)) if current else say.HAS_NO_ADAPTER
    line = say.SUMMARY.format(messages=counts["messages"], facts=counts["facts"], adapter=adapter)
    return f'<p class="summary"><b>{escape(profile.name)}</b>: {escape(line)}</p>'
