"""A profile as one file: all of it comes back under new numbers, and a changed or foreign file is refused with nothing stored."""

import json
import zipfile
from pathlib import Path

import pytest
from safetensors.numpy import save
from sqlite_utils import Database

from memory.demo import import_demo
from memory.errors import BadProfileFile, BadProfileName
from memory.store import (
    Profile,
    add_memory,
    count_rows,
    current_adapter,
    delete_profile,
    duplicate_profile,
    export_profile,
    import_profile,
    list_examples,
    list_facts,
    list_judgements,
    list_memories,
    list_messages,
    list_points,
    list_profiles,
    list_votes,
    load_profile,
    load_run,
    open_store,
    rename_profile,
    save_adapter,
    save_examples,
    save_judgement,
    save_point,
    save_report,
    save_turn,
    save_vote,
    start_run,
    supersede,
)


@pytest.fixture
def db(home: Path) -> Database:
    return open_store()


@pytest.fixture
def lived(db: Database) -> Profile:
    """A profile with something of everything, whose numbers do not begin at 1."""
    import numpy

    other = import_demo(db, "other")
    profile = import_demo(db)
    delete_profile(db, other.id)
    facts = list_facts(db, profile.id)
    newer = add_memory(db, profile.id, "You live in Lisbon.")
    supersede(db, facts[0].id, newer)
    run = start_run(db, profile.id, "inject", {"budget": "quick"})
    save_point(db, run, 0, 0.5, loss=1.5)
    save_examples(db, run, [{"fact_id": newer, "fact_ids": [newer], "question": "Where?", "split": "test"}])
    weights = save({"a": numpy.zeros(3, dtype="float32")})
    adapter = save_adapter(
        db, profile.id, run, weights, {"adapters": {}}, "pocket", "1", "1", [newer], {"advice": {"card": {"checks": {str(newer): 1}}}}
    )
    turn = save_turn(db, profile.id, "c", "Where do I live?", "rag", "adapter", "Here", "Lisbon", {"adapter": adapter})
    save_vote(db, turn, "right")
    save_judgement(db, turn, "right", True, None)
    save_report(db, profile.id, "evaluation", {"adapter": adapter, "sides": {}})
    return profile


def test_everything_comes_back_under_new_numbers(db: Database, lived: Profile, tmp_path: Path) -> None:
    before = count_rows(db, lived.id)
    path = tmp_path / "nora.keepsake"
    export_profile(db, lived.id, path)
    assert path.stat().st_mode & 0o077 == 0 and {name.split(".")[-1] for name in zipfile.ZipFile(path).namelist()} == {
        "json", "jsonl", "safetensors",
    }  # fmt: skip
    with pytest.raises(BadProfileName, match="already"):
        import_profile(db, path)
    copy, _ = import_profile(db, path, "copy")
    assert count_rows(db, copy.id) == before and (copy.form, copy.about, copy.me) == (lived.form, lived.about, lived.me)
    assert [(m.text, m.timestamp, m.me) for m in list_messages(db, copy.id)] == [
        (m.text, m.timestamp, m.me) for m in list_messages(db, lived.id)
    ]
    newer = next(fact for fact in list_facts(db, copy.id) if fact.text == "You live in Lisbon.")
    assert [fact.superseded_by for fact in list_facts(db, copy.id, active_only=False)][0] == newer.id
    adapter = current_adapter(db, copy.id)
    assert adapter and adapter.fact_ids == (newer.id,) and adapter.run_id
    assert {memory.id: memory.state for memory in list_memories(db, copy.id)[0]}[newer.id] == "learnt"
    run = load_run(db, adapter.run_id)
    assert (
        run.state == "interrupted" and list_points(db, run.id)[0]["loss"] == 1.5 and list_examples(db, run.id)[0]["fact_ids"] == [newer.id]
    )
    assert [vote.winner for vote in list_votes(db, copy.id)] == ["adapter"]
    assert [(said.side, said.relevant, said.accurate) for said in list_judgements(db, copy.id)] == [("adapter", True, None)]


def test_deleting_one_copy_leaves_the_other(db: Database, lived: Profile) -> None:
    before = count_rows(db, lived.id)
    copy = duplicate_profile(db, lived.id, "copy")
    delete_profile(db, copy.id)
    assert count_rows(db, lived.id) == before
    assert rename_profile(db, lived.id, "Nora").name == "Nora" and load_profile(db, "Nora").id == lived.id


def changed(path: Path, name: str, content: bytes) -> Path:
    """The file with another content in one place, its hash put right."""
    import hashlib

    with zipfile.ZipFile(path) as archive:
        entries = {entry: archive.read(entry) for entry in archive.namelist()}
    entries[name] = content
    manifest = json.loads(entries["manifest.json"])
    manifest["sha256"][name] = hashlib.sha256(content).hexdigest()
    entries["manifest.json"] = json.dumps(manifest).encode()
    other = path.with_name("changed.keepsake")
    with zipfile.ZipFile(other, "w") as archive:
        for entry, held in entries.items():
            archive.writestr(entry, held)
    return other


def test_a_foreign_or_damaged_file_is_refused_and_leaves_nothing(db: Database, lived: Profile, tmp_path: Path) -> None:
    path = tmp_path / "nora.keepsake"
    export_profile(db, lived.id, path)
    number = next(name for name in zipfile.ZipFile(path).namelist() if name.startswith("adapters/"))
    text = tmp_path / "text"
    text.write_text("hello")
    cut = tmp_path / "cut"
    cut.write_bytes(path.read_bytes()[:-200])
    empty = tmp_path / "empty.zip"
    zipfile.ZipFile(empty, "w").close()
    bad = [
        text, cut, empty, tmp_path / "gone",
        changed(path, number, b"\x80\x04cos\nsystem\n"),
    ]  # fmt: skip
    for file in bad:
        with pytest.raises(BadProfileFile):
            import_profile(db, file, "copy")
    for name, content in (
        ("facts.jsonl", b'{"id": 1, "message_id": 99999, "text": "x"}\n'), ("turns.jsonl", b"[1]\n"), ("runs.jsonl", b'{"id": 1}\n'),
        ("votes.jsonl", b'{"turn_id": 77, "choice": "left"}\n'), ("reports.jsonl", b'{"id": 1, "kind": "e", "report": "{", "created": ""}\n'),
    ):  # fmt: skip
        with pytest.raises(BadProfileFile, match="nothing was imported"):
            import_profile(db, changed(path, name, content), "copy")
    assert [profile.name for profile in list_profiles(db)] == ["demo"]


def test_a_place_that_cannot_be_written_is_a_sentence_and_leaves_no_half_file(db: Database, lived: Profile, tmp_path: Path) -> None:
    with pytest.raises(BadProfileFile, match="another place"):
        export_profile(db, lived.id, tmp_path / "no" / "such" / "folder")
    assert not list(tmp_path.glob(".*"))
