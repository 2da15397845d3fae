"""The sides answered by a server that speaks the OpenAI protocol: a real one (transformers serve), and a small one for what can go wrong."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from app.blind import Answers, write_answers
from memory.store import NewFact, add_facts, create_profile, load_profile, open_store, save_adapter
from tuning.adapters import LoraPlan, attach, detach, to_bytes
from tuning.bases import load_base, resolve_base
from tuning.endpoint import check_url, find_endpoint, is_loopback, open_remote, say_what_leaves
from tuning.errors import EndpointFailed
from tuning.export import export
from tuning.prompts import PROMPT_VERSION, SYSTEM
from tuning.sides import open_speaker

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent


@pytest.fixture
def ana(home, tiny_folder):
    """A store with a profile, a fact, and an adapter of two joint LoRAs."""
    loaded = load_base(resolve_base(str(tiny_folder)), "fp32")
    model = attach(loaded, LoraPlan(("all", "late"), rank=4), seed=0)
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.2)
    weights, config = to_bytes(model, loaded.base)
    detach(model)
    db = open_store()
    profile = create_profile(db, "ana")
    add_facts(db, profile.id, [NewFact("Your cat is called Quimbo.", source="user")])
    save_adapter(db, profile.id, None, weights, config, loaded.base.id, loaded.base.revision, PROMPT_VERSION, [], {})
    return db


@contextmanager
def serving(log: Path):
    """`transformers serve` on a free port of the loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "OMP_NUM_THREADS": "1", "HF_HOME": str(log.parent)}
    command = [BIN / "transformers", "serve", "--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, env=environment, cwd=log.parent)
    try:
        limit = time.monotonic() + 480
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2)
                break
            except OSError:
                assert server.poll() is None and time.monotonic() < limit, log.read_text()[-2000:]
                time.sleep(0.3)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(30)


@pytest.mark.slow
def test_a_server_of_transformers_answers_as_this_machine_does(ana, tmp_path, tiny_folder):
    pytest.importorskip("openai", reason="transformers serve needs the package openai: pip install -r requirements-dev.txt")
    profile = load_profile(ana, "ana")
    merged = tmp_path / "merged"
    export(ana, profile, "merged", merged)
    here = open_speaker(ana, profile)
    question = "What is my cat called?"
    with serving(tmp_path / "log") as url:
        speaker = open_remote(ana, profile, url, str(tiny_folder), str(merged))
        for side in ("base", "adapter", "rag", "hybrid"):
            there = speaker.answer(side, [question], 12)[0]
            expected = here.answer(side, [question], 12)[0]
            assert (there.text, there.notes) == (expected.text, expected.notes), side
            assert there.prompt_tokens == expected.prompt_tokens
        stream = speaker.stream("adapter", question, max_new_tokens=12)
        while stream.step():
            pass
        assert stream.text == here.answer("adapter", [question], 12)[0].text
        asked = [sys.executable, "-m", "tuning", "ask", "--profile", "ana", "--side", "adapter", "--endpoint", url, "--json"]
        asked += ["--endpoint-base", str(tiny_folder), "--endpoint-adapter", str(merged), question]
        ran = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, timeout=600)
        assert ran.returncode == 0, ran.stderr
        said = json.loads(ran.stdout)
        assert said["answer"] and said["endpoint"] == url and "nothing leaves the machine" in said["leaves"]
    gone = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert gone.returncode == 1 and "No server answers" in gone.stderr and "Traceback" not in gone.stderr


class Server(BaseHTTPRequestHandler):
    """Answers what a test put into `replies`, and keeps what it was asked."""

    replies: dict = {}
    asked: list = []

    def do_GET(self) -> None:
        self._reply(None)

    def do_POST(self) -> None:
        self._reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _reply(self, body) -> None:
        self.asked.append((self.path, body))
        status, headers, text = self.replies.get(self.path, (404, {}, "{}"))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_) -> None:
        """Quiet."""


@pytest.fixture
def server():
    """A server whose replies the test decides; gives its address and the handler."""
    handler = type("Handler", (Server,), {"replies": {}, "asked": []})
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http.server_port}/v1", handler
    http.shutdown()
    http.server_close()


def reply(text: str) -> tuple[int, dict, str]:
    return 200, {}, json.dumps({"choices": [{"message": {"content": text}}], "usage": {"prompt_tokens": 7}})


def test_the_adapter_is_found_under_the_name_that_export_gave_it(ana, server):
    url, handler = server
    models = [{"id": "org/base"}, {"id": "ana", "parent": "org/base"}]
    handler.replies |= {"/v1/models": (200, {}, json.dumps({"data": models})), "/v1/chat/completions": reply("<think>hm</think> Quimbo.")}
    speaker = open_remote(ana, load_profile(ana, "ana"), url)
    assert speaker.answer("adapter", ["Cat?"])[0].text == "Quimbo." and handler.asked[-1][1]["model"] == "ana"
    assert speaker.answer("rag", ["What is my cat called?"])[0].notes and handler.asked[-1][1]["model"] == "org/base"
    system = handler.asked[-1][1]["messages"][0]["content"]
    assert system.startswith(SYSTEM) and "Quimbo" in system  # the prompt of the product, with the notes


def test_a_blind_pair_is_written_by_a_server_to_its_end(ana, server):
    url, handler = server
    pieces = [json.dumps({"choices": [{"delta": {"content": piece}}]}) for piece in ("Quim", "bo.")]
    models = [{"id": "org/base"}, {"id": "ana", "parent": "org/base"}]
    handler.replies |= {
        "/v1/models": (200, {}, json.dumps({"data": models})),
        "/v1/chat/completions": (
            200,
            {"Content-Type": "text/event-stream"},
            "".join(f"data: {piece}\n\n" for piece in [*pieces, "[DONE]"]),
        ),
    }
    answers = Answers("What is my cat called?", ("adapter", "rag"))
    seen = [list(answers.texts) for _ in write_answers(open_remote(ana, load_profile(ana, "ana"), url), answers, [])]
    assert answers.texts == ["Quimbo.", "Quimbo."] and ["Quim", "Quim"] in seen and answers.notes[1] and not answers.notes[0]
    assert answers.lifts == [[], []]  # only a model in this process can be asked what it would have said otherwise


def test_llama_cpp_switches_its_lora_a_request_at_a_time(ana, server):
    url, handler = server
    handler.replies |= {
        "/v1/models": (200, {}, '{"data": [{"id": "pocket.gguf"}]}'),
        "/lora-adapters": (200, {}, '[{"id": 0, "path": "other.gguf"}, {"id": 1, "path": "/x/ana/adapter.gguf"}]'),
        "/v1/chat/completions": reply("yes"),
    }
    speaker = open_remote(ana, load_profile(ana, "ana"), url)
    for side, scale in (("base", 0.0), ("adapter", 1.0)):
        speaker.answer(side, ["Cat?"])
        assert handler.asked[-1][1]["lora"] == [{"id": 1, "scale": scale}] and handler.asked[-1][1]["model"] == "pocket.gguf"
    stream = speaker.stream("adapter", "Who?", (), 0.25)
    while stream.step():
        pass
    assert handler.asked[-1][1]["lora"] == [{"id": 1, "scale": 0.25}]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((302, {"Location": "http://203.0.113.9/v1/chat/completions"}, ""), "redirect to 203.0.113.9"), ((500, {}, "out of memory"), "500: out of memory"),
        ((404, {}, "{}"), 'knows no model "ana"'), ((200, {}, "<html>"), "does not speak the OpenAI protocol"), ((200, {}, "{}"), "holds no message"),
    ],
)  # fmt: skip
def test_what_a_server_does_wrong_is_a_sentence(ana, server, answer, said):
    url, handler = server
    handler.replies |= {"/v1/models": (200, {}, '{"data": [{"id": "base"}, {"id": "ana"}]}'), "/v1/chat/completions": answer}
    with pytest.raises(EndpointFailed, match=said):
        open_remote(ana, load_profile(ana, "ana"), url).answer("adapter", ["Cat?"])


def test_a_proxy_never_carries_what_is_meant_for_this_machine(ana, server, monkeypatch):
    url, handler = server
    monkeypatch.setenv("http_proxy", "http://203.0.113.9:3128")
    handler.replies |= {"/v1/models": (200, {}, '{"data": [{"id": "base"}]}')}
    assert find_endpoint(url, "ana").base == "base"


def test_what_leaves_the_machine_is_said():
    assert is_loopback("http://127.0.0.1:1/v1") and is_loopback("http://[::1]:1") and is_loopback("http://localhost")
    assert not is_loopback("http://127.0.0.1.example.org/v1") and not is_loopback("http://192.168.1.4:8000/v1")
    assert "nothing leaves the machine" in say_what_leaves("http://localhost:8000/v1")
    away = say_what_leaves("http://gpu.example.org/v1", ["rag"])
    assert "gpu.example.org" in away and "lines of your messages" in away and "not encrypted" in away
    assert "lines" not in say_what_leaves("https://gpu.example.org/v1", ["adapter"])
    for wrong in ("file:///etc/passwd", "127.0.0.1:8000", "http://user:pw@127.0.0.1/v1", "ftp://x"):
        with pytest.raises(EndpointFailed):
            check_url(wrong)
