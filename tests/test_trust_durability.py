"""Nothing lost: checks, backups, restores and migrations on real files, some of them damaged on purpose."""

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sqlite_utils import Database, Migrations

from memory.__main__ import main
from memory.errors import BadBackup, RunInProgress, StoreDamaged
from memory.importers import ParsedMessage
from memory.store import (
    NewFact,
    add_facts,
    back_up,
    check_store,
    create_profile,
    embeddings,
    forget_message,
    list_messages,
    list_profiles,
    load_profile,
    open_store,
    restore,
    save_adapter,
    save_messages,
    start_run,
)
from memory.store import database as rooms
from memory.store.encryption import encrypt
from memory.store.engine import salt_of as store_salt

SECRET = "heliotrope"
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def db(home: Path) -> Database:
    db = open_store()
    profile = create_profile(db, "ana").id
    save_messages(db, profile, [ParsedMessage("Walk", "Ana", "person", None, f"{SECRET} number {n}") for n in range(40)], "Ana")
    fact = add_facts(db, profile, [NewFact("You like tea.")])[0]
    save_adapter(db, profile, None, b"weights " * 4000, {"r": 8}, "base", "rev", "1", [fact], {})
    return db


def texts(home: Path) -> list[str]:
    db = open_store(home)
    try:
        return [message.text for message in list_messages(db, load_profile(db, "ana").id)]
    finally:
        db.close()


def test_a_sound_store_passes_and_nothing_is_written_by_looking(home: Path, db: Database) -> None:
    db.close()
    before = (home / "keepsake.db").read_bytes()
    report = check_store(home)
    assert report["ok"] and report["problems"] == [] and report["adapters"] == 1 and report["rows"]["messages"] == 40
    assert (home / "keepsake.db").read_bytes() == before


def test_a_folder_without_a_store_is_said_to_be_empty_and_stays_so(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0 and "Nothing is stored yet" in capsys.readouterr().out
    assert not (home / "keepsake.db").exists()
    assert main(["backup"]) == 1 and "nothing to back up" in capsys.readouterr().err


def test_every_kind_of_damage_is_found_and_told(home: Path, db: Database, capsys: pytest.CaptureFixture[str]) -> None:
    db.execute("INSERT INTO embeddings VALUES ('message', 999, 'm', x'00')")
    db.execute("UPDATE adapters SET weights = x'00'")
    db.execute("DROP TRIGGER messages_ad")
    db.execute("DELETE FROM messages WHERE id = 7")
    db.execute("PRAGMA foreign_keys = OFF")
    db.execute("INSERT INTO votes VALUES (77, 'left', 'x')")
    db.close()
    assert main(["check", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    said = " ".join(report["problems"])
    assert not report["ok"] and report["damaged_adapters"] == [1]
    assert "vectors of messages that are gone" in said and "adapter 1 differ" in said
    assert "search index of messages" in said and "votes refers to one of turns" in said
    assert SECRET not in json.dumps(report)


def test_a_flipped_byte_in_the_file_is_found(home: Path, db: Database) -> None:
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    path = home / "keepsake.db"
    content = bytearray(path.read_bytes())
    place = content.index(b"weights weights", content.index(b"weights weights") + 6000) + 2
    content[place] ^= 1
    path.write_bytes(content)
    assert check_store(home)["damaged_adapters"] == [1]
    content[0:16] = b"SQLite format 4\0"
    path.write_bytes(content)
    report = check_store(home)
    assert not report["ok"] and "restore a copy" in report["problems"][0]


def test_a_backup_is_whole_private_and_made_while_another_writes(home: Path, db: Database, capsys: pytest.CaptureFixture[str]) -> None:
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE messages SET text = 'not yet committed' WHERE id = 1")
    assert main(["backup", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    db.rollback()
    path = Path(made["backup"])
    assert path.parent == home / "backups" and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert made["rows"]["messages"] == 40 and b"not yet committed" not in path.read_bytes()
    assert list(path.parent.iterdir()) == [path]
    assert Path(back_up(home, home.parent / "mine.db")["backup"]) == home.parent / "mine.db"


def test_a_restore_brings_back_what_was_and_keeps_what_is(home: Path, db: Database, capsys: pytest.CaptureFixture[str]) -> None:
    made = back_up(home)["backup"]
    profile = load_profile(db, "ana").id
    forget_message(db, profile, 1)
    save_messages(db, profile, [ParsedMessage("Walk", "Ana", "person", None, "said later")], "Ana")
    assert main(["restore", made]) == 0 and "40 messages" in capsys.readouterr().out
    # A connection that was open all the time sees the restored rows, and writes to the right file.
    assert len(list_messages(db, profile)) == 40
    db.close()
    assert len(texts(home)) == 40 and check_store(home)["ok"]
    kept = next((home / "backups").glob("before-restore-*.db"))
    restore(home, kept)
    assert "said later" in texts(home)


def test_a_store_that_cannot_be_read_is_moved_aside_not_lost(home: Path, db: Database) -> None:
    made = Path(back_up(home)["backup"])
    db.close()
    (home / "keepsake.db").write_bytes(b"nothing that SQLite knows" * 1000)
    with pytest.raises(StoreDamaged):
        open_store(home)
    done = restore(home, made)
    assert len(texts(home)) == 40 and Path(done["kept"]).read_bytes().startswith(b"nothing that SQLite knows")


@pytest.mark.parametrize("content", [b"", b"junk" * 5000, None])
def test_what_is_no_sound_store_is_not_restored(home: Path, db: Database, tmp_path: Path, content: bytes | None) -> None:
    bad = tmp_path / "bad.db"
    if content is None:
        copy = Database(sqlite3.connect(bad))
        db.conn.backup(copy.conn)
        copy.execute("UPDATE adapters SET weights = x'00'")
        copy.conn.commit()
        copy.close()
    else:
        bad.write_bytes(content)
    with pytest.raises(BadBackup, match="choose another backup"):
        restore(home, bad)
    assert len(texts(home)) == 40
    with pytest.raises(BadBackup, match="no backup"):
        restore(home, tmp_path / "missing.db")


def test_nothing_is_restored_under_a_live_run(home: Path, db: Database) -> None:
    made = Path(back_up(home)["backup"])
    start_run(db, load_profile(db, "ana").id, "inject", {})
    with pytest.raises(RunInProgress):
        restore(home, made)


def test_a_migration_is_backed_up_first_and_one_that_breaks_changes_nothing(
    home: Path, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.close()
    steps = Migrations("keepsake")
    steps._migrations = list(rooms.MIGRATIONS._migrations)
    monkeypatch.setattr(rooms, "MIGRATIONS", steps)

    @steps()
    def m900_breaks(db: Database) -> None:
        db.execute("PRAGMA defer_foreign_keys = ON")
        db.execute("UPDATE messages SET profile_id = 77")

    with pytest.raises((StoreDamaged, sqlite3.IntegrityError)):
        open_store(home)
    copies = list((home / "backups").glob("before-m900_breaks-*.db"))
    assert len(copies) == 1
    steps._migrations.pop()
    assert len(texts(home)) == 40

    @steps()
    def m901_works(db: Database) -> None:
        db.execute("ALTER TABLE messages ADD COLUMN mood TEXT")

    for _ in range(2):
        open_store(home).close()
    assert len(texts(home)) == 40 and len(list((home / "backups").glob("before-m901_works-*.db"))) == 1


def test_forgetting_takes_the_copies_that_keepsake_made_by_itself(home: Path, db: Database) -> None:
    made = Path(back_up(home, label="before-m900")["backup"])
    mine = Path(back_up(home)["backup"])
    assert SECRET.encode() in made.read_bytes()
    forget_message(db, load_profile(db, "ana").id, 1)
    assert not made.exists() and mine.exists()


def test_a_new_version_of_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from memory.store import write_whole

    path = tmp_path / "accounts.json"
    write_whole(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError):
        write_whole(path, "new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_vectors_go_with_their_rows(home: Path, db: Database) -> None:
    import numpy as np

    embeddings.save(db, "message", [1, 2], np.ones((2, 4)), "m")
    forget_message(db, load_profile(db, "ana").id, 1)
    assert check_store(home)["ok"]


OTHER = """
import sys
from pathlib import Path
from memory.store import create_profile, list_profiles, open_store
db = open_store(Path(sys.argv[1]))
create_profile(db, sys.argv[2])
print(*[profile.name for profile in list_profiles(db)])
db.close()
"""


@pytest.mark.parametrize("encrypted", [False, True])
def test_two_processes_that_come_and_go_see_and_keep_each_others_writes(home: Path, encrypted: bool) -> None:
    """Closing any handle of the file took SQLite's locks away: the other process deleted the log under this one, and writes were lost."""
    from memory.proof import count_traces
    from memory.store.certificates import find_traces

    environment = dict(os.environ)
    open_store(home).close()
    if encrypted:
        encrypt(home, "correct horse battery")
        environment["KEEPSAKE_PASSPHRASE"] = "correct horse battery"
    mine = open_store(home)
    create_profile(mine, "mine0")
    for number in range(1, 4):
        open_store(home).close()  # another event of the page
        store_salt(home / "keepsake.db")
        find_traces(home, ["a word that nobody said"])
        count_traces(home, ["a word that nobody said"])
        said = subprocess.run(
            [sys.executable, "-c", OTHER, str(home), f"other{number}"], cwd=ROOT, env=environment, capture_output=True, text=True
        )
        assert f"mine{number - 1}" in said.stdout.split(), said.stderr
        assert (home / "keepsake.db-wal").exists()  # the other was not the last, and must not have thought so
        create_profile(mine, f"mine{number}")
        assert {profile.name for profile in list_profiles(mine)} >= {f"other{number}", f"mine{number}"}
    mine.close()
    assert check_store(home)["ok"]


def test_a_store_that_is_gone_keeps_no_handle(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for number in range(5):
        folder = tmp_path / str(number)
        open_store(folder).close()
        store_salt(folder / "keepsake.db")
        shutil.rmtree(folder)
    assert len(os.listdir("/proc/self/fd")) <= before + 2
