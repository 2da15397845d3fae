"""An import as a whole: the report before anything is stored, redaction, other people's names, and taking it back as one."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from sqlite_utils import Database

from memory.errors import BadExport, UnknownImport
from memory.importing import ImportOptions, import_files, preview_files
from memory.store import (
    NewFact,
    add_facts,
    count_rows,
    duplicate_profile,
    list_facts,
    list_imports,
    list_messages,
    list_profiles,
    load_profile,
    open_store,
    undo_import,
)


@pytest.fixture
def db(home: Path) -> Database:
    return open_store()


def chat(path: Path, *rows: tuple[str, str, str], name: str = "Walk") -> Path:
    """JSON lines of (sender, time, text)."""
    lines = [json.dumps({"conversation": name, "sender": who, "timestamp": when, "text": text}) for who, when, text in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


ROWS = (
    ("Ana Ruiz", "2024-01-01T10:00:00Z", "My cat is called Pepper, mail me at ana@example.org"),
    ("Ben Ode", "2024-01-01T10:01:00Z", "Ana, call me on +44 20 7946 0958"),
    ("Ana Ruiz", "2024-06-01T10:00:00Z", "Ben Ode and Benedict, see you. Ben!"),
    ("Cleo", "2024-06-01T10:01:00Z", ""),
)


def test_a_preview_says_all_and_stores_nothing(db: Database, tmp_path: Path) -> None:
    report = preview_files(db, "new", [chat(tmp_path / "a.jsonl", *ROWS)])
    assert list_profiles(db) == []
    assert (report["kept"], report["read"], report["conversations"], report["stored"]) == (3, 4, 1, False)
    assert {reason: row["count"] for reason, row in report["dropped"].items()} == {"messages without text": 1}
    assert report["period"] == {"from": "2024-01-01T10:00:00", "to": "2024-06-01T10:00:00", "undated": 0}
    assert report["gaps"] == [{"conversation": "Walk", "from": "2024-01-01", "to": "2024-06-01", "days": 151}]
    assert [(row["sender"], row["messages"], row["me"]) for row in report["senders"]] == [("Ana Ruiz", 2, True), ("Ben Ode", 1, False)]
    assert {kind: row["count"] for kind, row in report["redactions"].items()} == {"email": 1, "phone": 1}
    assert report["examples"][0]["text"] == "My cat is called Pepper, mail me at [e-mail]" and not report["me_sure"]


def test_secrets_are_not_stored_unless_wanted(db: Database, tmp_path: Path) -> None:
    path = chat(tmp_path / "a.jsonl", *ROWS)
    import_files(db, "ana", [path], "Ana Ruiz")
    assert [m.text for m in list_messages(db, 1)][:2] == ["My cat is called Pepper, mail me at [e-mail]", "Ana, call me on [phone]"]
    import_files(db, "kept", [path], "Ana Ruiz", ImportOptions(keep=frozenset({"email"})))
    import_files(db, "all", [path], "Ana Ruiz", ImportOptions(redact=False))
    assert list_messages(db, 2)[0].text.endswith("ana@example.org") and list_messages(db, 2)[1].text.endswith("[phone]")
    assert list_messages(db, 3)[1].text.endswith("0958")


def test_names_of_others_are_masked_alike_everywhere_and_the_persons_own_is_not(db: Database, tmp_path: Path) -> None:
    import_files(db, "ana", [chat(tmp_path / "a.jsonl", *ROWS, name="Ben Ode")], "Ana Ruiz", ImportOptions(mask_names=True))
    messages = list_messages(db, 1)
    assert {m.sender for m in messages} == {"Ana Ruiz", "Person 1"} and {m.conversation for m in messages} == {"Person 1"}
    assert messages[2].text == "Person 1 and Benedict, see you. Person 1!"


def test_a_masked_name_stands_nowhere_in_the_store_not_even_in_the_report_of_the_import(db: Database, tmp_path: Path) -> None:
    lines = [f"{day}/{month:02}/2024, 10:00 - {name}: hi" for month in (1, 6) for day, name in ((13, "Ana Ruiz"), (14, "Ben Ode"))]
    path = tmp_path / "WhatsApp Chat with Ben Ode.txt"
    path.write_text("\n".join([*lines, "15/06/2024, 10:00 - Ben"]))
    (tmp_path / "Ben Ode's list.csv").write_text("a;b\n1;2\n")
    done = import_files(db, "ana", [tmp_path, path], "Ana Ruiz", ImportOptions(mask_names=True))
    assert done["gaps"][0]["conversation"] == "Ben Ode"  # the person who imports reads the names
    stored = "\n".join(db.conn.iterdump())
    assert "Person 1" in stored and "Ben" not in stored.replace(str(tmp_path), "")
    kept = list_imports(db, 1)[0]
    assert kept.files[1] == "WhatsApp Chat with Person 1.txt" and kept.report["gaps"][0]["conversation"] == "Person 1"
    assert [row["sender"] for row in kept.report["senders"]] == ["Ana Ruiz", "Person 1"] and kept.report["warnings"]


def test_a_mask_stands_for_one_person_in_every_import_and_only_whole_words_are_names(db: Database, tmp_path: Path) -> None:
    options = ImportOptions(mask_names=True)
    first = chat(
        tmp_path / "a.jsonl", ("Ana Ruiz", "2024-05-06", "Ben is here"), ("Ben", "2024-05-06", "hi"), name="Benefit concert with Ben"
    )
    second = chat(tmp_path / "b.jsonl", ("Cara", "2024-05-07", "I know Ben"), ("Ana Ruiz", "2024-05-07", "who?"), name="Cara")
    newer = chat(
        tmp_path / "c.jsonl", ("Cara", "2024-05-08", "Ben!"), ("Ben", "2024-05-08", "Cara!"), ("Ana Ruiz", "2024-05-08", "x"), name="All"
    )
    for path in (first, second, newer):
        import_files(db, "ana", [path], "Ana Ruiz", options)
    assert import_files(db, "ana", [first], "Ana Ruiz", options)["imported"] == 0
    said = [(m.conversation, m.sender, m.text) for m in list_messages(db, 1) if m.sender != "Ana Ruiz"]
    assert said == [
        ("Benefit concert with Person 1", "Person 1", "hi"),
        ("Person 2", "Person 2", "I know Ben"),  # who is no sender of that import
        ("All", "Person 2", "Person 1!"),
        ("All", "Person 1", "Person 2!"),
    ]
    copy = duplicate_profile(db, 1, "copy")
    assert import_files(db, "copy", [newer], "Ana Ruiz", options)["imported"] == 0
    assert {m.sender for m in list_messages(db, copy.id)} == {"Ana Ruiz", "Person 1", "Person 2"}


def test_an_import_is_undone_as_one_and_can_be_done_again(db: Database, tmp_path: Path) -> None:
    first = chat(tmp_path / "a.jsonl", *ROWS[:1])
    both = chat(tmp_path / "b.jsonl", *ROWS)
    import_files(db, "ana", [first], "Ana Ruiz")
    done = import_files(db, "ana", [both], "Ana Ruiz")
    assert (done["imported"], done["duplicates"]) == (2, 1)
    profile = load_profile(db, "ana").id
    seen = list_messages(db, profile)
    add_facts(db, profile, [NewFact("Your cat is called Pepper.", seen[0].id), NewFact("You will see Ben.", seen[2].id)])
    assert [(row.id, row.messages, row.files) for row in list_imports(db, profile)] == [(2, 2, ["b.jsonl"]), (1, 1, ["a.jsonl"])]
    assert undo_import(db, profile, done["import_id"])["messages"] == 2
    assert [m.id for m in list_messages(db, profile)] == [seen[0].id]
    assert [fact.text for fact in list_facts(db, profile)] == ["Your cat is called Pepper."]
    assert import_files(db, "ana", [both], "Ana Ruiz")["imported"] == 2
    with pytest.raises(UnknownImport, match="number 99"):
        undo_import(db, profile, 99)


def test_the_stored_report_holds_no_text_of_what_was_left_out(db: Database, tmp_path: Path) -> None:
    import_files(db, "ana", [chat(tmp_path / "a.jsonl", *ROWS, ("Ana Ruiz", "not a time at all", "secret words"))], "Ana Ruiz")
    stored = json.dumps(list_imports(db, 1)[0].report)
    assert "secret words" not in stored and "not a time" not in stored


def test_equal_messages_of_one_second_are_all_kept_however_often_they_are_imported(db: Database, tmp_path: Path) -> None:
    row = ("Ana", "2024-01-01T10:00:00Z", "ha")
    path = chat(tmp_path / "a.jsonl", row, row, ("Ben", "2024-01-01T10:00:00Z", "ha"), row)
    assert import_files(db, "ana", [path], "Ana")["imported"] == 4
    again = import_files(db, "ana", [path], "Ana")
    assert (again["imported"], again["duplicates"], again["import_id"]) == (0, 4, None) and len(list_imports(db, 1)) == 1


def test_a_folder_and_a_zip_are_read_as_they_come_and_links_are_not_followed(db: Database, tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    (folder / "deep").mkdir(parents=True)
    secret = chat(tmp_path / "secret.jsonl", ("Ana", "2024-01-01T10:00:00Z", "outside"))
    chat(folder / "deep" / "a.jsonl", ROWS[0])
    (folder / "link.jsonl").symlink_to(secret)
    with zipfile.ZipFile(folder / "b.zip", "w") as archive:
        archive.writestr("inner/b.jsonl", chat(tmp_path / "b.jsonl", ROWS[1]).read_text())
        archive.writestr("../escape.jsonl", secret.read_text())
    done = import_files(db, "ana", [folder], "Ana Ruiz")
    assert done["imported"] == 2 and not [m for m in list_messages(db, 1) if m.text == "outside"]


def test_what_is_left_closed_in_a_zip_is_said_and_windows_paths_are_paths(db: Database, tmp_path: Path) -> None:
    line = "25/04/2024, 10:00 - {}: hello from here\n"
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("Walks\\_chat.txt", line.format("Ana"))
        archive.writestr("..\\..\\evil.txt", line.format("Eve"))
        archive.writestr("inner.zip", b"PK")
    report = preview_files(db, "ana", [tmp_path / "all.zip"])
    assert [row["sender"] for row in report["senders"]] == ["Ana"] and report["examples"][0]["conversation"] == "Walks"
    assert any("inner.zip" in note and "unpack" in note for note in report["notes"])
    assert any("evil.txt" in note and "lead out" in note for note in report["notes"])


def test_the_name_of_a_file_need_not_be_utf_8(db: Database, tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/WhatsApp Chat with Zo\xe9.txt", "w") as file:
        file.write("25/04/2024, 10:00 - Ana: hello\n25/04/2024, 10:01 - Zoe: hi\n")
    for number, path in enumerate((tmp_path, next(tmp_path.iterdir())), 1):
        import_files(db, f"profile {number}", [path], "Ana")
        assert {m.conversation for m in list_messages(db, number)} == {"Zo\N{LATIN SMALL LETTER E WITH ACUTE}"}


def test_many_small_bombs_in_one_zip_are_a_bomb(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memory.importers.sources.RATIO_MATTERS_FROM", 1_000_000)
    with zipfile.ZipFile(tmp_path / "bombs.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(4):
            archive.writestr(f"{number}.txt", "0" * 900_000)
    with pytest.raises(BadExport, match="times its size"):
        preview_files(db, "ana", [tmp_path / "bombs.zip"])


def test_a_zip_in_a_zip_and_an_empty_folder_are_refused_with_a_sentence(db: Database, tmp_path: Path) -> None:
    inner = tmp_path / "inner.zip"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("a.jsonl", "{}")
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as archive:
        archive.write(inner, "inner.zip")
    with pytest.raises(BadExport, match="inside a ZIP"):
        import_files(db, "ana", [tmp_path / "outer.zip"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadExport, match="holds no chat export"):
        import_files(db, "ana", [tmp_path / "empty"])
    assert list_profiles(db) == []


def test_one_bad_file_stores_nothing_of_the_others(db: Database, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('{"what": "is this"}')
    with pytest.raises(BadExport):
        import_files(db, "ana", [chat(tmp_path / "a.jsonl", *ROWS), bad], "Ana Ruiz")
    assert list_profiles(db) == []


def test_the_commands_preview_import_list_and_undo(home: Path, tmp_path: Path) -> None:
    def run(*arguments: str) -> dict:
        done = subprocess.run([sys.executable, "-m", "memory", *arguments, "--json"], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    path = str(chat(tmp_path / "a.jsonl", *ROWS))
    preview = run("import", path, "--preview")
    assert preview["kept"] == 3 and run("profiles") == []
    done = run("import", path, "--profile", "ana", "--me", "ben ode")
    assert done["me"] == "Ben Ode" and done["imported"] == 3
    assert [row["id"] for row in run("imports", "--profile", "ana")] == [done["import_id"]]
    assert run("undo-import", "--profile", "ana")["undone"]["messages"] == 3
    with open_store() as db:
        assert count_rows(db, 1)["messages"] == 0


def test_samples_of_what_is_left_out_are_redacted_too(db: Database, tmp_path: Path) -> None:
    head = {"name": "Ana", "type": "personal_chat", "id": 1}
    code = {
        "type": "message",
        "from": "Ana",
        "from_id": "user1",
        "date_unixtime": "1700000000",
        "text": "Write to bo.lund@example.org " + "x " * 60,
    }
    path = tmp_path / "result.json"
    path.write_text(json.dumps({**head, "messages": [{"id": 1, **code, "forwarded_from": "Bo"}, {"id": 2, **code}]}))
    (sample,) = preview_files(db, "ana", [path])["dropped"]["forwarded messages"]["samples"]
    assert sample.startswith("Write to [e-mail] x") and len(sample) == 80
    (sample,) = preview_files(db, "ana", [path], options=ImportOptions(redact=False))["dropped"]["forwarded messages"]["samples"]
    assert "bo.lund@example.org" in sample
