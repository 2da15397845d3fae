"""What a hand-over says to a person: the result of `export` comes in, sentences come out. Used by the command and by the page."""

from typing import Any


def say_export(result: dict[str, Any]) -> str:
    """The result in a few lines, with what was proved and how it is used."""
    size = result["bytes"] / 1e6
    lines = [f"Adapter {result['adapter']} of {result['profile']} is in {result['folder']} ({len(result['files'])} files, {size:.1f} MB)."]
    if result["to"] == "merged":
        from tuning.export.merged import say_loss

        return "\n".join([*lines, say_loss(result)])
    joint = (
        f"{result['loras']} joint LoRAs became one of rank {result['rank']}"
        if result["loras"] > 1
        else f"One LoRA of rank {result['rank']}"
    )
    proof = result["proof"]
    lines.append(
        f"{joint}. Read back with {result['read_with']}: {proof['same_answers']} of {proof['asked']} answers are the same, "
        f"the largest difference of a logit is {proof['max_logit_difference']:.1e}."
    )
    if result.get("serve"):
        lines.append(f"To serve it: {result['serve']}")
    return "\n".join([*lines, "It holds memories of a person: treat it like their letters."])
