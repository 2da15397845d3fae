"""The people and channels of a Slack workspace: users.json, channels.json and their like come in, names and plain text come out."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from memory.errors import BadExport
from memory.importers.export import Report, clean_text
from memory.importers.naming import Names, word
from memory.importers.sources import Bundle, Unreadable

_MARKUP = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")


@dataclass
class Workspace:
    """Who is who (id to shown name), which of them are bots, and what the channels are called (id or folder to name)."""

    people: dict[str, str] = field(default_factory=dict)
    bots: set[str] = field(default_factory=set)
    channels: dict[str, str] = field(default_factory=dict)
    names: Names = field(default_factory=Names)

    def sender(self, user: str, record: dict[str, Any]) -> str:
        """The name in the list of users, else the one at the message (people of other workspaces), else the id."""
        profile = record.get("user_profile")
        if user and user not in self.people:
            return self.names.of(user, _name(profile if isinstance(profile, dict) else {}) or user, user)
        return self.people.get(user) or word(record.get("username"))

    def title(self, folder: str, bundle: Bundle) -> str:
        """What the channel in a folder is called."""
        leaf = PurePosixPath(folder).name
        if not leaf:  # days that lie loose are those of the folder or the ZIP they came in
            alone = bundle.sources[0].name == bundle.path.name
            path = bundle.path.absolute()
            leaf = path.name if path.is_dir() else path.parent.name if alone else path.stem
        named = self.channels.get(leaf)
        group = re.fullmatch(r"mpdm-(.+)-\d+", leaf)
        return clean_text(named or (group[1].replace("--", ", ") if group else leaf)) or "Slack"

    def plain(self, text: str) -> str:
        """Slack's markup as people read it; the three escaped signs come last, so that an escaped `<@U1>` stays what was typed."""

        def shown(match: re.Match[str]) -> str:
            kind, target, label = match.groups()
            if kind == "@":
                return "@" + (self.people.get(target) or label or target)
            if kind == "#":
                return "#" + (label or self.channels.get(target, target))
            if kind == "!" and target.startswith("date^"):
                return label or ""
            if kind == "!":
                return "@" + (label or target.removeprefix("subteam^")).removeprefix("@")
            return label or re.sub("^(?:mailto|tel):", "", target)

        return _MARKUP.sub(shown, text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def read_workspace(bundle: Bundle, report: Report) -> Workspace:
    """The lists of people and channels of an export, as far as they are there and whole."""
    workspace = Workspace()
    users = [user for user in _listed(bundle, "(?:org_)?users", report) if isinstance(user.get("id"), str)]
    for user in users:
        profile = user.get("profile")
        workspace.people[user["id"]] = (
            _name(profile if isinstance(profile, dict) else {}) or word(user.get("real_name")) or word(user.get("name")) or user["id"]
        )
        if user.get("is_bot") or user.get("is_workflow_bot"):
            workspace.bots.add(user["id"])
    shown = Counter(workspace.people.values())
    for user in users:  # two people of one name are told apart by their handles
        name, handle = workspace.people[user["id"]], word(user.get("name")) or user["id"]
        if shown[name] > 1 and name != handle:
            workspace.people[user["id"]] = f"{name} ({handle})"
        workspace.names.of(user["id"], workspace.people[user["id"]])
    for channel in _listed(bundle, "channels|groups|dms|mpims", report):
        key, name, members = word(channel.get("id")), word(channel.get("name")), channel.get("members")
        # Only direct messages, which have no name of their own, are called after their people.
        if (not name or name.startswith("mpdm-")) and isinstance(members, list):
            people = dict.fromkeys(workspace.people.get(member, member) for member in members if isinstance(member, str))
            title = ", ".join(people)
        else:
            title = name
        if title:
            workspace.channels |= {place: title for place in (key, name) if place}
    return workspace


def _listed(bundle: Bundle, names: str, report: Report) -> Iterator[dict[str, Any]]:
    for source in bundle.named(rf"(?:{names})\.json"):
        try:
            for _, item in source.items(""):
                if isinstance(item, dict):
                    yield item
                elif isinstance(item, Unreadable):
                    report.warn(f"{source.name} is damaged: some names are missing.")
        except BadExport:
            report.warn(f"{source.name} cannot be read: names are missing.")


def _name(profile: dict[str, Any]) -> str:
    return word(profile.get("display_name")) or word(profile.get("real_name")) or word(profile.get("name"))
