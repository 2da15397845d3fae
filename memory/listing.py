"""Results of the commands as neat text: what a command returns comes in, the lines a person reads come out."""

from typing import Any

Row = dict[str, Any]


def show_import(result: Row) -> str:
    """What was imported, who is taken for the person, and what was assumed or left out."""
    counts = f"{result['imported']} messages imported, {result['duplicates']} there already, {result['skipped']} skipped"
    lines = [f"{result['profile']}: {counts} ({result['format']}).", f'You are "{result["me"]}"; if not, name --me.']
    for row in result["senders"]:
        lines.append(f"  {row['messages']:>6}  {row['sender']}{'  (you)' if row['me'] else ''}")
    lines += [f"Skipped: {count} {reason}." for reason, count in result["reasons"].items()]
    return "\n".join([*lines, *result["notes"]])


def show_messages(rows: list[Row]) -> str:
    """One message a paragraph, under the name of its conversation when that changes."""
    lines, conversation = [], None
    for row in rows:
        if row["conversation"] != conversation:
            conversation = row["conversation"]
            lines.append(f"== {conversation}")
        mark = "*" if row["me"] else " "
        left_out = " (excluded)" if row["excluded"] else ""
        text = row["text"].replace("\n", "\n" + " " * 8)
        lines.append(f"{row['id']:>6}{mark} {_time(row['timestamp'])}{row['sender']}: {text}{left_out}")
    return "\n".join(lines) or "No messages yet: import a chat export."


def show_facts(rows: list[Row]) -> str:
    """One fact a line, with its number and, unless active, its status."""
    lines = [f"{row['id']:>6}  {row['text']}{_status(row)}" for row in rows]
    return "\n".join(lines) or "No facts yet: they are learnt by an injection."


def show_hits(rows: list[Row]) -> str:
    """One hit a line, best first."""
    lines = [f"{row['score']:.4f}  {row['kind']:<7} {row['id']:>6}  {_time(row['timestamp'])}{row['text']}" for row in rows]
    return "\n".join(lines) or "Nothing was found."


def show_profiles(rows: list[Row]) -> str:
    """One profile a line."""
    lines = [f"{row['name']}: {row['messages']} messages, {row['facts']} facts, {row['adapters']} adapters" for row in rows]
    return "\n".join(lines) or "No profiles yet: import a chat export."


def show_profile(row: Row) -> str:
    """The form, the free text and who the person is in chats."""
    lines = [f"{row['name']} (in chats: {row['me'] or 'not known yet'})"]
    lines += [f"  {field}: {value}" for field, value in row["form"].items()]
    if row["about"]:
        lines.append(f"  about: {row['about']}")
    if "messages" in row:
        lines.append(f"  {row['messages']} messages, {row['facts']} facts")
    return "\n".join(lines)


def show_forgotten(result: Row) -> str:
    """What went, by kind."""
    went = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in result["forgotten"].items() if count)
    return f"Forgotten: {went or 'there was nothing'}."


def _time(timestamp: str | None) -> str:
    return f"{timestamp[:16].replace('T', ' ')}  " if timestamp else ""


def _status(row: Row) -> str:
    if row["status"] == "superseded":
        return f"  (superseded by {row['superseded_by']})"
    return "" if row["status"] == "active" else f"  ({row['status']})"
