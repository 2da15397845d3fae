"""The gate before Gradio: a request comes in, and goes on only from the page itself, by a known visitor, to what is theirs.

Closed unless opened: an endpoint that is not listed here does not exist. Checked in this order: the name by which the server was
called (against DNS rebinding), where the request came from (against other sites), the visitor's cookie, the rate, sessions and files.
"""

import hmac
import ipaddress
import json
import os
import re
import secrets
import socket
import tempfile
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from app import sentences as say
from app import sign_in
from app.access import Doors, Refused, Visitor
from app.accounts import Accounts

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
LARGEST_BODY = 16 * 2**20  # of an event; uploads are streamed and have Gradio's own limit
RATE, BURST = 40.0, 240.0  # requests of a visitor, a second
TRIES, TRIES_SECONDS = 5, 60.0  # to sign in

# The files of the page itself: the same for everybody, and nothing in them is anyone's.
STATIC = re.compile(r"/(assets|static|svelte)/.*|/favicon\.ico|(/gradio_api)?/theme\.css|/robots\.txt|/manifest\.json")
# The page, in each of its languages.
PAGES = ("/", *(f"/{code}" for code in say.LANGUAGES if code != "en"))
# Signing in to Hugging Face on a Space that is set up for it; Gradio's own endpoints.
OAUTH = ("/login/huggingface", "/login/callback", "/logout")
# What Gradio asks itself when it starts.
STARTING = {("HEAD", "/"), ("GET", "/gradio_api/startup-events")}
# What other chat programs call, where --api opened it.
MODEL = {("POST", "/v1/chat/completions"), ("GET", "/v1/models")}
# What the page calls. `session` says where the session stands: in the path, the query or the body.
OPEN = (
    ("GET", re.compile(r"/config/?"), None),
    ("GET", re.compile(r"/gradio_api/info/?"), None),  # names the few endpoints for programs
    ("POST", re.compile(r"/gradio_api/queue/join"), "body"),
    ("GET", re.compile(r"/gradio_api/queue/data"), "query"),
    ("GET", re.compile(r"/gradio_api/heartbeat/([^/]+)"), "path"),
    ("POST", re.compile(r"/gradio_api/(cancel|reset)/?"), "body"),
    ("POST", re.compile(r"/gradio_api/upload"), None),
    ("GET", re.compile(r"/gradio_api/upload_progress"), None),
    ("GET", re.compile(r"/gradio_api/file=.+"), None),
    ("HEAD", re.compile(r"/gradio_api/file=.+"), None),
)


@dataclass
class Rates:
    """How much each visitor has left: `RATE` a second, `BURST` at once."""

    left: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def take(self, key: str, rate: float = RATE, burst: float = BURST) -> bool:
        """Whether one more is allowed now."""
        now = time.monotonic()
        tokens, then = self.left.pop(key, (burst, now))
        tokens = min(burst, tokens + (now - then) * rate)
        self.left[key] = (max(0.0, tokens - 1), now)
        while len(self.left) > 10_000:
            self.left.popitem(last=False)
        return tokens >= 1


class Gate:
    """ASGI middleware around Gradio's application."""

    def __init__(self, app: Any, doors: Doors, host: str, port: int, accounts: Accounts | None = None, token: str = "") -> None:
        self.app, self.doors, self.accounts, self.token = app, doors, accounts, token
        self.program = doors.admit()[1] if token else None  # whoever holds the token acts for the owner
        self.names = allowed_names(host)
        self.any_address = host not in LOOPBACK
        self.cookie = f"keepsake-{port}"
        self.rates = Rates()
        # A page in a frame of Hugging Face Spaces is a guest there: its cookie must be allowed to be one.
        self.framed = bool(os.environ.get("SPACE_ID"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer it here with a sentence."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        method, path = scope["method"], scope["path"]
        refused = self._refuse_stranger(headers, method, path)
        if refused:
            await answer(send, *refused)
            return
        if STATIC.fullmatch(path) and method in ("GET", "HEAD") or (method, path) in STARTING:
            await self.app(scope, receive, self._dressed(send, None))
            return
        secret = self._secret(headers)
        program = self._program(scope, headers)
        if path.startswith("/v1/"):
            await self._model(scope, receive, send, method, path, program)
            return
        visitor = self.doors.find(secret) or program
        if path in ("/sign-in", "/sign-out") and self.accounts:
            await self._sign(scope, receive, send, method, path, secret)
        elif method == "GET" and path in OAUTH and self.framed and os.environ.get("OAUTH_CLIENT_ID"):
            await self.app(scope, receive, self._dressed(send, None))
        elif method == "GET" and path in PAGES:
            await self._page(scope, receive, send, visitor)
        else:
            await self._endpoint(scope, receive, send, headers, visitor)

    def _refuse_stranger(self, headers: dict[str, str], method: str, path: str) -> tuple[int, str] | None:
        """Why a request is not from this page: another name for this machine, or another site."""
        host = headers.get("host", "")
        if not self._is_name(host):
            return 421, say.WRONG_HOST.format(host=host[:100])
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return 403, say.WRONG_ORIGIN
        # A link from elsewhere may open the page; nothing else may be called from elsewhere.
        visiting = method == "GET" and path in (*PAGES, "/sign-in") and headers.get("sec-fetch-mode", "navigate") == "navigate"
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not visiting:
            return 403, say.WRONG_ORIGIN
        return None

    def _is_name(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        if name in self.names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return self.any_address  # a bare address cannot be rebound to another machine's page

    async def _page(self, scope: Scope, receive: Receive, send: Send, visitor: Visitor | None) -> None:
        """The page itself: whoever loads it becomes a visitor, or is asked to sign in where there are accounts."""
        if visitor is None and self.accounts:
            await answer(send, 303, "", [(b"location", b"/sign-in")])
            return
        if not self.rates.take("page " + _client(scope), 5.0, 60.0):
            await answer(send, 429, say.TOO_MANY)
            return
        cookie = None
        if visitor is None:
            secret, visitor = self.doors.admit()
            cookie = self._cookie(secret, scope)
        scope["keepsake_visitor"] = visitor
        await self.app(scope, receive, self._dressed(send, visitor, cookie, nonce=secrets.token_urlsafe(16)))

    async def _endpoint(self, scope: Scope, receive: Receive, send: Send, headers: dict[str, str], visitor: Visitor | None) -> None:
        method, path = scope["method"], scope["path"]
        opened = next(((found, place) for verb, pattern, place in OPEN if verb == method and (found := pattern.fullmatch(path))), None)
        if opened is None:
            await answer(send, 404, say.NO_ENDPOINT)
            return
        found, place = opened
        if visitor is None:
            await answer(send, 401, say.NOBODY)
            return
        if not self.rates.take(visitor.number):
            await answer(send, 429, say.TOO_MANY)
            return
        try:
            if place == "path":
                self.doors.claim_session(visitor, found[1])
            elif place == "query":
                self.doors.claim_session(visitor, parse_qs(scope["query_string"].decode()).get("session_hash", [""])[0])
            elif place == "body":
                receive = await self._check_body(visitor, receive, headers)
            elif "/file=" in path:
                self.doors.check_files(visitor, [os.path.realpath(unquote(path.split("/file=", 1)[1]))])
        except Refused as error:
            await answer(send, 403, str(error))
            return
        scope["keepsake_visitor"] = visitor
        await self.app(scope, receive, self._dressed(send, visitor, uploaded=path.endswith("/upload")))

    async def _check_body(self, visitor: Visitor, receive: Receive, headers: dict[str, str]) -> Receive:
        """Reads an event, raises Refused where its session or a file in it is another's, and gives it again to who reads next."""
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                raise Refused(say.NOT_UNDERSTOOD)
            parts.append(message.get("body", b""))
            size, more = size + len(parts[-1]), message.get("more_body", False)
            if size > LARGEST_BODY:
                raise Refused(say.TOO_LARGE)
        body = b"".join(parts)
        try:
            event = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Refused(say.NOT_UNDERSTOOD) from error
        session = event.get("session_hash") if isinstance(event, dict) else None
        if not isinstance(session, str) or not 1 <= len(session) <= 100:
            raise Refused(say.NOT_UNDERSTOOD)
        self.doors.claim_session(visitor, session)
        self.doors.check_files(visitor, list(_named_files(event)))
        sent = False

        async def again() -> MutableMapping[str, Any]:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        return again

    def _program(self, scope: Scope, headers: dict[str, str]) -> Visitor | None:
        """The visitor that stands for programs, if the request has the token of --api and comes from this machine."""
        given = headers.get("authorization", "").removeprefix("Bearer ")
        if not self.token or not hmac.compare_digest(given.encode(), self.token.encode()):
            return None
        return self.program if _client(scope) in LOOPBACK else None

    async def _model(self, scope: Scope, receive: Receive, send: Send, method: str, path: str, program: Visitor | None) -> None:
        """The endpoints of app/openai_api.py: by token alone, never by cookie, so that no other site can make a browser call them."""
        if not self.token or (method, path) not in MODEL:
            await answer(send, 404, say.NO_ENDPOINT)
        elif program is None:
            await answer(send, 401, say.NO_TOKEN, [(b"www-authenticate", b"Bearer")])
        elif not self.rates.take(program.number):
            await answer(send, 429, say.TOO_MANY)
        else:
            scope["keepsake_visitor"] = program
            await self.app(scope, receive, self._dressed(send, program))

    async def _sign(self, scope: Scope, receive: Receive, send: Send, method: str, path: str, secret: str | None) -> None:
        """The form of accounts: GET shows it, POST checks it; /sign-out ends the visit."""
        assert self.accounts is not None
        if path == "/sign-out" and method == "POST":
            self.doors.dismiss(secret)
            await answer(send, 303, "", [(b"location", b"/sign-in"), self._cookie("", scope)])
        elif path == "/sign-in" and method == "POST":
            name, password = await sign_in.read_form(receive)
            # By account and by address: neither one machine nor many may try one account often.
            if not all(self.rates.take(f"sign-in {key}", TRIES / TRIES_SECONDS, TRIES) for key in (name[:40], _client(scope))):
                await answer(send, 429, sign_in.render(say.TOO_MANY_TRIES), html=True)
            elif not await self.accounts.check_in_thread(name, password):
                await answer(send, 403, sign_in.render(say.WRONG_PASSWORD), html=True)
            else:
                self.doors.dismiss(secret)
                fresh, _ = self.doors.admit(name)
                await answer(send, 303, "", [(b"location", b"/"), self._cookie(fresh, scope)])
        elif path == "/sign-in" and method == "GET":
            await answer(send, 200, sign_in.render(), html=True)
        else:
            await answer(send, 405, say.NO_ENDPOINT)

    def _secret(self, headers: dict[str, str]) -> str | None:
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            return None
        return found.value if found else None

    def _cookie(self, secret: str, scope: Scope) -> tuple[bytes, bytes]:
        secure = "; Secure" if scope.get("scheme") == "https" or self.framed else ""
        site = "None; Partitioned" if self.framed else "Lax"
        gone = "; Max-Age=0" if not secret else ""
        return b"set-cookie", f"{self.cookie}={secret}; Path=/; HttpOnly; SameSite={site}{secure}{gone}".encode()

    def _dressed(
        self, send: Send, visitor: Visitor | None, cookie: tuple[bytes, bytes] | None = None, nonce: str = "", uploaded: bool = False
    ) -> Send:
        """`send` with the safe headers, the scripts of the page signed with a nonce, and the files noted that are given out."""
        start: MutableMapping[str, Any] = {}
        parts: list[bytes] = []

        async def dressed(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = [(name, value) for name, value in message["headers"] if not (nonce and name.lower() == b"content-length")]
                message["headers"] = [*headers, *safe_headers(nonce, visitor is not None, self.framed), *([cookie] if cookie else [])]
                if nonce:
                    start.update(message)
                    return
            elif message["type"] == "http.response.body":
                if visitor is not None:
                    for path in given_out(message.get("body", b"")):
                        self.doors.give_file(visitor, path, uploaded)
                if nonce:
                    parts.append(message.get("body", b""))
                    if message.get("more_body"):
                        return
                    body = re.sub(rb"<script(?=[\s>])", f'<script nonce="{nonce}"'.encode(), b"".join(parts))
                    start["headers"] = [*start["headers"], (b"content-length", str(len(body)).encode())]
                    await send(start)
                    message = {"type": "http.response.body", "body": body}
            await send(message)

        return dressed


def allowed_names(host: str) -> set[str]:
    """The names under which the page answers: loopback, the host it was told, this machine's own and KEEPSAKE_HOSTS."""
    names = {*LOOPBACK, host.lower()} | {name.strip().lower() for name in os.environ.get("KEEPSAKE_HOSTS", "").split(",") if name.strip()}
    if host not in LOOPBACK:
        own = socket.gethostname().lower()
        names |= {own, f"{own}.local"}
    if os.environ.get("SPACE_HOST"):
        names.add(os.environ["SPACE_HOST"].lower())
    return names


def safe_headers(nonce: str, private: bool, framed: bool = False) -> list[tuple[bytes, bytes]]:
    """Nothing is loaded from or sent to elsewhere, only the page's own scripts run, nobody puts it in a frame, nothing is cached."""
    frames = "https://huggingface.co" if framed else "'none'"
    script = f"'self' 'nonce-{nonce}' 'unsafe-eval'" if nonce else "'self'"  # Gradio makes functions of its own js= texts
    policy = (
        f"default-src 'self'; script-src {script}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        f"media-src 'self' blob:; connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "
        f"frame-src 'none'; frame-ancestors {frames}"
    )
    headers = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",  # nothing to other sites; with "no-referrer" a browser would not say either where the sign-in form came from
        "permissions-policy": "camera=(), geolocation=(), payment=(), usb=()",
        "cross-origin-resource-policy": "same-origin",
    }
    if not framed:
        headers |= {"x-frame-options": "DENY", "cross-origin-opener-policy": "same-origin"}
    if private:
        headers["cache-control"] = "no-store"
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def given_out(body: bytes) -> Iterator[str]:
    """The files of the upload folder that are named in an answer, as JSON strings."""
    root = json.dumps(upload_root())[1:-1].encode()
    for found in re.findall(rb'"(' + re.escape(root) + rb'/(?:[^"\\]|\\.)*)"', body):
        try:
            yield os.path.realpath(json.loads(b'"' + found + b'"'))
        except ValueError:
            continue


def upload_root() -> str:
    """The folder of uploads of this process."""
    return os.path.realpath(os.environ.get("GRADIO_TEMP_DIR") or os.path.join(tempfile.gettempdir(), "gradio"))


def _named_files(value: Any) -> Iterator[str]:
    """The files that an event hands over: the path of every FileData, wherever it stands."""
    if isinstance(value, dict):
        if isinstance(value.get("path"), str):
            yield os.path.realpath(value["path"])
        for inner in value.values():
            yield from _named_files(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _named_files(inner)


def _client(scope: Scope) -> str:
    return str((scope.get("client") or ("?",))[0])


async def answer(send: Send, status: int, text: str, headers: list[tuple[bytes, bytes]] | None = None, html: bool = False) -> None:
    """A short answer of the gate's own, with the safe headers."""
    kind = b"text/html; charset=utf-8" if html else b"text/plain; charset=utf-8"
    body = text.encode("utf-8", "replace")
    own = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *safe_headers("", True), *(headers or [])]
    await send({"type": "http.response.start", "status": status, "headers": own})
    await send({"type": "http.response.body", "body": body})
