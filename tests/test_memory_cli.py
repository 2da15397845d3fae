"""The command line: real processes for what a shell sees, main() for the rest."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from memory import __main__ as cli
from memory.store import NewFact, add_facts, load_profile, open_store

FIXTURES = Path(__file__).parent / "fixtures"
ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KEEPSAKE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def call(capsys: pytest.CaptureFixture[str], *args: str) -> Any:
    """Runs a command with --json and returns what it printed."""
    assert cli.main([*args, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def fail(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    """Runs a command that must fail; checks that both streams carry the same one sentence, and returns it."""
    assert cli.main([*args, "--json"]) == 1
    printed = capsys.readouterr()
    sentence = json.loads(printed.out)["error"]
    assert printed.err.strip() == sentence and "\n" not in sentence and "Traceback" not in printed.err
    return sentence


def import_android(capsys: pytest.CaptureFixture[str]) -> Any:
    return call(capsys, "import", str(FIXTURES / "whatsapp_android_dmy.txt"), "--profile", "ana", "--me", "Ana")


def test_import_reports_numbers_and_senders(capsys: pytest.CaptureFixture[str]) -> None:
    result = import_android(capsys)
    assert (result["imported"], result["duplicates"], result["skipped"]) == (6, 0, 7)
    assert result["senders"] == [
        {"sender": "Ana", "messages": 5, "me": True, "conversations": 1}, {"sender": "Ben", "messages": 1, "me": False, "conversations": 1},
    ]  # fmt: skip
    assert import_android(capsys)["duplicates"] == 6


def test_dates_that_fit_both_orders_are_spoken_of_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "WhatsApp Chat with Ben.txt"
    path.write_text("03/04/2024, 10:00 - Ana: I moved to Lisbon\n05/04/2024, 10:00 - Ben: nice\n")
    assert cli.main(["import", str(path), "--preview"]) == 0
    about = [line for line in capsys.readouterr().out.splitlines() if "month" in line]
    assert about == [
        "Dates: day-month-year (a guess: the dates fit both orders of day and month). If day and month are the other way round, say so with --date-order."
    ]
    assert cli.main(["import", str(path), "--preview", "--date-order", "month-day-year"]) == 0
    about = [line for line in capsys.readouterr().out.splitlines() if "month" in line]
    assert about == ["Dates: month-day-year (as asked for)"]


def test_messages_come_in_order_with_who_said_them(capsys: pytest.CaptureFixture[str]) -> None:
    import_android(capsys)
    first, second, *_ = call(capsys, "messages", "--profile", "ana")
    assert {key: first[key] for key in ("conversation", "sender", "me", "timestamp", "text")} == {
        "conversation": "whatsapp_android_dmy", "sender": "Ana", "me": True, "timestamp": "2024-01-01T00:00:00",
        "text": "Happy new year",
    }  # fmt: skip
    assert (second["sender"], second["me"]) == ("Ben", False)


def test_search_facts_forget_and_profiles_work_on_what_was_imported(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    import_android(capsys)
    hit = call(capsys, "search", "--profile", "ana", "--words-only", "happy", "year")[0]
    assert (hit["kind"], hit["text"], hit["timestamp"]) == ("message", "Happy new year", "2024-01-01T00:00:00")
    db = open_store(home)
    add_facts(db, load_profile(db, "ana").id, [NewFact("You wish a happy new year.", hit["id"])])
    fact = call(capsys, "facts", "--profile", "ana")[0]
    assert (fact["text"], fact["status"], fact["message_id"], fact["source"]) == (
        "You wish a happy new year.", "active", hit["id"], "study",
    )  # fmt: skip
    assert call(capsys, "forget", "--profile", "ana", "--fact", str(fact["id"]))["forgotten"]["facts"] == 1
    assert call(capsys, "search", "--profile", "ana", "--words-only", "happy") == []
    assert call(capsys, "forget", "--profile", "ana", "--message", str(hit["id"]))["forgotten"]["messages"] == 1
    assert call(capsys, "forget", "--profile", "ana", "--all")["forgotten"]["messages"] == 5
    assert [(row["name"], row["messages"]) for row in call(capsys, "profiles")] == [("ana", 0)]


def test_the_profile_form_is_set_field_by_field(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    about = tmp_path / "about.txt"
    about.write_text("I sing.")
    call(capsys, "profile", "--profile", "ana", "--set", "city=Oslo", "--set", "job=nurse", "--about", f"@{about}")
    shown = call(capsys, "profile", "--profile", "ana", "--set", "job=")
    assert (shown["form"], shown["about"]) == ({"city": "Oslo"}, "I sing.")
    assert [fact["text"] for fact in call(capsys, "facts", "--profile", "ana")] == ["You live in Oslo."]


def test_every_command_speaks_to_people_without_json(capsys: pytest.CaptureFixture[str]) -> None:
    import_android(capsys)
    for args in (
        ["messages"],
        ["facts"],
        ["search", "--words-only", "happy"],
        ["profile"],
        ["forget", "--message", "1"],
    ):
        assert cli.main([*args, "--profile", "ana"]) == 0
    assert cli.main(["profiles"]) == 0 and cli.main(["demo"]) == 0
    printed = capsys.readouterr()
    assert "Happy new year" in printed.out and "Forgotten: 1 messages" in printed.out and "Nora Lindqvist" in printed.out
    assert "{" not in printed.out and printed.err == ""


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (["messages", "--profile", "nobody"], "nobody"),
        (["import", "/nowhere/chat.txt", "--profile", "ana"], "/nowhere/chat.txt"),
        (["import", str(FIXTURES / "whatsapp_dutch.txt"), "--profile", "a/b"], "slash"),
        (["import", str(FIXTURES / "whatsapp_dutch.txt"), "--profile", "ana", "--me", "Zed"], '"Sem"'),
        (["profile", "--profile", "ana", "--set", "city"], "FIELD=VALUE"),
        (["profile", "--profile", "ana", "--about", "@/nowhere"], "/nowhere"),
    ],
)
def test_an_error_is_one_sentence_on_both_streams(capsys: pytest.CaptureFixture[str], args: list[str], word: str) -> None:
    assert word in fail(capsys, *args)


@pytest.mark.parametrize("args", [[], ["nonsense"], ["messages"], ["search", "--profile", "a", "--k", "0", "x"],
                                  ["forget", "--profile", "a"], ["forget", "--profile", "a", "--all", "--fact", "1"]])  # fmt: skip
def test_wrong_usage_ends_with_two(args: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(args)
    assert caught.value.code == 2


def test_a_home_that_cannot_be_written_is_a_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KEEPSAKE_HOME", str(tmp_path / "file" / "home"))
    assert "KEEPSAKE_HOME" in fail(capsys, "profiles")


def test_a_bug_is_one_sentence_and_its_trace_goes_to_the_log(
    capsys: pytest.CaptureFixture[str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("boom")

    monkeypatch.setattr(cli, "list_profiles", broken)
    assert str(home / "keepsake.log") in fail(capsys, "profiles")
    logged = (home / "keepsake.log").read_text()
    assert "test_memory_cli.py" in logged and "boom" not in logged  # an error's own words may be a person's


def test_a_reader_that_stops_early_leaves_no_complaint(home: Path) -> None:
    env = {**os.environ, "KEEPSAKE_HOME": str(home)}
    subprocess.run([sys.executable, "-m", "memory", "demo"], cwd=ROOT, env=env, check=True, capture_output=True)
    listing = subprocess.Popen(
        [sys.executable, "-m", "memory", "messages", "--profile", "demo", "--json"], cwd=ROOT, env=env,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert listing.stdout and listing.stderr
    listing.stdout.read(1)
    listing.stdout.close()
    assert (listing.wait(), listing.stderr.read()) == (0, b"")


def test_letters_outside_of_the_terminals_encoding_do_not_stop_a_listing(home: Path) -> None:
    env = {**os.environ, "KEEPSAKE_HOME": str(home), "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    command = [sys.executable, "-m", "memory"]
    imported = [*command, "import", str(FIXTURES / "whatsapp_german.txt"), "--profile", "jo"]
    subprocess.run(imported, cwd=ROOT, env=env, check=True, capture_output=True)
    done = subprocess.run([*command, "messages", "--profile", "jo"], cwd=ROOT, env=env, capture_output=True, check=True)
    assert "Mein Hund heißt Bello" in done.stdout.decode("utf-8")
