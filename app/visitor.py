"""What the tabs share: which profile the visitor has chosen, and how a tab is brought up to date."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr
from sqlite_utils import Database

from app import sentences as say
from app.edge import PageError, store
from app.fragments import escape, say_moment
from memory.store import Adapter, Profile, count_rows, list_adapters, list_profiles, load_profile


@dataclass(frozen=True)
class Shared:
    """The page, the chosen profile's name (a gr.State, "" for none), where else it is held, the line that sums it up, and the tabs."""

    page: gr.Blocks
    profile: gr.State
    remembered: gr.BrowserState
    chooser: gr.Dropdown
    summary: gr.HTML
    tabs: gr.Tabs

    @property
    def places(self) -> list[Any]:
        """The outputs of `choose`."""
        return [self.profile, self.remembered, self.chooser]

    @staticmethod
    def choose(name: str | None) -> tuple[Any, ...]:
        """A name for all places that hold it."""
        name = name or ""
        return name, name, gr.Dropdown(choices=profile_names(), value=name or None)

    @staticmethod
    def summarise(name: str) -> str:
        """What the profile holds, in one line (HTML)."""
        return render_summary(name)


@dataclass(frozen=True)
class Panel:
    """A built tab: `refresh(profile name)` gives new values for `outputs`, a tuple where there are several."""

    refresh: Callable[[str], Any]
    outputs: list[Any]


def chosen_profile(db: Database, name: str | None) -> Profile:
    """The profile of this name; raises PageError where none is chosen."""
    if not name:
        raise PageError(say.CHOOSE_PROFILE)
    return load_profile(db, name)


def adapter_in_use(db: Database, profile: Profile) -> Adapter | None:
    """The profile's current adapter without its weights, or None."""
    return next((adapter for adapter in list_adapters(db, profile.id) if adapter.current), None)


def profile_names() -> list[str]:
    """The names of all profiles, oldest first."""
    with store() as db:
        return [profile.name for profile in list_profiles(db)]


def render_summary(name: str) -> str:
    """What a profile holds, in one line; what to do where none is chosen."""
    if not name:
        return f'<p class="summary">{say.NO_PROFILE}</p>'
    with store() as db:
        profile = load_profile(db, name)
        counts = count_rows(db, profile.id)
        current = adapter_in_use(db, profile)
    adapter = say.HAS_ADAPTER.format(created=say_moment(current.created)) if current else say.HAS_NO_ADAPTER
    line = say.SUMMARY.format(messages=counts["messages"], facts=counts["facts"], adapter=adapter)
    return f'<p class="summary"><b>{escape(profile.name)}</b>: {escape(line)}</p>'
