"""The Welcome tab: what Keepsake does, what this machine can do, and the two ways to begin."""

import os
from pathlib import Path
from typing import Any

import gradio as gr
import psutil  # type: ignore[import-untyped]

from app import sentences as say
from app.edge import listen, store
from app.fragments import escape
from app.visitor import Panel, Shared, adapter_in_use
from app.warm import warm_up
from memory.demo import import_demo
from memory.store import count_rows, create_profile, find_profile, load_profile

PICTURE = Path(__file__).parent / "picture.svg"


def prepare_demo() -> tuple[str, int]:
    """Imports the demo person (again changes nothing); returns the profile's name and its number of messages."""
    with store() as db:
        profile = import_demo(db)
        return profile.name, count_rows(db, profile.id)["messages"]


def begin(name: str) -> str:
    """The profile to import into: one of this name that is there, else a new one; returns its name."""
    wanted = name.strip() or say.OWN_PROFILE
    with store() as db:
        return (find_profile(db, wanted) or create_profile(db, wanted)).name


def next_step(name: str) -> tuple[str, str] | None:
    """The tab that is next for a profile, with the words of its button; None where there is no profile."""
    if not name:
        return None
    with store() as db:
        profile = load_profile(db, name)
        counts = count_rows(db, profile.id)
        key = "chat" if adapter_in_use(db, profile) else "inject" if counts["messages"] or counts["facts"] else "import"
    return key, say.NEXT_STEPS[key].format(name=name)


def describe_machine() -> str:
    """What this machine has, which base fits and how long an injection takes about (HTML); imports torch."""
    warm_up()
    from tuning.bases import describe_machine as ask_machine
    from tuning.inject import BUDGETS

    machine = ask_machine()
    memory = psutil.virtual_memory()
    words: dict[str, Any] = {
        "cores": os.cpu_count() or 1, "memory": memory.total / 2**30, "free": memory.available / 2**30, "gpu": machine.get("memory_gib") or 0,
        "base": machine["suggested"], "quick": BUDGETS["quick"].minutes, "normal": BUDGETS["normal"].minutes,
    }  # fmt: skip
    said = (say.MACHINE_GPU if machine["device"] == "cuda" else say.MACHINE_CPU).format(**words)
    return f'<p class="note">{escape(said)}</p>'


def build_welcome_tab(shared: Shared, tab: gr.Tab) -> Panel:
    """Lays the tab out and wires it."""
    picture = PICTURE.read_text(encoding="utf-8").format(**{key: escape(text) for key, text in say.PICTURE.items()})
    with gr.Row(equal_height=True):
        with gr.Column(scale=3, min_width=300):
            gr.HTML(f'<div class="welcome"><h2>{say.WELCOME_TITLE}</h2><p>{say.WELCOME}</p></div>', js_on_load=None)
        with gr.Column(scale=2, min_width=280):
            gr.HTML(f'<div class="picture">{picture}</div>', js_on_load=None)
    if is_shared():
        gr.HTML(f'<div class="card bad"><p>{escape(say.SHARED_NOTICE)}</p></div>', js_on_load=None, elem_id="shared-notice")
        if os.environ.get("OAUTH_CLIENT_ID"):
            gr.LoginButton(say.SIGN_IN_HUB)
    with gr.Row(elem_classes="row-end"):
        demo = gr.Button(say.DEMO, variant="primary", min_width=220, elem_id="demo")
        new = gr.Textbox(
            label=say.YOUR_NAME, placeholder=say.NEW_PROFILE_HINT, scale=2, min_width=180, max_length=60, elem_id="new-profile"
        )
        create = gr.Button(say.USE_MINE, min_width=180, elem_id="create")
    onward = gr.Button(visible=False, elem_id="onward")
    machine = gr.HTML(f'<p class="note">{say.MACHINE_UNKNOWN}</p>', js_on_load=None, elem_id="machine-welcome")

    def refresh(name: str) -> gr.Button:  # one output: Gradio would take a tuple for the button's value
        step = next_step(name)
        return gr.Button(step[1], visible=True) if step else gr.Button(visible=False)

    def begin_and_choose(name: str) -> tuple[Any, ...]:
        return *shared.choose(begin(name)), "", gr.Tabs(selected="import")

    def demo_and_choose() -> tuple[Any, ...]:
        name, messages = prepare_demo()
        gr.Info(say.DEMO_READY.format(messages=messages))
        return *shared.choose(name), gr.Tabs(selected="inject")

    def go_on(name: str) -> Any:
        step = next_step(name)
        return gr.Tabs(selected=step[0]) if step else gr.skip()

    for event in (create.click, new.submit):
        listen(event, begin_and_choose, new, [*shared.places, new, shared.tabs])
    listen(demo.click, demo_and_choose, None, [*shared.places, shared.tabs], progress="minimal")
    listen(onward.click, go_on, shared.profile, shared.tabs)
    listen(tab.select, refresh, shared.profile, [onward])
    # Describing the machine takes seconds (it loads torch), and everything else is there meanwhile.
    listen(shared.page.load, describe_machine, None, machine)
    return Panel(refresh, [onward])


def is_shared() -> bool:
    """Whether strangers use this server, each with data of their own (a Hugging Face Space)."""
    return bool(os.environ.get("SPACE_ID"))
