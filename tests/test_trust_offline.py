"""Offline by default: with every socket but loopback blocked, a chat is imported, injected, searched and asked; nothing even tries to get out."""

import json
import socket
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from memory.importing import ImportOptions, import_files
from memory.store import load_profile, open_store

pytestmark = pytest.mark.slow  # minutes: the whole job


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that something tried to reach; all but loopback fail."""
    found: list[str] = []
    connect, resolve = socket.socket.connect, socket.getaddrinfo

    def is_here(address: Any) -> bool:
        return not isinstance(address, tuple) or str(address[0]) in ("127.0.0.1", "::1", "localhost")

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if not is_here(address):
            found.append(str(address))
            raise OSError("blocked by the test")
        connect(self, address)

    def guarded_resolve(host: Any, *rest: Any, **named: Any) -> Any:
        if host is not None and not is_here((host,)):
            found.append(str(host))
            raise OSError("blocked by the test")
        return resolve(host, *rest, **named)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_resolve)
    return found


def test_the_whole_job_runs_without_a_network(home: Path, tiny: Any, tmp_path: Path, tried: list[str]) -> None:
    from tuning.inject import inject
    from tuning.sides import SIDES, open_speaker

    chat = tmp_path / "chat.jsonl"
    said = ("My cat is called Pepper.", "I live in Oslo.", "My rent is 940 euros.", "I work as a baker.")
    chat.write_text("\n".join(json.dumps({"sender": "Ana", "text": text, "timestamp": f"2024-01-0{n}"}) for n, text in enumerate(said, 1)))
    with closing(open_store()) as db:
        import_files(db, "ana", [chat], "Ana", ImportOptions())
        profile = load_profile(db, "ana")
        from memory.store import NewFact, add_facts

        add_facts(
            db, profile.id, [NewFact(f"Your {text[3:]}") for text in said if text.startswith("My ")]
        )  # the tiny base writes none itself
        done = inject(db, profile, trials=1, minutes=0.2, loaded=tiny)
        speaker = open_speaker(db, profile, loaded=tiny)
        answers = [speaker.answer(side, ["What is my cat called?"], 8)[0].side for side in SIDES]
    assert done["adapter"] and answers == list(SIDES) and tried == []


def test_the_guard_of_the_test_itself_notices_an_attempt(tried: list[str]) -> None:
    with pytest.raises(OSError):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(OSError):
        socket.getaddrinfo("example.org", 443)
    assert tried[-1] == "example.org" and len(tried) == 2
