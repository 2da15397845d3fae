"""Nothing leaked: every endpoint and every handler of the running page, tried by nobody, by another visitor, with forged ids.

Two accounts share one page: Ana's messages hold a planted word, and whoever is not Ana must never see it.
"""

import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest

from app import access, page
from app import sentences as say
from app.accounts import Accounts, BadAccount
from app.accounts import main as accounts_main
from app.edge import explained, store
from app.gate import Rates, allowed_names, given_out
from benchmarks.browser import CHROMIUM, HOW_TO_GET_IT, free_port, open_browser
from memory.importers import ParsedMessage
from memory.store import count_rows, create_profile, in_folder, list_profiles, load_profile, open_store, save_messages

SECRET = "heliotrope"
PORT = 7941
BASE = f"http://127.0.0.1:{PORT}"
PASSWORDS = {"ana": "correct horse", "ben": "battery staple"}


class Shared:
    """A page with two accounts, one store planted with the secret, and a browser (a client with cookies) for each."""

    def __init__(self, built: Any, root: Path) -> None:
        self.built, self.root = built, root
        # Events that are the browser's alone (a change of the look) run nothing here.
        self.handlers = {number: fn for number, fn in built.fns.items() if fn.fn is not None}
        self.nobody = httpx.Client(base_url=BASE, timeout=60)
        self.ana, self.ben = (self.signed_in(name) for name in PASSWORDS)
        self.file = self.upload(self.ana, f"01/04/2024, 10:00 - Ana: {SECRET}".encode())
        greeting = next(number for number, fn in self.handlers.items() if not fn.inputs)
        assert self.call(self.ana, "ana-session", greeting, [])  # the session is Ana's from now on

    def signed_in(self, name: str) -> httpx.Client:
        client = httpx.Client(base_url=BASE, timeout=60)
        answer = client.post("/sign-in", data={"name": name, "password": PASSWORDS[name]})
        assert answer.status_code == 303 and client.get("/").status_code == 200
        return client

    def upload(self, client: httpx.Client, content: bytes) -> str:
        answer = client.post("/gradio_api/upload", files={"files": ("WhatsApp Chat with Ben.txt", content, "text/plain")})
        assert answer.status_code == 200
        return str(answer.json()[0])

    def call(self, client: httpx.Client, session: str, number: int, data: list[Any]) -> str:
        """Everything that the server sends while it carries out one event."""
        body = {"data": data, "fn_index": number, "session_hash": session, "event_data": None, "trigger_id": None}
        joined = client.post("/gradio_api/queue/join", json=body)
        assert joined.status_code == 200, joined.text
        said = []
        with client.stream("GET", f"/gradio_api/queue/data?session_hash={session}") as stream:
            for line in stream.iter_lines():
                said.append(line)
                if "process_completed" in line or "unexpected_error" in line:
                    break
        return "\n".join(said)

    def forged(self, number: int) -> list[Any]:
        """Values for every input of a handler, as somebody would write them who wants Ana's data."""
        return [self._forge(block) for block in self.built.fns[number].inputs]

    def _forge(self, block: Any) -> Any:
        kind = type(block).__name__
        if kind == "State":
            return None  # the server puts its own there
        if kind in ("Textbox", "Dropdown", "BrowserState"):
            return "Ana" if getattr(block, "elem_id", None) not in ("base", "pair") else block.value
        return {"Checkbox": True, "Number": 1, "Slider": 1}.get(kind, block.value if kind == "Radio" and block.value else None)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    root = tmp_path_factory.mktemp("shared") / "home"
    patch = pytest.MonkeyPatch()
    patch.setenv("KEEPSAKE_HOME", str(root))
    patch.setenv("GRADIO_TEMP_DIR", str(root.parent / "uploads"))
    accounts = Accounts(root)
    for name, password in PASSWORDS.items():
        accounts.add(name, password)
    db = open_store(root / "accounts" / "ana")
    profile = create_profile(db, "Ana").id
    save_messages(db, profile, [ParsedMessage("Walk", "Ana", "person", None, f"My word is {SECRET}")], "Ana")
    db.close()
    built = page.build_page()
    page.serve(built, "127.0.0.1", PORT, accounts)
    try:
        yield Shared(built, root)
    finally:
        built.close()
        access.remove()
        patch.undo()


def concrete(path: str) -> str:
    """A route's path with something in its places."""
    return re.sub(r"\{[^}]*\}", "x", path)


def routes(built: Any) -> set[tuple[str, str]]:
    """Every method and path that the server knows, those of its inner routers included."""
    found, waiting = set(), list(built.app.routes)
    while waiting:
        route = waiting.pop()
        inner = getattr(route, "original_router", route)
        waiting += getattr(inner, "routes", None) or []
        found |= {(method, concrete(route.path)) for method in getattr(route, "methods", None) or ()}
    return found


def test_no_endpoint_but_the_page_files_answers_nobody(shared: Shared, record_property: Callable[[str, object], None]) -> None:
    tried = routes(shared.built)
    record_property("endpoints", len(tried))
    assert len(tried) > 60
    open_to_all = set()
    for method, path in sorted(tried):
        answer = shared.nobody.request(method, path, follow_redirects=False)
        assert SECRET not in answer.text
        if answer.status_code not in (303, 401, 403, 404, 405):
            open_to_all.add((method, path))
    # What is left holds nothing of anybody: assets, the theme, and what Gradio asks itself when it starts.
    assert open_to_all <= {
        ("GET", "/theme.css"), ("GET", "/gradio_api/theme.css"), ("GET", "/favicon.ico"), ("GET", "/robots.txt"), ("HEAD", "/"),
        ("GET", "/manifest.json"), ("GET", "/gradio_api/startup-events"),
    }, open_to_all  # fmt: skip


def test_no_handler_gives_another_visitor_anything(shared: Shared, record_property: Callable[[str, object], None]) -> None:
    record_property("handlers", sum(not fn.page for fn in shared.handlers.values()))
    before = (shared.root / "accounts" / "ana" / "keepsake.db").read_bytes()
    assert len(shared.handlers) > 100
    # The page in other languages is wired by the same lines: its English half stands for both.
    for number in (number for number, fn in shared.handlers.items() if not fn.page):
        data = shared.forged(number)
        # First by name: Ben's session is told that its profile is Ana's.
        assert SECRET not in shared.call(shared.ben, "ben-session", number, data)
        # Then in Ana's own session, and as nobody.
        for client, status in ((shared.ben, 403), (shared.nobody, 401)):
            body = {"data": data, "fn_index": number, "session_hash": "ana-session", "trigger_id": None}
            assert client.post("/gradio_api/queue/join", json=body).status_code == status
    assert (shared.root / "accounts" / "ana" / "keepsake.db").read_bytes() == before
    # The trial would mean nothing if Ana herself did not get it that way.
    opening = next(n for n, fn in shared.handlers.items() if [type(block).__name__ for block in fn.inputs] == ["BrowserState"])
    shared.call(shared.ana, "ana-session", opening, ["Ana"])
    assert any(SECRET in shared.call(shared.ana, "ana-session", n, shared.forged(n)) for n, fn in shared.handlers.items() if shows(fn))


def shows(fn: Any) -> bool:
    """Whether a handler only shows a profile: its one input is the chosen one, and it fills the list of messages."""
    kinds = [type(block).__name__ for block in fn.inputs]
    return kinds == ["State"] and any(getattr(block, "elem_id", None) == "messages" for block in fn.outputs)


def test_every_handler_is_wired_through_the_edge(shared: Shared) -> None:
    bare = [number for number, fn in shared.handlers.items() if not getattr(fn.fn, "checks_access", False)]
    assert bare == [], "these events bypass app/edge.py: wire them with listen()"


def test_a_session_is_its_visitors_alone(shared: Shared) -> None:
    for client, status in ((shared.ben, 403), (shared.nobody, 401)):
        assert client.get("/gradio_api/queue/data?session_hash=ana-session").status_code == status
        assert client.get("/gradio_api/heartbeat/ana-session").status_code == status
        for name in ("cancel", "reset"):
            body = {"session_hash": "ana-session", "fn_index": 0, "event_id": "x"}
            assert client.post(f"/gradio_api/{name}", json=body).status_code == status
    for body in ({}, [], {"session_hash": None}, {"session_hash": "s" * 200}, {"session_hash": ["ana-session"]}):
        assert shared.ben.post("/gradio_api/queue/join", json=body).status_code == 403
    assert shared.ben.post("/gradio_api/queue/join", content=b"[" * 100_000).status_code == 403


def test_an_upload_is_its_visitors_alone_and_the_store_nobodys(shared: Shared) -> None:
    assert SECRET in shared.ana.get(f"/gradio_api/file={shared.file}").text
    folder = shared.root / "accounts" / "ana"
    forms = (shared.file, f"{Path(shared.file).parent}/../{Path(shared.file).parent.name}/{Path(shared.file).name}")
    for form in forms:
        assert shared.ben.get(f"/gradio_api/file={form}").status_code == 403
        assert shared.nobody.get(f"/gradio_api/file={form}").status_code == 401
    for path in (folder / "keepsake.db", shared.root / "accounts.json", "/etc/passwd", "../../../etc/passwd", "%2e%2e/keepsake.db"):
        for client in (shared.ana, shared.ben):
            assert client.get(f"/gradio_api/file={path}").status_code in (403, 404)
    importer = next(n for n, fn in shared.built.fns.items() if any(type(block).__name__ == "File" for block in fn.inputs))
    stolen = {"path": shared.file, "orig_name": "chat.txt", "meta": {"_type": "gradio.FileData"}}
    data = [[stolen] if type(block).__name__ == "File" else None for block in shared.built.fns[importer].inputs]
    body = {"data": data, "fn_index": importer, "session_hash": "ben-session", "trigger_id": None}
    assert shared.ben.post("/gradio_api/queue/join", json=body).status_code == 403


def test_the_same_file_uploaded_by_two_is_both_of_theirs(shared: Shared) -> None:
    mine, theirs = (shared.upload(client, b"the same words") for client in (shared.ana, shared.ben))
    assert shared.ana.get(f"/gradio_api/file={mine}").status_code == shared.ben.get(f"/gradio_api/file={theirs}").status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": f"127.0.0.1.evil.example:{PORT}"}, 421),
        ({"host": "[::1"}, 421),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": f"http://127.0.0.1:{PORT + 1}"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": BASE, "sec-fetch-site": "same-origin"}, 200),
        ({"host": f"localhost:{PORT}"}, 200),
    ],
)
def test_another_name_or_another_site_is_refused(shared: Shared, headers: dict[str, str], status: int) -> None:
    body = {"session_hash": "ana-session", "fn_index": 0, "event_id": "x"}
    cookie = "; ".join(f"{name}={value}" for name, value in shared.ana.cookies.items())
    assert shared.nobody.post("/gradio_api/reset", json=body, headers={"cookie": cookie, **headers}).status_code == status


def test_a_link_may_open_the_page_and_every_answer_has_safe_headers(shared: Shared) -> None:
    page_answer = shared.ana.get("/", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"})
    assert page_answer.status_code == 200
    for answer in (page_answer, shared.nobody.get("/sign-in"), shared.nobody.get("/config"), shared.ana.get("/config")):
        policy = answer.headers["content-security-policy"]
        assert "connect-src 'self'" in policy and "frame-ancestors 'none'" in policy and "object-src 'none'" in policy
        assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
        assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
    # Each script of the page carries this answer's nonce.
    scripts = re.findall(r"<script[^>]*>", page_answer.text)
    nonce = re.search(r"'nonce-([^']+)'", page_answer.headers["content-security-policy"])
    assert scripts and nonce and all(f'nonce="{nonce[1]}"' in script for script in scripts)


@pytest.mark.skipif(not CHROMIUM, reason=HOW_TO_GET_IT)
def test_a_person_signs_in_with_a_browser(shared: Shared) -> None:
    with open_browser() as browser:
        screen = browser.new_page()
        screen.goto(BASE)
        for password, status in (("wrong", 403), (PASSWORDS["ana"], 200)):
            screen.fill("input[name=name]", "ana")
            screen.fill("input[name=password]", password)
            with screen.expect_navigation(wait_until="commit") as went:
                screen.click("button")
            assert went.value.status == status
        assert screen.url == f"{BASE}/"


def test_passwords_are_hashed_slow_to_guess_and_forgotten_on_leaving(shared: Shared) -> None:
    kept = (shared.root / "accounts.json").read_text()
    assert stat.S_IMODE((shared.root / "accounts.json").stat().st_mode) == 0o600
    assert not any(password in kept for password in PASSWORDS.values())
    client = httpx.Client(base_url=BASE, timeout=60)
    said = [client.post("/sign-in", data={"name": "cleo", "password": "x"}) for _ in range(5)]
    assert {answer.status_code for answer in said} <= {403, 429} and "wrong" in said[0].text
    assert client.post("/sign-in", data={"name": "cleo", "password": "x"}).status_code == 429
    assert client.get("/", follow_redirects=False).headers["location"] == "/sign-in"
    leaving = httpx.Client(base_url=BASE, cookies=shared.ben.cookies, timeout=60)
    assert leaving.get("/config").status_code == 200
    assert leaving.post("/sign-out").headers["location"] == "/sign-in"
    assert leaving.get("/config").status_code == 401
    shared.ben.cookies = httpx.Cookies()


def test_accounts_are_added_removed_and_refused_in_sentences(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with in_folder(home):
        create_profile(open_store(home), "mine")
    monkeypatch.setenv("KEEPSAKE_PASSWORD", "long enough")
    assert accounts_main(["add", "dora", "--move-data"]) == 0
    assert not (home / "keepsake.db").exists()
    assert [profile.name for profile in list_profiles(open_store(home / "accounts" / "dora"))] == ["mine"]
    accounts = Accounts(home)
    assert accounts.check("dora", "long enough") and not accounts.check("dora", "long enougH") and not accounts.check("eve", "long enough")
    for name, password in (("../x", "long enough"), ("", "long enough"), ("Dora", "long enough"), ("dora", "short")):
        with pytest.raises(BadAccount):
            accounts.add(name, password)
    assert accounts_main(["remove", "eve"]) == 1 and "dora" in capsys.readouterr().err
    assert accounts_main(["remove", "dora"]) == 0 and accounts_main(["list"]) == 0
    assert "no accounts" in capsys.readouterr().out
    assert page.launch(auth=True) == 1 and "app.accounts add" in capsys.readouterr().err


def test_a_handler_without_a_visitor_is_refused_and_each_visitor_has_a_folder(home: Path) -> None:
    def names(_: str = "") -> list[str]:
        with store() as db:
            return [profile.name for profile in list_profiles(db)]

    doors = access.Doors(home, apart=True)
    access.install(doors)
    try:
        with pytest.warns(UserWarning, match="loaded first"):
            explained(names)("")
        (_, one), (_, two) = doors.admit(), doors.admit()
        assert doors.home(one) != doors.home(two) and doors.home(one).parent == home / "visitors"
        doors.claim_session(one, "s")
        with pytest.raises(access.Refused):
            doors.claim_session(two, "s")
    finally:
        access.remove()
    assert explained(names)("") == []


def test_a_generator_works_in_its_visitors_folder_at_every_step(home: Path) -> None:
    from app.edge import _stepwise

    def count() -> Iterator[int]:
        for number in range(3):
            with store() as db:
                create_profile(db, f"p{number}")
                yield len(list_profiles(db))

    assert list(_stepwise(home / "visitors" / "x", count())) == [1, 2, 3]
    db = open_store(home / "visitors" / "x")
    assert count_rows(db, load_profile(db, "p0").id)["messages"] == 0
    assert not (home / "keepsake.db").exists()


def test_rates_names_and_files_given_out(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = Rates()
    assert [rates.take("x", 0.0, 3) for _ in range(5)] == [True, True, True, False, False] and rates.take("y", 0.0, 3)
    monkeypatch.setenv("KEEPSAKE_HOSTS", "keepsake.home, ")
    assert {"127.0.0.1", "localhost", "keepsake.home"} <= allowed_names("127.0.0.1") and "" not in allowed_names("127.0.0.1")
    monkeypatch.setenv("GRADIO_TEMP_DIR", "/tmp/up")
    body = json.dumps({"data": [{"path": "/tmp/up/ab/chât.txt"}, "/etc/passwd", "/tmp/upper/x"]}).encode()
    assert list(given_out(body)) == ["/tmp/up/ab/chât.txt"]
    assert "{host}" in say.WRONG_HOST


def test_a_busy_machine_and_a_proxy_do_not_keep_the_page_from_starting(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ended with Gradio's "a shareable link must be created" when its own question was answered after 3 s, or went to a proxy."""
    monkeypatch.setattr("gradio.networking.url_ok", lambda url: False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "intranet.example")
    with gr.Blocks(analytics_enabled=False) as built:
        gr.Markdown("here")
    port = free_port()
    try:
        page.serve(built, "127.0.0.1", port)
        assert httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).status_code == 200
        assert os.environ["no_proxy"].startswith("intranet.example,127.0.0.1") and not built.share_url
    finally:
        built.close()
        access.remove()
