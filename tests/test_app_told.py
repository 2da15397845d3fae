"""What memory/ and tuning/ say, in the language of the page: every form that is translated stands in their code, and errors come out translated."""

import ast
from pathlib import Path
from string import Formatter

import pytest

from app import sentences as say
from app.edge import explain, in_language
from app.import_tab import render_report
from memory.errors import BadProfileName
from memory.importers import export
from memory.importers.whatsapp_dates import ORDERS
from memory.redaction import KINDS
from memory.store import create_profile, open_store

ROOT = Path(__file__).resolve().parents[1]


def spoken_forms() -> set[str]:
    """Every text in the code of memory/ and tuning/ with {} for each part that is put in, by f-string or by `format`."""
    forms = set()
    for path in [*ROOT.glob("memory/**/*.py"), *ROOT.glob("tuning/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                forms.add("".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                forms.add(node.value)
                if "{" in node.value:
                    try:
                        forms.add("".join(text + ("" if name is None else "{}") for text, name, _, _ in Formatter().parse(node.value)))
                    except ValueError:
                        pass  # a brace of another meaning
    return forms


@pytest.mark.parametrize("language", sorted(say.TOLD))
def test_every_translated_form_is_still_said_and_keeps_its_parts(language):
    spoken = spoken_forms()
    for english, meant in say.TOLD[language].items():
        assert english in spoken, f"nobody says this any more: {english}"
        parts = [f"part{number}" for number in range(english.count("{}"))]
        assert meant.format(*parts) and all(part in meant.format(*parts) for part in parts) or "{0}" in meant, english


def test_an_error_of_the_store_comes_in_the_language_of_the_page(tmp_path, monkeypatch):
    monkeypatch.setenv("KEEPSAKE_HOME", str(tmp_path))
    create_profile(db := open_store(), "Nora (it's {me})")
    with pytest.raises(BadProfileName) as refused:
        create_profile(db, "Nora (it's {me})")
    english = str(refused.value)
    assert in_language(explain, "en")(refused.value) == english
    assert in_language(explain, "de")(refused.value) == "Ein Profil „Nora (it's {me})“ gibt es schon: Wähle einen anderen Namen."
    say.speak("de")
    try:
        assert say.told("trial 2 of 8") == "Versuch 2 von 8" and say.told("nobody translated this") == "nobody translated this"
        assert say.told("Slow, but alive: no step for 2 min, the longest before took 4 s; the process computes (35% of a core). Other work on this machine?").startswith(
            "Langsam, aber es lebt: seit 2 min kein Schritt, der längste davor dauerte 4 s"
        )  # fmt: skip
    finally:
        say.speak("en")
    assert say.told("trial 2 of 8") == "trial 2 of 8"


def texts_given_to(path: Path, *methods: str) -> list[str]:
    """The texts, with {} for what is put in, that a file's code gives to methods of these names; constants by their value."""
    tree = ast.parse(path.read_text())
    named = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found = []
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else None
        name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
        if isinstance(node, ast.Call) and name in methods and node.args:
            text = node.args[0]
            if isinstance(text, ast.JoinedStr):
                found.append("".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in text.values))
            elif isinstance(text, ast.Constant):
                found.append(str(text.value))
            elif isinstance(text, ast.Name) and isinstance(named.get(text.id), str):
                found.append(named[text.id])
    return found


@pytest.mark.parametrize("language", sorted(say.TOLD))
def test_all_that_the_report_of_an_import_says_is_translated(language):
    reasons = [
        value
        for name, value in vars(export).items()
        if name.isupper() and isinstance(value, str) and name not in ("USER", "ASSISTANT", "PERSON")
    ]
    said = [text for path in ROOT.glob("memory/importers/*.py") for text in texts_given_to(path, "note", "warn")]
    assert len(said) > 30 and len(reasons) >= 10
    missing = [text for text in [*reasons, *KINDS.values(), *ORDERS, *said] if text not in say.TOLD[language]]
    assert not missing


@pytest.mark.parametrize("language", sorted(say.TOLD))
def test_all_that_refuses_an_export_is_translated(language):
    said = [text for path in ROOT.glob("memory/importers/*.py") for text in texts_given_to(path, "BadExport")]
    assert len(said) > 20
    assert not [text for text in said if text not in say.TOLD[language]]


def test_the_report_of_an_import_comes_in_the_language_of_the_page():
    report = {
        "format": "whatsapp", "read": 9, "kept": 3, "conversations": 1, "redactions": {}, "gaps": [], "ambiguous_dates": False, "examples": [],
        "dropped": {export.MEDIA: {"count": 6, "samples": []}}, "period": {"from": "2024-04-01T10:00:00", "to": "2024-05-13T10:00:00"},
        "warnings": ["a.txt is cut off after 3 messages: export it again."], "notes": [],
        "date_order": f"{ORDERS[0]} (13/5/24 can only be read so); {ORDERS[1]} (as asked for)",
    }  # fmt: skip
    shown = in_language(render_report, "de")(report)
    for words in (
        "Bilder, Töne und Dateien",
        "a.txt ist nach 3 Nachrichten abgeschnitten",
        "1 Chat",
        "Tag-Monat-Jahr (13/5/24 lässt sich nur so lesen); Monat-Tag-Jahr (wie",
    ):
        assert words in shown
    assert "1 conversation" in in_language(render_report, "en")(report)
