"""A lent GPU (ZeroGPU): injections go on from slice to slice and end as in one piece; answers come from the process that has the GPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app import slices
from app.chat_tab import ask
from app.edge import PageError

ROOT = Path(__file__).resolve().parents[1]
# The page of such a Space: libraries are loaded, no model is, and what needs one runs elsewhere. One thread, since a forked process cannot use others'.
PAGE = """
import json, os, sys
import torch, transformers, peft
import spaces
from app import chat_tab, inject_tab, plain_chat, slices
from app.edge import PageError
from app import sentences as say
from app.speakers import SPEAKERS
from memory.store import NewFact, add_facts, create_profile, current_adapter, latest_run, list_turns, open_store

base, sliced = sys.argv[1], sys.argv[2] == "sliced"
slices.TRAIN_SECONDS = 1.0
db = open_store()
profile = create_profile(db, "ana")
add_facts(db, profile.id, [NewFact(text, None, "user") for text in ("Your cat is called Biscuit.", "You live in Vellmar.")])
found = {"lent": slices.lent()}
if sliced:
    slices.register()
    found["shown"] = inject_tab.start("ana", "quick", base)
    found["going"] = slices.is_going(profile)
else:
    from tuning.inject import inject
    inject(db, profile, "quick", 1, None, base)
adapter = current_adapter(db, profile.id)
found |= {"sha256": adapter.sha256, "metrics": adapter.metrics["validation"]["recall"], "state": latest_run(db, profile.id).state}
if sliced:
    found["trained"] = [seconds for name, seconds in spaces.CALLS if name == "_train"]
    asked = [*slices.on_gpu(chat_tab.ask)("ana", None, "adapter-base", "What is my cat called?")]
    found["turns"] = [len(asked), asked[-1][2], len(list_turns(db, profile.id))]
    wrote = [*slices.on_gpu(plain_chat.write)("ana", None, "adapter", 1.0, "Where do I live?", True)]
    found["plain"] = [wrote[-1][1], wrote[-1][0]["turns"][-1]["question"]]
    say.speak("de")
    try:
        [*slices.on_gpu(chat_tab.ask)("nobody", None, "adapter-base", "Hi?")]
    except PageError as error:
        found["error"] = str(error)
    found["here"] = SPEAKERS._loaded is None
print(json.dumps(found))
"""


def run_page(home: Path, base: Path, how: str) -> dict:
    environment = {
        **os.environ, "KEEPSAKE_HOME": str(home), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "KEEPSAKE_TRIALS": "1",
        "SPACES_ZERO_GPU": "true", "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests" / "stand_ins")]),
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-c", PAGE, str(base), how], env=environment, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow  # two whole injections in processes of their own: a minute
@pytest.mark.timeout(600)
def test_an_injection_in_slices_ends_as_one_in_one_piece_and_answers_come_from_the_gpu(tmp_path, tiny_folder):
    sliced, whole = (run_page(tmp_path / how, tiny_folder, how) for how in ("sliced", "whole"))
    assert sliced["lent"] and len(sliced["trained"]) >= 2 and set(sliced["trained"]) == {1 + slices.SPARE_SECONDS}
    assert sliced["state"] == "done" and not sliced["going"] and "card good" in sliced["shown"]
    assert (sliced["sha256"], sliced["metrics"]) == (whole["sha256"], whole["metrics"])
    steps, ended, stored = sliced["turns"]
    assert steps >= 3 and ended and stored == 1 and sliced["plain"] == [True, "Where do I live?"]
    assert sliced["error"].startswith("Ein Profil „nobody“ gibt es nicht"), "in the language of the page, from the other process"
    assert sliced["here"], "no model is loaded in the page's own process"


def test_where_no_gpu_is_lent_everything_runs_as_it_is(monkeypatch):
    assert not slices.lent() and slices.on_gpu(ask) is ask
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert not slices.lent(), "the package spaces is not installed here"


def test_a_hub_model_that_cannot_be_fetched_is_told_before_anything_is_started(home, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(PageError, match="no/such-model could not be fetched"):
        slices.fetch("no/such-model")
    slices.fetch("pocket")
