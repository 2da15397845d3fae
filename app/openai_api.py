"""A profile as a model for other chat programs: a request in OpenAI's form comes in, one side's answer comes out, at once or token by token.

`model` is a profile, or profile:side (base, rag, adapter, hybrid); without a side the one that was advised after the injection. The prompt is the
product's own: system messages and sampling options are passed over. Nothing is stored. Off unless `--api` is given; see app/gate.py for the token.
"""

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from app import sentences as say
from app.edge import PageError, explain, store
from app.speakers import SPEAKERS
from app.visitor import adapter_in_use, chosen_profile, profile_names
from memory.errors import KeepsakeError, UnknownProfile
from memory.store import Profile

LONGEST_HISTORY = 6  # messages before the question


def routes() -> list[Route]:
    """The endpoints, to be put before Gradio's own."""
    return [
        Route("/v1/chat/completions", complete, methods=["POST"]),
        Route("/v1/models", models, methods=["GET"]),
    ]


def models(_: Request) -> Response:
    """Every profile, alone and with each side."""
    names = [name if side is None else f"{name}:{side}" for name in profile_names() for side in (None, *say.SIDES)]
    return JSONResponse(
        {"object": "list", "data": [{"id": name, "object": "model", "created": 0, "owned_by": "keepsake"} for name in names]}
    )


async def complete(request: Request) -> Response:
    """A chat completion; errors in OpenAI's form."""
    from starlette.concurrency import run_in_threadpool

    try:
        asked = await request.json()
        profile, side, question, history = await run_in_threadpool(read_request, asked)
        if asked.get("stream"):
            return StreamingResponse(stream_answer(profile, side, question, history, asked["model"]), media_type="text/event-stream")
        return JSONResponse(await run_in_threadpool(whole_answer, profile, side, question, history, asked["model"]))
    except UnknownProfile as error:
        return refuse(404, str(error), "model_not_found")
    except KeepsakeError as error:
        return refuse(400, str(error), "invalid_request")
    except ValueError:
        return refuse(400, say.NOT_JSON, "invalid_request")
    except Exception as error:  # noqa: BLE001 - the edge
        return refuse(500, explain(error), "server_error")


def refuse(status: int, sentence: str, code: str) -> Response:
    """An error as OpenAI's clients read it."""
    return JSONResponse({"error": {"message": sentence, "type": "invalid_request_error", "param": None, "code": code}}, status)


def read_request(asked: Any) -> tuple[Profile, str, str, list[Any]]:
    """The profile, side, question and earlier messages that a request means; raises PageError or UnknownProfile."""
    if not isinstance(asked, dict) or not isinstance(asked.get("model"), str) or not isinstance(asked.get("messages"), list):
        raise PageError(say.NO_MODEL)
    messages = [message for message in map(_plain, asked["messages"]) if message]
    if not messages or messages[-1]["role"] != "user" or not messages[-1]["content"]:
        raise PageError(say.NO_QUESTION)
    name, _, side = asked["model"].rpartition(":")
    if side not in say.SIDES or not name:
        name, side = asked["model"], ""
    with store() as db:
        profile = chosen_profile(db, name)
        adapter = adapter_in_use(db, profile)
    usable = adapter is not None and adapter.usable
    if side in ("adapter", "hybrid") and not usable:
        raise PageError(say.NO_ADAPTER_SIDE)
    advised = ((adapter.metrics.get("advice") or {}).get("side") if adapter else None) or "hybrid"
    side = side or (advised if usable else "rag")
    return profile, side, messages[-1]["content"][: say.LONGEST_QUESTION], messages[:-1][-LONGEST_HISTORY:]


def _plain(message: Any) -> dict[str, str] | None:
    """A message with its text, of the user or the assistant; None for any other."""
    if not isinstance(message, dict) or message.get("role") not in ("user", "assistant"):
        return None
    content = message.get("content")
    if isinstance(content, list):
        content = " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return {"role": message["role"], "content": " ".join(str(content or "").split())}


def write(profile: Profile, side: str, question: str, history: list[Any]) -> Iterator[tuple[str, tuple[int, int]]]:
    """The answer so far with the numbers of prompt tokens and of its own, again and again."""
    with SPEAKERS.speaking(profile) as speaker:
        stream = speaker.stream(side, question, history)
        more = True
        while more:
            more = stream.step()
            yield stream.text, stream.counts


def whole_answer(profile: Profile, side: str, question: str, history: list[Any], model: str) -> dict[str, Any]:
    """A completion at once."""
    text, counts = "", (0, 0)
    for text, counts in write(profile, side, question, history):  # noqa: B007
        pass
    prompt, written = counts
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop", "logprobs": None}
    usage = {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}
    return {**_head("chat.completion", model), "choices": [choice], "usage": usage}


def stream_answer(profile: Profile, side: str, question: str, history: list[Any], model: str) -> Iterator[str]:
    """A completion as server-sent events: what each step adds, then [DONE]. What a later token changes is not taken back."""
    head, sent = _head("chat.completion.chunk", model), ""

    def event(delta: dict[str, str], reason: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return f"data: {json.dumps({**head, 'choices': [choice]}, ensure_ascii=False)}\n\n"

    yield event({"role": "assistant", "content": ""})
    try:
        for text, _ in write(profile, side, question, history):
            if len(text) > len(sent) and text.startswith(sent):
                yield event({"content": text[len(sent) :]})
                sent = text
        yield event({}, "stop")
    except Exception as error:  # noqa: BLE001 - the edge: the answer has begun, so its end says what went wrong
        yield f"data: {json.dumps({'error': {'message': explain(error)}})}\n\n"
    yield "data: [DONE]\n\n"


def _head(kind: str, model: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": kind, "created": int(time.time()), "model": model}
