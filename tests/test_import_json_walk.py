"""The reader of large JSON documents: whatever the size of its pieces and however a document is laid out, it gives what json.loads gives."""

import io
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory.importers import json_walk, telegram
from memory.importers.export import NOTHING_DECIDED, ParsedMessage, Report
from memory.importers.json_walk import Unreadable, walk
from memory.importers.sources import read_bundles

FIXTURES = Path(__file__).parent / "fixtures" / "telegram"
# What looks like the end of one item and the beginning of the next, in texts and at other depths.
TRICKY = st.sampled_from(['"},\n {"id"', '\n },\n {\n  "id"', '},{"id":', "]", "\\", "\ud83d", "é", "", 'a"b', "\n"])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TRICKY)
VALUES = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TRICKY, inner, max_size=3)), max_leaves=4
)
ITEMS = st.lists(
    st.one_of(st.fixed_dictionaries({"id": SCALARS, "list": st.lists(st.fixed_dictionaries({"id": VALUES}), max_size=3)}), VALUES)
)


def items(content: bytes, *paths: str) -> Iterator[Any]:
    for _, run in walk(io.BytesIO(content), "utf-8", paths):
        yield from run


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ITEMS, st.sampled_from([None, 0, 1, 2]), st.booleans(), st.integers(1, 300))
def test_it_gives_what_json_gives(
    monkeypatch: pytest.MonkeyPatch, said: list[Any], indent: int | None, ascii_only: bool, piece: int
) -> None:
    monkeypatch.setattr(json_walk, "PIECE", piece)
    text = json.dumps({"before": {"messages": [1]}, "messages": said, "after": said}, indent=indent, ensure_ascii=ascii_only)
    content = text.encode("utf-8", "replace")
    assert list(items(content, "messages")) == json.loads(content)["messages"]


def test_most_items_of_an_indented_and_of_a_compact_document_are_read_in_runs() -> None:
    said = [{"id": number, "text": [{"type": "bold", "text": "x"}]} for number in range(5000)]
    for indent in (None, 1):
        content = json.dumps({"messages": said}, indent=indent).encode()
        runs = [len(run) for _, run in walk(io.BytesIO(content), "utf-8", ["messages"])]
        assert sum(runs) == 5000 and len(runs) < 20


def test_a_document_that_breaks_off_gives_what_is_whole_and_says_where() -> None:
    content = json.dumps({"messages": [{"id": number} for number in range(9)]}, indent=1).encode()
    *whole, broken = items(content[:-20], "messages")
    assert whole == [{"id": number} for number in range(8)] and isinstance(broken, Unreadable)


def test_memory_does_not_grow_with_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_walk, "PIECE", 16_384)
    content = json.dumps([{"id": number, "text": "word " * 20} for number in range(10_000)], indent=1).encode()
    tracemalloc.start()
    assert sum(1 for _ in items(content, "")) == 10_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 500_000 < len(content)


def read(path: Path) -> tuple[list[ParsedMessage], Report]:
    bundle, report = read_bundles(path)[0], Report()
    return list(telegram.parse(telegram.claim(bundle), bundle, report, NOTHING_DECIDED)), report


@pytest.mark.parametrize("name", ["result.json", "account", "result_2019.json"])
def test_a_telegram_export_reads_the_same_in_runs_and_one_by_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    in_runs = read(FIXTURES / name)
    monkeypatch.setattr(json_walk, "CUTS_TRIED", 0)
    assert read(FIXTURES / name)[0] == in_runs[0]


PARTS = st.fixed_dictionaries(
    {"id": st.integers(1, 5), "type": st.sampled_from(["message", "service", "unsupported", 7]), "text": st.sampled_from(["a", "", " b ", ["c", {"text": "d"}], None])},
    optional={
        "date_unixtime": st.sampled_from(["1700000000", "0", "-5", "x", 1700000000, None, "99999999999999"]), "date": st.just("2024-05-01T10:00:00"),
        "from": st.sampled_from(["Ana", None, 5]), "from_id": st.sampled_from(["user1", "user777000", 777000, ["x"], "channel9"]),
        "forwarded_from": st.sampled_from([None, "Bo"]), "via_bot": st.just("@gif"), "inline_bot_buttons": st.just([[]]),
        "reply_to_message_id": st.integers(1, 5), "reply_to_peer_id": st.just("x"), "edited": st.just("2024-05-01T10:00:00"),
        "edited_unixtime": st.sampled_from(["0", "1700000000"]), "photo": st.just("p.jpg"), "text_entities": st.just([{"type": "plain", "text": "e"}]),
        "action": st.sampled_from(["phone_call", "pin_message"]), "author": st.just("Cleo"), "poll": st.just({"question": "Q?"}),
    },
)  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(PARTS, max_size=12), st.sampled_from(["private_group", "personal_chat", "bot_chat", "public_channel", "verification_codes"])
)
def test_any_telegram_record_reads_the_same_in_runs_and_one_by_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, records: list[dict], kind: str
) -> None:
    path = tmp_path / "result.json"
    head = {"name": "Walks", "type": kind, "id": 1}
    path.write_text(json.dumps({**head, "messages": [{"id": 0, "type": "message", "text_entities": []}, *records]}, indent=1))
    tried = json_walk.CUTS_TRIED
    in_runs, report = read(path)
    monkeypatch.setattr(json_walk, "CUTS_TRIED", 0)
    alone, report_alone = read(path)
    monkeypatch.setattr(json_walk, "CUTS_TRIED", tried)
    assert in_runs == alone and report.skipped == report_alone.skipped and report.read == report_alone.read
