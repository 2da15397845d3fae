"""What memory/ and tuning/ say, in the language of the page: every form that is translated stands in their code, and errors come out translated."""

import ast
from pathlib import Path
from string import Formatter

import pytest

from app import sentences as say
from app.edge import explain, in_language
from memory.errors import BadProfileName
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
