"""Results of the commands as neat text: what a command returns comes in, the lines a person reads come out."""

from typing import Any

Row = dict[str, Any]


def show_import(result: Row) -> str:
    """What was or would be imported, who is taken for the person, and what was assumed or left out."""
    if result["stored"]:
        counts = f"{result['imported']} messages imported, {result['duplicates']} there already"
    else:
        counts = f"{result['kept']} messages would be imported (preview: nothing was stored)"
    skipped = sum(row["count"] for row in result["dropped"].values())
    period = result["period"]
    lines = [f"{result['profile']}: {counts}, {skipped} of {result['read']} records skipped ({result['format']})."]
    if period["from"]:
        lines.append(
            f"From {_time(period['from']).strip()} to {_time(period['to']).strip()}, {_count(result['conversations'], 'conversation')}."
        )
    lines.append(f'You are "{result["me"]}"' + ("." if result["me_sure"] else "; if not, name --me."))
    for row in result["senders"]:
        lines.append(f"  {row['messages']:>6}  {row['sender']}{'  (you)' if row['me'] else ''}")
    for reason, row in result["dropped"].items():
        examples = f", for instance: {' | '.join(row['samples'])}" if row["samples"] else "."
        lines.append(f"Skipped: {row['count']} {reason}{examples}")
    for row in result["redactions"].values():
        lines.append(f"Redacted: {row['count']} {row['what']}, for instance: {' | '.join(row['samples'])}")
    for gap in result["gaps"]:
        lines.append(f"Nothing was said in {gap['conversation']} for {gap['days']} days, from {gap['from']} to {gap['to']}.")
    if result["date_order"]:
        wrong = ". If day and month are the other way round, say so with --date-order." if result["ambiguous_dates"] else ""
        lines.append(f"Dates: {result['date_order']}{wrong}")
    if not result["stored"] and result["examples"]:
        lines.append("It begins:")
        lines += [f"  {_time(row['timestamp'])}{row['sender']}: {' '.join(row['text'].split())}" for row in result["examples"]]
    lines += [f"Note well: {warning}" for warning in result["warnings"]]
    lines += result["notes"]
    if result["stored"] and result["imported"]:
        lines.append(f"To undo it: python -m memory undo-import --profile {result['profile']} --id {result['import_id']}")
    return "\n".join(lines)


def show_imports(rows: list[Row]) -> str:
    """One import a line, the newest first."""
    lines = [f"{row['id']:>4}  {_time(row['created'])}{row['messages']} messages from {', '.join(row['files'])}" for row in rows]
    return "\n".join(lines) or "Nothing was imported yet."


def show_undone(result: Row) -> str:
    """What went with an import."""
    went = ", ".join(f"{count} {kind}" for kind, count in result["undone"].items() if count)
    return f"Import {result['import_id']} is undone: {went or 'it had brought nothing'}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


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


def show_embedded(result: Row) -> str:
    """How many vectors were made."""
    return f"{result['profile']}: {result['embedded']:,} texts prepared for the search." if result["embedded"] else "Nothing was missing."


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


def show_export(result: Row) -> str:
    """Where the profile was written and what is in it."""
    return f"{result['profile']} is in {result['file']} ({result['bytes'] / 1e6:.1f} MB): {_rows(result['rows'])}. Keep it as private as the chats."


def show_imported_profile(result: Row) -> str:
    """What was read."""
    return f"{result['profile']} was imported from {result['file']}: {_rows(result['rows'])}."


def _rows(rows: Row) -> str:
    shown = ("messages", "facts", "adapters", "turns", "votes")
    return ", ".join(_count(rows.get(kind, 0), kind[:-1]) for kind in shown)


def show_forgotten(result: Row) -> str:
    """What went, by kind, and what is left to do."""
    kinds = {**result["forgotten"]}
    certificate, stale = kinds.pop("certificate", None), kinds.get("adapters_stale")
    went = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in kinds.items() if count)
    lines = [f"Forgotten: {went or 'there was nothing'}."]
    if stale:
        lines.append("An adapter still knows it and is not used any more: inject again, and it is replaced by one that never saw it.")
    lines += _kept_messages(kinds)
    if certificate:
        lines.append(f"Certificate {certificate} (python -m memory certificates --profile NAME).")
    return "\n".join(lines)


def show_adapters(result: list[Row]) -> str:
    """One line an adapter, the newest first."""
    lines = []
    for row in result:
        state = "knows something forgotten" + (", allowed" if row["allowed"] else ", not used") if row["stale"] else "sound"
        lines.append(
            f"{row['id']:>5}  {_time(row['created'])}{row['base']}, {row['facts']} facts, {row['bytes'] / 1e6:.1f} MB, {state}"
            f"{'  (current)' if row['current'] else ''}"
        )
    return "\n".join(lines) or "There are no adapters yet: python -m tuning inject makes one."


def show_certificates(result: list[Row]) -> str:
    """What was forgotten when, and what is proved about it."""
    lines = []
    for row in result:
        what = "everything" if row["kind"] == "all" else f"{row['kind']} {row['number']}"
        found = "the file still has to be purged" if row["traces_found"] is None else f"found in {row['traces_found']} files afterwards"
        lines.append(f"{row['certificate']:>5}  {_time(row['forgotten_at'])}{what}: {found}{_weights(row)}.")
        lines += [f"       {said}" for said in _kept_messages(row["removed"])]
        lines += [f"       Your own backup {name} may still hold it." for name in row["own_backups"]]
    return "\n".join(lines) or "Nothing was forgotten yet."


def _kept_messages(removed: Row) -> list[str]:
    """What is said where a fact went and the messages that it came from stay."""
    count = removed.get("messages_excluded")
    if not count:
        return []
    return [
        f"{_count(count, 'message')} that said it stayed, never to be learnt again (messages: excluded); forget --message ID deletes one for good."
    ]


def _weights(row: Row) -> str:
    """What became of the adapters that knew it."""
    if not row["stale_adapters"]:
        return ""
    if row["adapter"] is None:
        return f"; adapter {', '.join(map(str, row['stale_adapters']))} knows it still, inject again"
    probe = row["probe"]
    said = f", which recalls it {'no better than' if probe['forgotten'] else 'BETTER than'} the base (probe)" if probe else ""
    return f"; replaced by adapter {row['adapter']}{said}"


def show_check(result: Row) -> str:
    """Whether the store is sound, and what was looked at."""
    rows = result.get("rows") or {}
    held = ", ".join(_count(rows[table], table[:-1]) for table in ("profiles", "messages", "facts", "adapters") if table in rows)
    lines = [f"{result['file']}: {result['bytes'] / 1e6:.1f} MB{', ' + held if held else ''}."]
    if result["ok"]:
        lines.append(
            "Sound: the file, its references, the search index and the hash of every adapter." if rows else "Nothing is stored yet."
        )
    else:
        lines += [f"Problem: {problem}" for problem in result["problems"]]
        newest = result["backups"][-1:] or ["none yet"]
        lines.append(f"To go back: python -m memory restore FILE (newest in the backups folder: {newest[0]}).")
    return "\n".join(lines)


def show_encryption(result: Row) -> str:
    """Whether the store is encrypted now, and which copies are not."""
    if not result["encrypted"]:
        return "The store is a plain file again: whoever can read the data folder can read it."
    lines = ["The store is encrypted. Keep the passphrase: without it nobody can read the store, and it cannot be recovered."]
    lines += [
        f"Not encrypted: your backup {name}. Delete it, or keep it where only you can read it." for name in result.get("plain_backups", [])
    ]
    return "\n".join(lines)


def show_backup(result: Row) -> str:
    """Where the copy is and what it holds."""
    rows = result["rows"]
    return (
        f"Saved and checked: {result['backup']} ({result['bytes'] / 1e6:.1f} MB, {rows.get('messages', 0)} messages, "
        f"{rows.get('facts', 0)} facts, {rows.get('adapters', 0)} adapters).\nIt holds private messages: keep it where only you can read it."
    )


def show_restore(result: Row) -> str:
    """What the store holds now, and where the former one is."""
    kept = f" What was there before is in {result['kept']}." if result["kept"] else ""
    return f"Restored {result['restored']}: {result['rows'].get('messages', 0)} messages, {result['rows'].get('facts', 0)} facts.{kept}"


def _time(timestamp: str | None) -> str:
    return f"{timestamp[:16].replace('T', ' ')}  " if timestamp else ""


def _status(row: Row) -> str:
    marks = ["pinned"] if row.get("pinned") else []
    if row["status"] == "superseded":
        marks.append(f"superseded by {row['superseded_by']}")
    elif row["status"] == "excluded":
        marks.append("not to be learnt")
    marks += [row["state"]] if row.get("state") in ("learnt", "stale") else []
    return f"  ({', '.join(marks)})" if marks else ""
