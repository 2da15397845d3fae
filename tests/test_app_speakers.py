"""Several visitors of one server at once: their answers are written together, are those that each gets alone, and nobody is hurt by who leaves or fails."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import chat_tab, endpoints, openai_api, plain_chat, profiles_tab
from app import sentences as say
from app import speakers as room
from app.edge import PageError
from app.speakers import Speakers
from memory.store import NewFact, Profile, add_facts, create_profile, list_turns, open_store, save_adapter

NAMES = ("ana", "bo", "cleo", "dan")
QUESTION = "What is my bird called, and where do I keep it?"


@pytest.fixture
def people(home: Path, pocket: Any) -> list[Profile]:
    """Four people with a fact and an adapter each, of unlike plans."""
    import torch

    from tuning.adapters import LoraPlan, attach, detach, to_bytes
    from tuning.prompts import PROMPT_VERSION

    db, found = open_store(), []
    for number, name in enumerate(NAMES):
        profile = create_profile(db, name)
        facts = add_facts(db, profile.id, [NewFact(f"Your bird is called Kolibri{number}.", None, "user")])
        model = attach(pocket, LoraPlan(("all", "late")[: 1 + number % 2], rank=4 + 4 * number), number)
        for key, parameter in model.named_parameters():
            if "lora_B" in key:
                torch.nn.init.normal_(parameter, std=0.45)
        weights, config = to_bytes(model, pocket.base)
        detach(model)
        metrics = {"retrieval": {"k": 2, "sources": ["facts"]}}
        save_adapter(db, profile.id, None, weights, config, pocket.base.id, pocket.base.revision, PROMPT_VERSION, facts, metrics)
        found.append(profile)
    db.close()
    return found


@pytest.fixture
def speakers(monkeypatch: pytest.MonkeyPatch, pocket: Any) -> Iterator[Speakers]:
    """Speakers of a fresh server, on the base that the session has loaded."""
    made = Speakers()
    monkeypatch.setattr("tuning.bases.load_base", lambda *_: pocket)
    for module in (chat_tab, plain_chat, openai_api, endpoints, profiles_tab):
        monkeypatch.setattr(module, "SPEAKERS", made)
    yield made
    made.release()


def ask(name: str, side: str = "adapter", strength: float = 1.0) -> str:
    """A whole answer as the plain chat gives it."""
    state, done = list(plain_chat.write(name, None, side, strength, QUESTION, True))[-1]
    assert done
    return str(state["turns"][0]["answer"])


def at_once(*calls: Any) -> list[Any]:
    """What calls in a thread each return, or the error that they raise."""
    found: list[Any] = [None] * len(calls)

    def run(place: int) -> None:
        try:
            found[place] = calls[place]()
        except Exception as error:  # noqa: BLE001 - told by the caller's assertion
            found[place] = error

    threads = [threading.Thread(target=run, args=[place]) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_who_asks_at_once_gets_what_they_get_alone_from_every_door(people: list[Profile], speakers: Speakers) -> None:
    def through_api(name: str, side: str) -> str:
        profile, side, question, history = openai_api.read_request(
            {"model": f"{name}:{side}", "messages": [{"role": "user", "content": QUESTION}]}
        )
        found = openai_api.whole_answer(profile, side, question, history, name)
        assert found["usage"]["completion_tokens"] > 0 and found["usage"]["prompt_tokens"] > 0
        return str(found["choices"][0]["message"]["content"])

    def blind(name: str) -> list[str]:
        state = list(chat_tab.ask(name, None, "adapter-rag", QUESTION))[-1][1]
        db = open_store()
        turn = list_turns(db, next(each.id for each in people if each.name == name), state["chat"])[0]
        db.close()
        assert all(turn.detail["lifts"][turn.left_side == "rag"]) and not turn.detail["lifts"][turn.left_side == "adapter"]
        return sorted([turn.left_text, turn.right_text])

    calls: list[Any] = [
        *(lambda name=name: ask(name) for name in NAMES),
        lambda: ask("ana", "hybrid", 0.5),
        lambda: ask("ana", "base"),
        lambda: through_api("bo", "hybrid"),
        lambda: endpoints.ask("cleo", "adapter", QUESTION),
        lambda: blind("dan"),
        lambda: blind("ana"),
    ]
    alone = [call() for call in calls]
    together = at_once(*calls)
    assert together == alone and len({*alone[:4]}) == 4
    assert not speakers._at_work and not speakers._line and speakers._rounds is not None and not speakers._rounds._crowd.rows
    assert 0 < len(speakers._resting) <= room.MOST_RESTING


def test_who_goes_away_leaves_the_others_alone(people: list[Profile], speakers: Speakers) -> None:
    alone = ask("bo")
    gone = plain_chat.write("ana", None, "adapter", 1.0, QUESTION, True)
    for _ in range(3):
        next(gone)
    other = plain_chat.write("bo", None, "adapter", 1.0, QUESTION, True)
    next(other), next(other)
    assert speakers._rounds is not None and len(speakers._rounds._crowd.rows) == 2
    gone.close()
    assert len(speakers._rounds._crowd.rows) == 1 and len(speakers._at_work) == 1
    assert list(other)[-1][0]["turns"][0]["answer"] == alone


def test_what_fails_for_one_fails_for_no_other(people: list[Profile], speakers: Speakers, monkeypatch: pytest.MonkeyPatch) -> None:
    from tuning.generate import Stream

    alone, real = ask("ana"), Stream.take

    def take(stream: Stream, token: int) -> bool:
        if "Kolibri1" in str(stream.chat) and len(stream.tokens) == 3:
            raise RuntimeError("broken")
        return real(stream, token)

    monkeypatch.setattr(Stream, "take", take)
    good, bad = at_once(lambda: ask("ana"), lambda: ask("bo", "hybrid"))
    assert good == alone and isinstance(bad, RuntimeError)
    monkeypatch.undo()
    assert not speakers._at_work


def test_no_more_rows_than_the_bound_and_who_waits_is_told_the_place(
    people: list[Profile], speakers: Speakers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MOST_ROWS", 2)
    monkeypatch.setattr(room, "LOOK_SECONDS", 0.02)
    first = plain_chat.write("ana", None, "adapter", 1.0, QUESTION, True)
    next(first), next(first)
    pair = chat_tab.ask("bo", None, "adapter-rag", QUESTION)  # two rows: one too many
    next(pair)
    assert say.WAITING.format(before=1) in next(pair)[0]
    last = plain_chat.write("cleo", None, "adapter", 1.0, QUESTION, True)  # would fit, but nobody overtakes
    next(last)
    assert say.WAITING.format(before=2) in str(plain_chat.render_messages(next(last)[0]))
    state = chat_tab.new_state()
    stopped = chat_tab.ask("dan", state, "adapter-rag", QUESTION)
    next(stopped), next(stopped)
    chat_tab.stop(state)
    with pytest.raises(PageError, match="Stopped before"):
        list(stopped)
    first.close()
    assert list(pair)[-1][2], "the pair's turn has come"
    assert list(last)[-1][1] and "status" not in list(plain_chat.write("ana", None, "base", 1.0, QUESTION, True))[-1][0]["turns"][0]
    monkeypatch.setattr(room, "PATIENCE_SECONDS", 0.1)
    busy = plain_chat.write("ana", None, "adapter", 1.0, QUESTION, True)
    other = plain_chat.write("ana", None, "rag", 1.0, QUESTION, True)
    next(busy), next(busy), next(other), next(other)
    with pytest.raises(PageError, match="try again"):
        endpoints.ask("cleo", "adapter", QUESTION)  # a program is not kept waiting for ever
    busy.close(), other.close()


def test_another_base_waits_until_nobody_is_at_work(
    people: list[Profile], tiny: Any, speakers: Speakers, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tuning import bases

    monkeypatch.setattr(room, "LOOK_SECONDS", 0.02)
    first = plain_chat.write("ana", None, "adapter", 1.0, QUESTION, True)
    next(first), next(first)
    other_base = bases.resolve_base(tiny.base.id)
    monkeypatch.setattr("tuning.bases.resolve_base", lambda *_: other_base)
    monkeypatch.setattr("tuning.bases.load_base", lambda base: tiny)
    db = open_store()
    eve = create_profile(db, "eve")  # has no adapter: she is answered by the base of choice
    db.close()
    with speakers.turn(eve) as turn:
        places = turn.places()
        assert next(places) == 1
        rest = list(first)
        assert rest[-1][1] and not list(places)
        assert turn.speaker.loaded is tiny and turn.speaker.answer("base", ["Hi?"], 4)[0].side == "base"


def test_a_profile_that_is_deleted_leaves_memory(people: list[Profile], speakers: Speakers, home: Path) -> None:
    for name in ("ana", "bo"):
        ask(name)
    assert [key[1] for key, _ in speakers._resting] == [people[0].id, people[1].id] and len(speakers._worn) == 2
    profiles_tab.delete("ana", "ana")
    assert [key[1] for key, _ in speakers._resting] == [people[1].id] and len(speakers._worn) == 1
    writing = plain_chat.write("bo", None, "adapter", 1.0, QUESTION, True)
    next(writing), next(writing)
    waited = threading.Thread(target=speakers.forget, args=[home])
    waited.start()
    time.sleep(0.05)
    assert waited.is_alive(), "an answer is being written"
    writing.close()
    waited.join()
    assert not speakers._resting and not speakers._worn


def test_memory_stays_bounded_over_many_profiles(people: list[Profile], speakers: Speakers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_RESTING", 2)
    for name in NAMES:
        ask(name)
    assert len(speakers._resting) == 2 and len(speakers._worn) == 2
    monkeypatch.setattr(room, "LARGEST_KEPT", 1)
    ask("ana")
    assert len(speakers._resting) == 1 and speakers._resting[0][1].nbytes > 1
