"""Programs that talk to a profile, and two strangers on a simulated Hugging Face Space, over HTTP as they would."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client

from app import access, endpoints, page, sessions
from app import sentences as say
from app.leaving import GUESTS, Guests
from memory.demo import import_demo
from memory.store import in_folder, list_turns, load_profile, open_store
from tests.test_app_handlers import give_adapter, tiny_base

__all__ = ["tiny_base"]

PORT = 7951
pytestmark = pytest.mark.timeout(900)
TOKEN = "a-token-for-tests"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("KEEPSAKE_HOME", str(folder))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    return folder


def served(**options: Any) -> Iterator[Any]:
    built = page.build_page()
    page.serve(built, "127.0.0.1", PORT, **options)
    try:
        yield built
    finally:
        built.close()
        access.remove()


@pytest.fixture
def opened(home: Path, tiny_base: Path) -> Iterator[Any]:
    """The page with --api, and the demo person with a fresh adapter of a tiny base."""
    db = open_store()
    give_adapter(import_demo(db), tiny_base)
    db.close()
    yield from served(token=TOKEN)


def test_other_chat_programs_talk_to_a_profile_by_token_alone(opened: Any, home: Path) -> None:
    client = httpx.Client(base_url=f"http://127.0.0.1:{PORT}", timeout=900)
    asked = {"model": "demo:rag", "messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "Where do I live?"}]}
    # Nobody, a wrong token and a browser's cookie are all refused.
    client.get("/")
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN[:-1]}):
        assert client.post("/v1/chat/completions", json=asked, headers=headers).status_code == 401
    names = [row["id"] for row in client.get("/v1/models", headers=BEARER).json()["data"]]
    assert names == ["demo", *(f"demo:{side}" for side in say.SIDES)]
    whole = client.post("/v1/chat/completions", json=asked, headers=BEARER).json()
    assert whole["object"] == "chat.completion" and whole["model"] == "demo:rag" and whole["usage"]["prompt_tokens"] > 20
    # Streamed, the pieces make up the same answer (it is greedy).
    with client.stream("POST", "/v1/chat/completions", json={**asked, "stream": True}, headers=BEARER) as stream:
        events = [line[6:] for line in stream.iter_lines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    pieces = [json.loads(event)["choices"][0] for event in events[:-1]]
    assert "".join(piece["delta"].get("content", "") for piece in pieces) == whole["choices"][0]["message"]["content"]
    assert pieces[-1]["finish_reason"] == "stop"
    # Errors are OpenAI's in form and ours in words.
    for changed, status, words in (
        ({"model": "nobody"}, 404, "nobody"), ({"messages": []}, 400, say.NO_QUESTION), ({"model": 3}, 400, say.NO_MODEL),
    ):  # fmt: skip
        refused = client.post("/v1/chat/completions", json={**asked, **changed}, headers=BEARER)
        assert refused.status_code == status and words in refused.json()["error"]["message"]
    assert client.post("/v1/chat/completions", content=b"{", headers=BEARER).status_code == 400
    db = open_store()
    assert list_turns(db, load_profile(db, "demo").id) == []  # nothing of it is stored
    db.close()


def test_the_named_endpoints_answer_programs_and_everything_else_is_private(opened: Any) -> None:
    client = Client(f"http://127.0.0.1:{PORT}/", headers=BEARER, verbose=False)
    assert set(client.view_api(return_format="dict")["named_endpoints"]) == {f"/{name}" for name in endpoints.NAMES}
    assert client.predict(api_name="/profiles") == ["demo"]
    assert {fact["text"] for fact in client.predict("demo", api_name="/facts")} >= {"You live in Vessenhaven."}
    assert len(client.predict("demo", "cat", 2, api_name="/search")) == 2
    assert isinstance(client.predict("demo", "rag", "Where do I live?", api_name="/ask"), str)
    with pytest.raises(Exception, match="nobody"):
        client.predict("nobody", api_name="/facts")
    with pytest.raises(Exception):  # noqa: B017 - whatever the client makes of a refusal
        Client(f"http://127.0.0.1:{PORT}/", verbose=False)


def test_what_is_kept_of_closed_pages_is_dropped(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "CLOSED_MOST", 1)
    monkeypatch.setattr("gradio.utils.get_heartbeat_rate", lambda: 0.2)  # how soon it sees that a page was closed
    kept = opened.state_holder.session_data
    staying = Client(f"http://127.0.0.1:{PORT}/", headers=BEARER, verbose=False)
    staying.predict(api_name="/profiles")
    for _ in range(4):
        leaving = Client(f"http://127.0.0.1:{PORT}/", headers=BEARER, verbose=False)
        leaving.predict(api_name="/profiles")
        leaving.close()
    deadline = time.monotonic() + 60
    while len(kept) > 2 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert len(kept) == 2 and staying.session_hash in kept
    opened.state_holder.time_last_used.update(dict.fromkeys(kept, datetime.now() - timedelta(hours=2)))
    sessions.forget_closed(opened)
    assert list(kept) == [staying.session_hash]


def test_without_api_there_is_no_such_endpoint_and_the_token_is_kept_for_its_owner(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in served():
        for headers in ({}, BEARER):
            assert httpx.get(f"http://127.0.0.1:{PORT}/v1/models", headers=headers).status_code == 404
    home.mkdir(exist_ok=True)
    token = page.make_token(home)
    assert page.make_token(home) == token and (home / page.TOKEN_FILE).stat().st_mode & 0o077 == 0
    monkeypatch.setenv("KEEPSAKE_API_TOKEN", "mine")
    assert page.make_token(home) == "mine"
    monkeypatch.setenv("SPACE_ID", "x/y")
    assert page.launch(api=True) == 1


class Stranger:
    """A browser: its cookies, its session, and the events it sends."""

    def __init__(self, built: Any, session: str) -> None:
        self.built, self.session = built, session
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{PORT}", timeout=900, headers={"host": "user-space.hf.space"})
        assert self.http.get("/").status_code == 200
        # The cookie of a page in a frame is for https alone, which this test does without.
        self.http.headers["cookie"] = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.http.cookies.jar)
        self.http.cookies.clear()

    def event(self, number: int, data: list[Any], session: str | None = None) -> httpx.Response:
        body = {"data": data, "fn_index": number, "session_hash": session or self.session, "event_data": None, "trigger_id": None}
        return self.http.post("/gradio_api/queue/join", json=body)

    def run(self, number: int, data: list[Any]) -> str:
        assert self.event(number, data).status_code == 200
        said = []
        with self.http.stream("GET", f"/gradio_api/queue/data?session_hash={self.session}") as stream:
            for line in stream.iter_lines():
                said.append(line)
                if "process_completed" in line:
                    break
        return "\n".join(said)


def test_two_strangers_on_a_space_never_meet_and_leave_nothing_behind(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "user/space")
    monkeypatch.setenv("SPACE_HOST", "user-space.hf.space")
    monkeypatch.setattr(GUESTS, "grace", 0.2)
    (home / "visitors" / "from-before").mkdir(parents=True)
    for built in served():
        assert not (home / "visitors" / "from-before").exists()  # what a restart left
        events = {number: fn for number, fn in built.fns.items() if fn.fn is not None and not fn.page}
        opening = next(n for n, fn in events.items() if [type(block).__name__ for block in fn.inputs] == ["BrowserState"])
        demo = next(n for n, fn in events.items() if any(target[0] == id_of(built, "demo") for target in fn.targets))
        arriving = next(n for n, fn in events.items() if fn.fn.__name__ == "note_arrival")
        ana, ben = Stranger(built, "ana"), Stranger(built, "ben")
        assert "public server" in ana.http.get("/config").text
        for stranger in (ana, ben):
            stranger.run(arriving, [])
        assert "522" in ana.run(demo, [])
        folders = list((home / "visitors").iterdir())
        # Ben asks for what he cannot know of: by name, in Ana's session, for her files, and for her queue.
        assert "demo" not in ben.run(opening, ["demo"]).split("output")[-1]
        assert ben.event(opening, ["demo"], session="ana").status_code == 403
        assert ben.http.get("/gradio_api/queue/data?session_hash=ana").status_code == 403
        for folder in folders:
            assert ben.http.get(f"/gradio_api/file={folder / 'keepsake.db'}").status_code in (403, 404)
        for path in ("/v1/models", "/gradio_api/heartbeat/ana"):
            assert ben.http.get(path).status_code in (401, 403, 404)
        owners = {folder: profiles_in(folder) for folder in folders}
        assert sorted(owners.values()) == [[], ["demo"]]
        hers, his = sorted(folders, key=lambda folder: owners[folder], reverse=True)
        # Ana closes her only tab: all of hers goes, and only hers; then Ben closes his.
        for stranger, folder, left in ((ana, hers, [his]), (ben, his, [])):
            with stranger.http.stream("GET", f"/gradio_api/heartbeat/{stranger.session}") as beating:
                next(beating.iter_lines())
            deadline = time.monotonic() + 120
            while folder.exists() and time.monotonic() < deadline:
                time.sleep(0.2)
            assert list((home / "visitors").iterdir()) == left
        assert not (home / "keepsake.db").exists()


def profiles_in(folder: Path) -> list[str]:
    with in_folder(folder), closing(open_store()) as db:
        return [profile.name for profile in page.list_profiles(db)]


def id_of(built: Any, name: str) -> int:
    return next(number for number, block in built.blocks.items() if getattr(block, "elem_id", None) == name)


def test_a_guest_who_comes_back_in_time_keeps_what_is_theirs(tmp_path: Path) -> None:
    guests, folder = Guests(grace=0.05), tmp_path / "guest"
    folder.mkdir()
    guests.arrive(folder, "one")
    guests.arrive(folder, "two")
    assert guests.leave(folder, "one") is None  # another tab is open
    timer = guests.leave(folder, "two")
    guests.arrive(folder, "reloaded")
    assert timer
    timer.join()
    assert folder.exists()
    timer = guests.leave(folder, "reloaded")
    assert timer
    timer.join()
    assert not folder.exists()


def test_who_signed_in_to_the_hub_has_a_folder_that_stays(home: Path) -> None:
    class Request:
        scope = {"session": {"oauth_info": {"userinfo": {"preferred_username": "ana"}}}}

    assert access._member(Request()) == "ana"
    for nobody in ({}, {"session": None}, {"session": {"oauth_info": {"userinfo": {"preferred_username": 3}}}}):
        request = Request()
        request.scope = nobody
        assert access._member(request) is None
