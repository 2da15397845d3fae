"""Handlers of the page for what leaves it: the adapter as a ZIP, and a server of this machine that answers instead."""

import json
import stat
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

from app import openai_api, plain_chat
from app.edge import PageError
from app.handover import chosen_endpoint, set_endpoint, write_handover
from app.speakers import Speakers
from memory.store import create_profile, load_profile, open_store, save_adapter
from tuning.adapters import LoraPlan, attach, detach, to_bytes
from tuning.errors import EndpointFailed, NoAdapter
from tuning.prompts import PROMPT_VERSION


@pytest.fixture
def ana(home, tiny):
    """A store with a profile and its adapter."""
    model = attach(tiny, LoraPlan(("all",), rank=4), seed=0)
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.2)
    weights, config = to_bytes(model, tiny.base)
    detach(model)
    db = open_store()
    profile = create_profile(db, "ana")
    save_adapter(db, profile.id, None, weights, config, tiny.base.id, tiny.base.revision, PROMPT_VERSION, [], {})
    return db


class Model(BaseHTTPRequestHandler):
    """Offers two models and answers with the name of the one that was asked."""

    asked: list[dict] = []

    def do_GET(self) -> None:
        listed = self.path == "/v1/models"
        self.send_response(200 if listed else 404)
        self.end_headers()
        self.wfile.write(b'{"data": [{"id": "base"}, {"id": "ana"}]}' if listed else b"{}")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(body)
        self.send_response(200)
        self.end_headers()
        for piece in ("I am ", body["model"], "."):
            self.wfile.write(f"data: {json.dumps({'choices': [{'delta': {'content': piece}}]})}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_) -> None:
        """Quiet."""


@pytest.fixture
def server():
    http = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http.server_port}/v1"
    http.shutdown()
    http.server_close()


def test_the_adapter_comes_as_a_zip_for_its_owner_only(ana, tmp_path):
    path = tmp_path / "ana.zip"
    result = write_handover("ana", "vllm", path)
    names = zipfile.ZipFile(path).namelist()
    assert {"ana/adapter_config.json", "ana/adapter_model.safetensors", "ana/serve.sh"} <= set(names) and result["proof"]["same_answers"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    create_profile(ana, "bo")
    with pytest.raises(NoAdapter, match="inject first"):
        write_handover("bo", "peft", tmp_path / "bo.zip")


def test_a_server_of_this_machine_answers_for_the_chat(ana, server, monkeypatch):
    assert chosen_endpoint() is None
    assert "nothing leaves the machine" in set_endpoint(server) and chosen_endpoint() == server
    with Speakers().speaking(load_profile(ana, "ana")) as speaker:
        for side, name in (("base", "base"), ("adapter", "ana")):
            stream = speaker.stream(side, "Who are you?")
            while stream.step():
                pass
            assert stream.text == f"I am {name}."
        assert server in speaker.loaded.base.id
    for wrong, error in (("http://203.0.113.9/v1", PageError), ("http://127.0.0.1:9/v1", EndpointFailed), ("nonsense", EndpointFailed)):
        with pytest.raises(error):
            set_endpoint(wrong)
    assert chosen_endpoint() == server  # a wrong address changes nothing
    # The plain chat names a strength, and programs count tokens: neither used to work with a server.
    monkeypatch.setattr(plain_chat, "SPEAKERS", Speakers())
    state, done = list(plain_chat.write("ana", None, "adapter", 0.5, "Who are you?", True))[-1]
    assert done and state["turns"][0]["answer"] == "I am ana." and Model.asked[-1]["max_tokens"] == 96
    monkeypatch.setattr(openai_api, "SPEAKERS", Speakers())
    said = openai_api.whole_answer(load_profile(ana, "ana"), "adapter", "Who are you?", [], "ana")
    assert said["choices"][0]["message"]["content"] == "I am ana." and said["usage"]["completion_tokens"] == 3
    set_endpoint("")
    assert chosen_endpoint() is None
    monkeypatch.setenv("KEEPSAKE_ENDPOINT", "http://gpu.example.org/v1")
    assert chosen_endpoint() == "http://gpu.example.org/v1"
