"""The base and the adapter run elsewhere: a server that speaks the OpenAI protocol (vLLM, llama.cpp, Keepsake's own) answers for the sides.

In: a profile's store (retrieval stays here) and a URL. Out: a `RemoteSpeaker`, used as `sides.Speaker` is. What leaves this process is the
prompt: the question, the turns before it, and for the sides rag and hybrid the retrieved lines. Loopback addresses are never reached through
a proxy, and no redirect is followed, so that nothing goes anywhere but to the host that the person named.
"""

import ipaddress
import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sqlite_utils import Database

from memory.store import Profile, current_adapter
from tuning.errors import EndpointFailed, NoAdapter
from tuning.prompts import ChatMessage
from tuning.sides import WITH_ADAPTER, WITH_NOTES, Answer, RetrievalPlan, load_plan, render_side, strength_of

KEY_VARIABLE = "KEEPSAKE_ENDPOINT_KEY"
PATIENCE_SECONDS = 120.0
_THINKING = re.compile(r"^\s*<think>.*?</think>\s*", re.DOTALL)


@dataclass(frozen=True)
class Endpoint:
    """A server and its two names: `base` answers without memories, `adapter` with them; `lora` is llama.cpp's number of the adapter."""

    url: str
    base: str
    adapter: str | None = None
    lora: int | None = None

    @property
    def host(self) -> str:
        """Where prompts go."""
        return urlsplit(self.url).hostname or ""


@dataclass(frozen=True)
class _Named:
    id: str


@dataclass(frozen=True)
class _Elsewhere:
    """Stands where other code asks a speaker for its base."""

    base: _Named


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> None:
        raise EndpointFailed(
            f"The server answered with a redirect to {urlsplit(newurl).netloc}, which is not followed: name its address itself."
        )


def check_url(url: str) -> str:
    """The address without a slash at its end; raises EndpointFailed for what is no http address or carries a password."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise EndpointFailed(f'"{url}" is no address of a server: give one such as http://127.0.0.1:8000/v1.')
    if parts.username or parts.password or parts.query or parts.fragment:
        raise EndpointFailed(f"Leave passwords and options out of the address; a key goes into {KEY_VARIABLE}.")
    return url.strip().rstrip("/")


def is_loopback(url: str) -> bool:
    """Whether an address stays on this machine: localhost or an address of the loopback, never a name that has to be looked up."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def say_what_leaves(url: str, sides: Sequence[str] = ()) -> str:
    """One sentence about what goes to this address when these sides are asked (any side if none is named)."""
    lines = not sides or any(side in WITH_NOTES for side in sides)
    what = "your question" + (" and the lines of your messages and facts that were found for it" if lines else "")
    if is_loopback(url):
        return f"The server at {url} on this machine gets {what}; nothing leaves the machine."
    encrypted = "" if url.startswith("https:") else ", and is not encrypted on the way"
    return f"To {urlsplit(url).hostname} goes {what}: this leaves your machine{encrypted}."


def find_endpoint(url: str, wanted: str, base: str | None = None, adapter: str | None = None) -> Endpoint:
    """Ask a server what it offers. `wanted` is the name under which the profile's adapter was exported; `base` and `adapter` settle what is
    not found. Raises EndpointFailed when it does not answer or offers nothing."""
    url = check_url(url)
    listed = _request(f"{url}/models").get("data") or []
    models = [str(row.get("id")) for row in listed if isinstance(row, dict) and row.get("id")]
    children = {str(row.get("id")) for row in listed if isinstance(row, dict) and row.get("parent")}
    if base is None:
        plain = [model for model in models if model not in children and model != wanted]
        if not plain:
            raise EndpointFailed(f"The server at {url} offers no model: start it with one, or name it with --endpoint-base.")
        base = next((model for model in plain if model == "base"), plain[0])
    lora = _loaded_lora(url, wanted) if adapter is None else None
    if adapter is None and lora is None:
        adapter = wanted if wanted in models else next((model for model in models if model == "adapter"), wanted)
    return Endpoint(url, base, adapter, lora)


@dataclass
class RemoteSpeaker:
    """A profile whose answers come from an endpoint; the same calls as `sides.Speaker`."""

    db: Database
    profile: Profile
    endpoint: Endpoint
    adapter_id: int | None = None
    plan: RetrievalPlan = field(default_factory=RetrievalPlan)
    model: None = None

    @property
    def loaded(self) -> _Elsewhere:
        """Names the base as the server does."""
        return _Elsewhere(_Named(f"{self.endpoint.base} at {self.endpoint.url}"))

    def check_side(self, side: str) -> None:
        """Raise NoAdapter if the server was told of no adapter."""
        if side in WITH_ADAPTER and self.endpoint.adapter is None and self.endpoint.lora is None:
            raise NoAdapter(f"The server at {self.endpoint.url} offers no adapter: export one to it first (python -m tuning export).")

    def answer(self, side: str, questions: Sequence[str], max_new_tokens: int = 64) -> list[Answer]:
        """Answers to questions of their own, one request each; raises EndpointFailed."""
        self.check_side(side)
        answers = []
        for question in questions:
            started = time.monotonic()
            chat, notes = render_side(self.db, self.profile, self.plan, side, question)
            reply = _request(
                f"{self.endpoint.url}/chat/completions",
                self._body(side, chat, max_new_tokens, strength_of(side, notes, chat)),
                self._missing(side),
            )
            tokens = int((reply.get("usage") or {}).get("prompt_tokens") or 0)
            answers.append(Answer(side, question, _text_of(reply), notes, tokens, 1000 * (time.monotonic() - started)))
        return answers

    def stream(
        self, side: str, question: str, history: Sequence[ChatMessage] = (), strength: float = 1.0, max_new_tokens: int = 96
    ) -> "RemoteStream":
        """An answer that is written piece by piece; only llama.cpp is told a `strength` of the adapter other than as trained."""
        self.check_side(side)
        chat, notes = render_side(self.db, self.profile, self.plan, side, question, history)
        body = self._body(side, chat, max_new_tokens, strength * strength_of(side, notes, chat)) | {"stream": True}
        return RemoteStream(_events(f"{self.endpoint.url}/chat/completions", body, self._missing(side)), notes)

    def pair(self, streams: "Sequence[RemoteStream]") -> "RemotePair":
        """Answers of streams that have not begun, a piece of each in turn."""
        return RemotePair(list(streams))

    def _body(self, side: str, chat: list[ChatMessage], max_new_tokens: int, strength: float = 1.0) -> dict[str, Any]:
        endpoint = self.endpoint
        remembers = side in WITH_ADAPTER and strength > 0  # a server without strengths can still be asked for its base
        model = endpoint.adapter if remembers and endpoint.adapter else endpoint.base
        body: dict[str, Any] = {"model": model, "messages": chat, "max_tokens": max_new_tokens, "temperature": 0.0}
        if endpoint.lora is not None:
            body["lora"] = [{"id": endpoint.lora, "scale": strength if remembers else 0.0}]
        return body

    def rest(self) -> None:
        """Nobody waits for an answer any more."""

    def close(self, keep_adapter: bool = False) -> None:
        """Let go of the store."""
        self.db.close()

    def _missing(self, side: str) -> str:
        name = self.endpoint.adapter if side in WITH_ADAPTER else self.endpoint.base
        return f'The server at {self.endpoint.url} knows no model "{name}": export the adapter to it, or name what it offers.'


@dataclass
class RemoteStream:
    """One answer in the making."""

    events: Iterator[str]
    notes: list[str]
    written: str = ""
    pieces: int = 0

    def step(self) -> bool:
        """Take the next piece; False once the answer has ended."""
        piece = next(self.events, None)
        if piece is None:
            return False
        self.written += piece
        self.pieces += 1
        return True

    @property
    def counts(self) -> tuple[int, int]:
        """Tokens of the prompt, which only the server knows (0), and pieces of the answer, a token each as a rule."""
        return 0, self.pieces

    @property
    def text(self) -> str:
        """The answer so far, without a model's thinking aloud."""
        return _THINKING.sub("", self.written).strip()


@dataclass
class RemotePair:
    """Answers in the making, as `pair.PairStream` has them."""

    streams: list[RemoteStream]

    def __post_init__(self) -> None:
        self.running = [True] * len(self.streams)

    @property
    def texts(self) -> list[str]:
        """The answers so far."""
        return [stream.text for stream in self.streams]

    def step(self) -> bool:
        """Take the next piece of each answer that has not ended; False once all have."""
        self.running = [more and stream.step() for more, stream in zip(self.running, self.streams, strict=True)]
        return any(self.running)


def open_remote(db: Database, profile: Profile, url: str, base: str | None = None, adapter: str | None = None) -> RemoteSpeaker:
    """A speaker at an endpoint, with the retrieval plan of the profile's adapter."""
    from tuning.export.vllm_layout import adapter_name

    current = current_adapter(db, profile.id)
    speaker = RemoteSpeaker(db, profile, find_endpoint(url, adapter_name(profile.name), base, adapter), current.id if current else None)
    chosen = current.metrics.get("retrieval") if current else None
    if chosen:
        speaker.plan = load_plan(chosen)
    return speaker


def _loaded_lora(url: str, wanted: str) -> int | None:
    """llama.cpp lists the adapters that it was started with beside /v1; the one whose path names the profile, else the only one."""
    try:
        listed = _request(f"{url.removesuffix('/v1')}/lora-adapters")
    except EndpointFailed:
        return None
    rows = [row for row in listed if isinstance(row, dict) and "id" in row] if isinstance(listed, list) else []
    named = [row for row in rows if wanted in str(row.get("path", ""))]
    return int((named or rows)[0]["id"]) if named or len(rows) == 1 else None


def _opener(url: str) -> urllib.request.OpenerDirector:
    handlers: list[Any] = [_NoRedirect()]
    if is_loopback(url):
        handlers.append(urllib.request.ProxyHandler({}))  # a proxy would carry the prompt off the machine
    return urllib.request.build_opener(*handlers)


def _open(url: str, body: dict[str, Any] | None, missing: str) -> Any:
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    if key := os.environ.get(KEY_VARIABLE):
        headers["Authorization"] = f"Bearer {key}"
    data = json.dumps(body).encode() if body is not None else None
    try:
        return _opener(url).open(urllib.request.Request(url, data, headers), timeout=PATIENCE_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 404 and missing:
            raise EndpointFailed(missing) from error
        said = " ".join(error.read(400).decode("utf-8", "replace").split())
        raise EndpointFailed(f"The server at {url} answered {error.code}: {said or error.reason}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise EndpointFailed(
            f"No server answers at {url} ({reason}): start it, or leave --endpoint out to answer on this machine."
        ) from error


def _request(url: str, body: dict[str, Any] | None = None, missing: str = "") -> Any:
    with _open(url, body, missing) as answer:
        try:
            return json.load(answer)
        except ValueError as error:
            raise EndpointFailed(
                f"What answers at {url} does not speak the OpenAI protocol: check the address (it often ends in /v1)."
            ) from error


def _events(url: str, body: dict[str, Any], missing: str) -> Iterator[str]:
    """The pieces of a streamed answer (server-sent events)."""
    with _open(url, body, missing) as answer:
        for raw in answer:
            line = raw.decode("utf-8", "replace").strip()
            if not line.startswith("data:"):
                continue
            data = line.removeprefix("data:").strip()
            if data == "[DONE]":
                return
            try:
                event = json.loads(data)
            except ValueError as error:
                raise EndpointFailed(f"The server at {url} broke off in the middle of its answer: ask again.") from error
            if event.get("error"):
                raise EndpointFailed(f"The server at {url} failed: {event['error']}")
            for choice in event.get("choices") or []:
                if piece := (choice.get("delta") or {}).get("content"):
                    yield piece


def _text_of(reply: Any) -> str:
    try:
        return _THINKING.sub("", str(reply["choices"][0]["message"]["content"] or "")).strip()
    except (KeyError, IndexError, TypeError) as error:
        raise EndpointFailed("The server's answer holds no message: is it an OpenAI-compatible one?") from error
