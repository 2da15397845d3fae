"""The page: `build_screen()` reads as the screen (header, seven tabs), `launch()` serves it on this machine only."""

import atexit
import os
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import gradio as gr
from starlette.middleware import Middleware

from app import openai_api
from app import sentences as say
from app.access import Doors, install
from app.accounts import Accounts
from app.chat_tab import build_chat_tab
from app.edge import PageError, listen, store
from app.endpoints import publish
from app.gate import Gate
from app.import_tab import build_import_tab
from app.inject_tab import build_inject_tab
from app.leaving import make_leaving, note_arrival
from app.locking import watch as watch_idle
from app.memories_tab import build_memories_tab
from app.privacy_panel import build_lock, build_privacy_panel
from app.profiles_tab import build_profiles_tab
from app.results_tab import build_results_tab
from app.sessions import OPEN_MOST
from app.slices import register
from app.theme import CSS, THEME
from app.visitor import Panel, Shared, render_summary
from app.welcome_tab import build_welcome_tab, is_shared
from memory.errors import KeepsakeError, StoreLocked
from memory.store import active_run, data_folder, list_profiles

TOKEN_FILE = "api-token"
UPLOAD_SWEEP = (600, 1800)  # every so many seconds, uploads older than so many: those never imported

# A change of the look is a matter of the browser alone, and remembered there.
TOGGLE_LOOK = """() => {
    const dark = document.body.classList.toggle('dark');
    localStorage.setItem('keepsake-look', dark ? 'dark' : 'light');
}"""
# The remembered look; votes by key, unless something is being typed; buttons that copy an answer.
ON_LOAD = """() => {
    const look = localStorage.getItem('keepsake-look');
    if (look) document.body.classList.toggle('dark', look === 'dark');
    document.documentElement.lang = 'LANGUAGE';
    const keys = {a: 'left', '1': 'left', b: 'right', '2': 'right', t: 'tie', '=': 'tie', x: 'both_bad', '0': 'both_bad'};
    document.addEventListener('keydown', event => {
        if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
        if (event.target.closest('input:not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable=true]')) return;
        const vote = keys[event.key.toLowerCase()] && document.querySelector('#vote-' + keys[event.key.toLowerCase()] + ':not([disabled])');
        if (vote && vote.offsetParent) { event.preventDefault(); vote.click(); }
    });
    document.addEventListener('click', event => {
        const copy = event.target.closest('button.copy');
        if (!copy) return;
        navigator.clipboard.writeText(copy.dataset.copy).then(() => { copy.dataset.done = 'yes'; setTimeout(() => delete copy.dataset.done, 1500); });
    });
}"""


def first_choice(remembered: str | None) -> str:
    """The profile to open with: the browser's last one if it still exists, else one with a live run, else the newest."""
    with store() as db:
        profiles = list_profiles(db)
        names = [profile.name for profile in profiles]
        if remembered in names:
            return str(remembered)
        running = [profile.name for profile in profiles if active_run(db, profile.id)]
        return (running or names[::-1] or [""])[0]


def build_page() -> gr.Blocks:
    """One screen a language, each at an address of its own: "/" speaks English, "/de" German."""
    register()
    page = gr.Blocks(title=say.TITLE, analytics_enabled=False, delete_cache=UPLOAD_SWEEP)
    for code in say.LANGUAGES:
        say.speak(code)
        with page if code == "en" else page.route(say.LANGUAGE, code, show_in_navbar=False):
            build_screen(page)
            if code == "en":
                publish()
                page.unload(make_leaving(page))
    say.speak("en")
    return page


def build_screen(page: gr.Blocks) -> None:
    """Header, tabs, and what happens when another profile is chosen."""
    gr.Navbar(visible=False)
    profile = gr.State("")
    remembered = gr.BrowserState("", storage_key="keepsake-profile", secret="keepsake")
    with gr.Row(elem_classes="header"):
        with gr.Column(scale=6, min_width=320):  # an HTML of its own takes no more than its words
            gr.HTML(f'<div class="brand"><h1>{say.TITLE}</h1><p>{say.TAGLINE}</p></div>', js_on_load=None)
        chooser = gr.Dropdown(label=say.PROFILE, choices=[], value=None, scale=2, min_width=150, elem_id="profile")
        gr.HTML(render_languages(), js_on_load=None, min_width=70, scale=0, elem_id="languages")
        look = gr.Button(say.LOOK, size="sm", scale=0, min_width=120, elem_id="look")
    summary = gr.HTML(render_summary(""), js_on_load=None, elem_id="summary")
    opened = build_lock(profile)
    with gr.Tabs(selected="welcome", elem_id="tabs", overflow_behavior="wrap") as tabs:
        shared = Shared(page, profile, remembered, chooser, summary, tabs)
        panels = _build_tabs(shared)
    build_privacy_panel(shared)

    for event in (page.load, opened.change):
        listen(event, lambda last: shared.choose(first_choice(last)), remembered, shared.places)
    if is_shared():
        listen(page.load, note_arrival)
    page.load(None, None, None, js=ON_LOAD.replace("LANGUAGE", say.language()))
    look.click(None, None, None, js=TOGGLE_LOOK)
    listen(chooser.input, shared.choose, chooser, shared.places)
    listen(profile.change, render_summary, profile, summary)
    for panel in panels:
        listen(profile.change, panel.refresh, profile, panel.outputs)


def render_languages() -> str:
    """Links to the page in the other languages, by their own names."""
    links = [
        f'<a href="./{"" if code == "en" else code}" lang="{code}" hreflang="{code}">{table.LANGUAGE}</a>'
        for code, table in say.LANGUAGES.items()
        if code != say.language()
    ]
    return f'<nav class="languages" aria-label="{say.OTHER_LANGUAGES}">{" ".join(links)}</nav>'


def _build_tabs(shared: Shared) -> list[Panel]:
    builders: dict[str, Callable[[Shared, gr.Tab], Panel]] = {
        "welcome": build_welcome_tab,
        "import": build_import_tab,
        "memories": build_memories_tab,
        "inject": build_inject_tab,
        "chat": build_chat_tab,
        "results": build_results_tab,
        "profiles": build_profiles_tab,
    }
    panels = []
    for key, build in builders.items():
        with gr.Tab(say.TABS[key], id=key, elem_id=f"tab-{key}") as tab:
            panels.append(build(shared, tab))
    return panels


def launch(host: str = "127.0.0.1", port: int = 7860, auth: bool = False, api: bool = False) -> int:
    """Serves the page until Ctrl-C; returns the exit status. With `auth`, visitors sign in to an account (app/accounts.py).

    With `api`, programs on this machine that hold the token may use the named endpoints and act as a chat model (app/openai_api.py).
    """
    # Being terminated ends the page as Ctrl-C does, so that its uploads are removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        folder = data_folder()
        with suppress(StoreLocked), store():
            pass  # a store that cannot be used is told here, not on the first click; a locked one is unlocked on the page
        # Uploads of ours only, readable by their owner only, gone with the process.
        os.environ["GRADIO_TEMP_DIR"] = tempfile.mkdtemp(prefix="keepsake-")
        atexit.register(shutil.rmtree, os.environ["GRADIO_TEMP_DIR"], ignore_errors=True)
        accounts = Accounts(folder) if auth else None
        if accounts and not accounts.read():
            raise PageError(say.NO_ACCOUNTS)
        if api and (auth or is_shared()):
            raise PageError(say.API_IS_LOCAL)
        token = make_token(folder) if api else ""
        page = build_page()
        try:
            serve(page, host, port, accounts, token=token)
        except OSError as error:
            raise PageError(say.PORT_TAKEN.format(host=host, port=port)) from error
    except KeepsakeError as error:
        print(error, file=sys.stderr)
        return 1
    if host not in ("127.0.0.1", "localhost", "::1") and not auth:
        print(say.NOT_LOCAL.format(host=host), file=sys.stderr)
    print(say.ADDRESS.format(host=host, port=port, folder=folder), flush=True)
    if api:
        print(say.API_ON.format(host=host, port=port, path=folder / TOKEN_FILE), flush=True)
    page.block_thread()
    return 0


def make_token(folder: Path) -> str:
    """The token of programs: KEEPSAKE_API_TOKEN, else one that is made once and kept in the data folder, for its owner only."""
    given = os.environ.get("KEEPSAKE_API_TOKEN", "").strip()
    path = folder / TOKEN_FILE
    if not given and path.exists():
        given = path.read_text(encoding="utf-8").strip()
    token = given or secrets.token_urlsafe(32)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        out.write(token)
    return token


def serve(page: gr.Blocks, host: str, port: int, accounts: Accounts | None = None, apart: bool = False, token: str = "") -> Doors:
    """Starts the server in the background behind the gate, with everything off that could carry something away.

    `apart` gives every visitor a data folder of their own, as on a public Space.
    """
    apart = apart or is_shared()
    if apart:
        # What guests left behind when the server was stopped under them.
        shutil.rmtree(data_folder() / "visitors", ignore_errors=True)
    doors = Doors(data_folder(), with_accounts=accounts is not None, apart=apart)
    install(doors)
    watch_idle()
    # Gradio asks its own server whether it is there: never through a proxy, and (_frontend) not a second time with a limit of 3 s, which a busy
    # machine misses; it would end with the advice to share the page with the world.
    hosts = ",".join(filter(None, [os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), "127.0.0.1,localhost,::1"]))
    os.environ |= {"no_proxy": hosts, "NO_PROXY": hosts}
    page.queue(api_open=False).launch(
        server_name=host, server_port=port, share=False, quiet=True, prevent_thread_lock=True, show_error=False, inbrowser=False,
        theme=THEME, css=CSS, footer_links=[], run_history=False, enable_monitoring=False, mcp_server=False, pwa=False, ssr_mode=False,
        state_session_capacity=OPEN_MOST,
        max_file_size=say.LARGEST_UPLOAD, allowed_paths=[], blocked_paths=[str(data_folder())], strict_cors=True, _frontend=False,
        app_kwargs={
            "middleware": [Middleware(Gate, doors=doors, host=host, port=port, accounts=accounts, token=token)],
            "routes": openai_api.routes() if token else [],
        },
    )  # fmt: skip
    return doors
