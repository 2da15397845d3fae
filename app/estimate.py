"""What an injection will cost, said before it starts: a profile, a budget and a base come in, minutes and memory in a sentence come out."""

from pathlib import Path

from app import sentences as say
from app.edge import store
from app.fragments import escape
from app.warm import warm_up
from app.worker import is_hub_name
from memory.errors import KeepsakeError
from memory.store import count_rows, latest_run, load_profile

READ_A_SECOND = 8.0  # messages of a chat, half of them the person's own: the demo's 522 took pocket 125 s of two cores (`benchmarks.scale_out --figures`)
POCKET_GIB = 1.4  # peak of an injection on pocket (README, "Measured")


def estimate_run(name: str, budget: str, base: str) -> str:
    """Minutes and memory of an injection: as the last like it took, else from the messages and the budget (HTML); imports torch."""
    warm_up()
    from tuning.inject import BUDGETS

    if not name or budget not in BUDGETS:
        return ""
    base = (base or "pocket").strip()
    with store() as db:
        profile = load_profile(db, name)
        last, messages = latest_run(db, profile.id), count_rows(db, profile.id)["messages"]
    if last and last.state == "done" and (last.settings.get("budget"), last.settings.get("base")) == (budget, base):
        minutes, memory = last.result.get("seconds", 0) / 60, last.result.get("peak_memory_mb", 0) / 1000
        said = say.ESTIMATE_LAST.format(minutes=minutes, memory=memory, dial=say.DIAL_PLAIN[budget])
    else:
        minutes = BUDGETS[budget].minutes + messages / READ_A_SECOND / 60
        said = say.ESTIMATE.format(minutes=minutes, memory=needed_memory(base), dial=say.DIAL_PLAIN[budget], messages=messages, base=base)
    return f'<p class="note" role="status">{escape(said)}{escape(_fetched(base))}</p>'


def _fetched(base: str) -> str:
    """What Start would fetch and in which revision, where the base is a hub model; else nothing."""
    from tuning.bases import resolve_base

    if not is_hub_name(base):
        return ""
    try:
        found = resolve_base(base)
    except KeepsakeError:
        return ""  # said when it is started
    return " " + (say.FETCHED if "@" in base else say.FETCHED_MAIN).format(name=found.source, revision=found.revision)


def needed_memory(base: str) -> float:
    """GiB that an injection on this base needs about: measured for pocket, estimated for the suggestions and for folders."""
    from tuning.bases import SUGGESTIONS

    if base == "pocket":
        return POCKET_GIB
    known = {suggestion.id: suggestion.memory for suggestion in SUGGESTIONS}
    if base.partition("@")[0] in known:
        return known[base.partition("@")[0]]
    weights = sum(path.stat().st_size for path in Path(base).expanduser().glob("*.safetensors"))
    return 1.0 + 1.5 * weights / 2**30
