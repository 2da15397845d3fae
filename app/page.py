"""The page: `build_page()` reads as the screen (header, four tabs), `launch()` serves it on this machine only."""

import atexit
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from app import sentences as say
from app.access import Doors, install
from app.accounts import Accounts
from app.chat_tab import build_chat_tab
from app.edge import PageError, listen, store
from app.gate import Gate
from app.import_tab import build_import_tab
from app.inject_tab import build_inject_tab
from app.results_tab import build_results_tab
from app.theme import CSS, THEME
from app.visitor import Panel, Shared, render_summary
from memory.demo import import_demo
from memory.errors import KeepsakeError
from memory.store import active_run, count_rows, create_profile, data_folder, list_profiles

UPLOAD_SWEEP = (600, 1800)  # every so many seconds, uploads older than so many: those never imported


def create(name: str) -> str:
    """A new profile; returns its name as stored."""
    with store() as db:
        return create_profile(db, name).name


def prepare_demo() -> tuple[str, int]:
    """Imports the demo person (again changes nothing); returns the profile's name and its number of messages."""
    with store() as db:
        profile = import_demo(db)
        return profile.name, count_rows(db, profile.id)["messages"]


def first_choice(remembered: str | None) -> str:
    """The profile to open with: the browser's last one if it still exists, else one with a live run, else the newest."""
    with store() as db:
        profiles = list_profiles(db)
        names = [profile.name for profile in profiles]
        if remembered in names:
            return str(remembered)
        running = [profile.name for profile in profiles if active_run(db, profile.id)]
        return (running or names[::-1] or [""])[0]


def profile_names() -> list[str]:
    """The names of all profiles, oldest first."""
    with store() as db:
        return [profile.name for profile in list_profiles(db)]


def build_page() -> gr.Blocks:
    """Header, tabs, and what happens when another profile is chosen."""
    with gr.Blocks(title=say.TITLE, analytics_enabled=False, delete_cache=UPLOAD_SWEEP) as page:
        profile = gr.State("")
        remembered = gr.BrowserState("", storage_key="keepsake-profile", secret="keepsake")
        with gr.Row(elem_classes="row-end"):
            gr.HTML(
                f'<div class="brand"><h1>{say.TITLE}</h1><p>{say.TAGLINE}</p></div>',
                js_on_load=None,
                min_width=280,
                scale=3,
            )
            demo = gr.Button(say.DEMO, scale=0, min_width=260, elem_id="demo")
        with gr.Row(elem_classes="row-end"):
            chooser = gr.Dropdown(label=say.PROFILE, choices=[], value=None, scale=3, min_width=220, elem_id="profile")
            new = gr.Textbox(label=say.NEW_PROFILE, placeholder=say.NEW_PROFILE_HINT, scale=3, min_width=180, elem_id="new-profile")
            create_button = gr.Button(say.CREATE, scale=0, min_width=100, elem_id="create")
        summary = gr.HTML(render_summary(""), js_on_load=None, elem_id="summary")
        with gr.Tabs(selected="import", elem_id="tabs", overflow_behavior="wrap") as tabs:
            shared = Shared(profile, summary, tabs)
            panels = _build_tabs(shared)

        def choose(name: str | None) -> tuple[Any, ...]:
            """A name for all places that hold it."""
            name = name or ""
            return name, name, gr.Dropdown(choices=profile_names(), value=name or None)

        def open_page(last: str | None) -> tuple[Any, ...]:
            return choose(first_choice(last))

        def create_and_choose(name: str) -> tuple[Any, ...]:
            return (*choose(create(name)), "", gr.Tabs(selected="import"))

        def demo_and_choose() -> tuple[Any, ...]:
            name, messages = prepare_demo()
            gr.Info(say.DEMO_READY.format(messages=messages))
            return (*choose(name), gr.Tabs(selected="inject"))

        places: list[Any] = [profile, remembered, chooser]
        listen(page.load, open_page, remembered, places)
        listen(chooser.input, choose, chooser, places)
        for event in (create_button.click, new.submit):
            listen(event, create_and_choose, new, [*places, new, tabs])
        listen(demo.click, demo_and_choose, None, [*places, tabs], progress="minimal")
        listen(profile.change, render_summary, profile, summary)
        for panel in panels:
            listen(profile.change, panel.refresh, profile, panel.outputs)
    return page


def _build_tabs(shared: Shared) -> list[Panel]:
    builders: dict[str, tuple[str, Callable[[Shared, gr.Tab], Panel]]] = {
        "import": (say.TAB_IMPORT, build_import_tab),
        "inject": (say.TAB_INJECT, build_inject_tab),
        "chat": (say.TAB_CHAT, build_chat_tab),
        "results": (say.TAB_RESULTS, build_results_tab),
    }
    panels = []
    for key, (label, build) in builders.items():
        with gr.Tab(label, id=key, elem_id=f"tab-{key}") as tab:
            panels.append(build(shared, tab))
    return panels


def launch(host: str = "127.0.0.1", port: int = 7860, auth: bool = False) -> int:
    """Serves the page until Ctrl-C; returns the exit status. With `auth`, visitors sign in to an account (app/accounts.py)."""
    # Being terminated ends the page as Ctrl-C does, so that its uploads are removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        folder = data_folder()
        with store():
            pass  # a store that cannot be used is told here, not on the first click
        # Uploads of ours only, readable by their owner only, gone with the process.
        os.environ["GRADIO_TEMP_DIR"] = tempfile.mkdtemp(prefix="keepsake-")
        atexit.register(shutil.rmtree, os.environ["GRADIO_TEMP_DIR"], ignore_errors=True)
        accounts = Accounts(folder) if auth else None
        if accounts and not accounts.read():
            raise PageError(say.NO_ACCOUNTS)
        page = build_page()
        try:
            serve(page, host, port, accounts)
        except OSError as error:
            raise PageError(say.PORT_TAKEN.format(host=host, port=port)) from error
    except KeepsakeError as error:
        print(error, file=sys.stderr)
        return 1
    if host not in ("127.0.0.1", "localhost", "::1") and not auth:
        print(say.NOT_LOCAL.format(host=host), file=sys.stderr)
    print(say.ADDRESS.format(host=host, port=port, folder=folder), flush=True)
    page.block_thread()
    return 0


def serve(page: gr.Blocks, host: str, port: int, accounts: Accounts | None = None, apart: bool = False) -> Doors:
    """Starts the server in the background behind the gate, with everything off that could carry something away.

    `apart` gives every visitor a data folder of their own, as on a public Space.
    """
    apart = apart or bool(os.environ.get("SPACE_ID"))
    doors = Doors(data_folder(), with_accounts=accounts is not None, apart=apart)
    install(doors)
    page.queue(api_open=False).launch(
        server_name=host, server_port=port, share=False, quiet=True, prevent_thread_lock=True, show_error=False, inbrowser=False,
        theme=THEME, css=CSS, footer_links=[], run_history=False, enable_monitoring=False, mcp_server=False, pwa=False, ssr_mode=False,
        max_file_size=say.LARGEST_UPLOAD, allowed_paths=[], blocked_paths=[str(data_folder())], strict_cors=True,
        app_kwargs={"middleware": [Middleware(Gate, doors=doors, host=host, port=port, accounts=accounts)]},
    )  # fmt: skip
    return doors
