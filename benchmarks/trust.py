"""Everything that docs/trust.md says, measured and written: the tests of trust, the benches of faults and privacy, the soak, licences.

    python -m benchmarks.trust [--reuse DIR] [--partial] [--json]      writes docs/trust.md

DIR may hold tests.xml (or tests-*.xml, each of some files), faults.json, privacy.json and soak.json of earlier runs; what is missing there is
run (all of it: about an hour on two cores), or with --partial said to be missing. What a test counted (endpoints tried, payloads, files searched) comes from the properties that it
recorded. Exit status 1 if anything failed, or a test counted nothing because it was skipped.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import licences
from benchmarks.trust_text import PROMISES
from tuning.exposure import CANDIDATES

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "trust.md"
COUNTED = ("endpoints", "handlers", "payloads", "files_searched", "plain_found")  # what the tests record


def collect(folder: Path, partial: bool = False) -> dict[str, Any]:
    """Runs what is not in `folder` yet (unless `partial`), and reads all of it; what is missing is None."""
    if not partial and not list(folder.glob("tests*.xml")):
        files = [str(path.relative_to(ROOT)) for path in trust_tests()]
        subprocess.run(
            [sys.executable, "-m", "pytest", *files, "-m", "slow or not slow", "--timeout", "1500", f"--junitxml={folder / 'tests.xml'}"],
            cwd=ROOT,
            check=False,
            stdout=sys.stderr,
        )
    for name, options in (("faults", ["--faults", "200", "--seed", "1"]), ("privacy", []), ("soak", ["--minutes", "20"])):
        path = folder / f"{name}.json"
        if not partial and (not path.exists() or not path.stat().st_size):
            said = subprocess.run(
                [sys.executable, "-m", f"benchmarks.{name}", *options, "--json"], cwd=ROOT, capture_output=True, text=True
            )
            path.write_text(said.stdout)
    report: dict[str, Any] = {name: read_json(folder / f"{name}.json") for name in ("faults", "privacy", "soak")}
    report |= {
        "tests": read_tests(found) if (found := sorted(folder.glob("tests*.xml"))) else None,
        "licences": licences.run(),
        "written": datetime.now(UTC).date().isoformat(),
    }
    zero = [("tests", "failed"), ("faults", "lost"), ("privacy", "failures"), ("soak", "failures")]
    report["failures"] = sum(report[part][key] for part, key in zero if report[part]) + (not report["licences"]["ok"])
    counted = report["tests"]["counted"] if report["tests"] else COUNTED
    report["missing"] = [part for part, _ in zero if not report[part]] + [name for name in COUNTED if name not in counted]
    if report["tests"]:
        report["missing"] += [path.stem for path in trust_tests() if path.stem not in report["tests"]["files"]]
    return report


def trust_tests() -> list[Path]:
    """The files of the tests of trust."""
    return sorted((ROOT / "tests").glob("test_trust_*.py"))


def read_json(path: Path) -> dict[str, Any] | None:
    """The report in a file with the day on which it was written, or None."""
    if not path.exists() or not path.stat().st_size:
        return None
    return {**json.loads(path.read_text()), "measured": datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat()}


def read_tests(paths: Sequence[Path]) -> dict[str, Any]:
    """Counts of JUnit files: passed, failed, skipped, and what the tests recorded."""
    cases = [case for path in paths for case in ElementTree.parse(path).iter("testcase")]
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = [case for case in cases if case.find("skipped") is not None]
    ran = {case.get("classname", "").split(".")[1] for case in cases if "." in case.get("classname", "")}
    names = [f"{case.get('classname', '').removeprefix('tests.')}.{case.get('name')}" for case in failed]
    counted = {found.get("name", ""): found.get("value", "") for case in cases for found in case.iter("property")}
    return {
        "passed": len(cases) - len(failed) - len(skipped),
        "failed": len(failed),
        "skipped": len(skipped),
        "failed_names": names,
        "counted": counted,
        "files": sorted(ran),
    }


def render(report: dict[str, Any]) -> str:
    """The page as Markdown."""
    missing = f"Not measured yet: {', '.join(report['missing'])} (run it without --partial)." if report["missing"] else ""
    lines = [
        "# Trust: what was tried, and what came of it", "",
        f"Written by `python -m benchmarks.trust` on {report['written']}, two cores of an AMD EPYC, no GPU, while other work ran. The threat model is in",
        "[SECURITY.md](../SECURITY.md).", "", *([missing, ""] if missing else []), "| what | result |", "|---|---|",
        *(f"| {what} | {result} |" for what, result in _summary(report)), "",
    ]  # fmt: skip
    if failed := (report["tests"] or {}).get("failed_names"):
        lines += [*(f"- failed: {name}" for name in failed), ""]
    lines += _faults(report["faults"]) if report["faults"] else []
    lines += _soak(report["soak"]) if report["soak"] else []
    lines += _canaries(report["privacy"]) if report["privacy"] else []
    lines += [*PROMISES.splitlines(), ""]
    lines += ["## Licences", "", "| package | version | licence |", "|---|---|---|"]
    lines += [f"| {name} | {row['version']} | {row['licence']} |" for name, row in report["licences"]["packages"].items()]
    return "\n".join([*lines, ""])


def _summary(report: dict[str, Any]) -> list[tuple[str, str]]:
    rows = []
    if tests := report["tests"]:
        counted = {name: tests["counted"].get(name, "not run") for name in COUNTED}
        rows += [
            (
                "tests of trust, with the slow ones (`tests/test_trust_*.py`)",
                f"{tests['passed']} passed, {tests['failed']} failed, {tests['skipped']} skipped",
            ),
            ("endpoints of the server tried by one who is nobody: none may give away anything of anybody", counted["endpoints"]),
            ("handlers tried as another visitor, in another's session and as nobody: none may give anything away", counted["handlers"]),
            (
                "hostile payloads in messages, names, file names and fields, in a browser: none may run or be taken for markup",
                counted["payloads"],
            ),
            (
                "files of an encrypted data folder searched for planted words, vectors and the passphrase",
                f"{counted['files_searched']} searched, {counted['plain_found']} held one",
            ),
        ]
    if faults := report["faults"]:
        rows.append(
            (
                "faults survived",
                f"{faults['survived']} of {faults['faults']} (seed {faults['seed']}), {faults['lost']} lost or half-written rows",
            )
        )
    if soak := report["soak"]:
        did = ", ".join(f"{number} x {name}" for name, number in sorted(soak["rounds"].items()))
        rows.append((f"soak of {soak['minutes']:g} minutes ({did})", f"{soak['failures']} findings"))
    if privacy := report["privacy"]:
        rows += [
            ("canaries extracted where they must not be known", str(privacy["extracted_where_forbidden"])),
            ("sides that rank canaries as known where they must not", str(len(privacy["known_where_forbidden"]))),
        ]
    return [*rows, ("secrets in tracked files", str(len(report["licences"]["secrets"])))]


def _soak(soak: dict[str, Any]) -> list[str]:
    units = {"rss_mb": "resident memory (MB)", "files": "open files and sockets", "threads": "threads", "children": "child processes"}
    rows = [f"| {units[name]} | {soak['start'][name]:g} | {soak['middle'][name]:g} | {soak['end'][name]:g} |" for name in soak["start"]]
    return [
        "## Soak", "", f"`python -m benchmarks.soak --minutes {soak['asked_minutes']:g} --json`, on {soak['measured']}: the page served with `--api`, chat, injections as its button starts them and imports",
        f"that are read and deleted again, at once on one store. Counted at rest after a warm-up of {soak['warm_up_seconds']:.0f} s, in the middle and at the end:", "",
        "| what the page's process holds | start | middle | end |", "|---|---|---|---|", *rows, "", *(f"- {said}" for said in [*soak["grown"], *soak["errors"], *soak["store"]]), "",
    ]  # fmt: skip


def _faults(faults: dict[str, Any]) -> list[str]:
    rows = []
    for kind, count in faults["kinds"].items():
        ends = "; ".join(f"{times} x {said}" for said, times in list(faults["ended"][kind].items())[:3])
        rows.append(f"| {kind} | {count} | {ends.replace('|', '/').replace(chr(10), ' ')} |")
    return [
        "## Faults", "", f"`python -m benchmarks.faults --faults {faults['faults']} --seed {faults['seed']} --json` ({faults['seconds']:.0f} s, on {faults['measured']}): the real store works in a",
        "child process, and after each fault everything that was acknowledged is looked for. *killed*: by the bench, as the fault, or after it where the work",
        "went on; *harmless*: a byte that holds nothing; *finished*: the work was done all the same. Numbers in sentences are written N, long ones are cut.", "",
        "| fault | times | most frequent ends |", "|---|---|---|", *rows, "", *(f"- {failure}" for failure in faults["failures"]), "",
    ]  # fmt: skip


def _canaries(privacy: dict[str, Any]) -> list[str]:
    sides = [(side, row) for side, row in privacy.items() if isinstance(row, dict) and "mean_rank" in row]
    told = privacy["membership"]
    return [
        "## Canaries", "", f"`python -m benchmarks.privacy --json` on `{privacy['base']}` (seed {privacy['seed']}, at most {privacy['epochs']} epochs, {privacy['seconds']:.0f} s, on {privacy['measured']}). Two profiles are each taught",
        "codes of five digits that nobody could guess, until their adapters say them; each code is then asked for with a wording that was not trained on. *Said* is what",
        f"greedy decoding says to the letter. The rank is among {CANDIDATES} codes of the same form: {privacy['chance_rank']:g} by chance, 1 for one that is known. *By chance* is how often",
        "models that know nothing rank so many codes as low or lower. Three rows must know their codes (an adapter its own, and those that were kept), the others must not.", "",
        "| who is asked | said | mean rank | mean exposure (bits) | so low by chance |", "|---|---|---|---|---|",
        *(
            f"| {SIDES[side]} | {row['extracted']} of {row['canaries']} | {row['mean_rank']} | {row['mean_bits']} | {_share(row['by_chance'])} |"
            for side, row in sides
        ), "",
        f"Membership: by its loss a fact that was trained on is told from one that was not in {told['auc']:.0%} of pairs (95 % interval {told['interval'][0]:.0%} to",
        f"{told['interval'][1]:.0%}). Chance is 50 %: an adapter shows what it was trained on, and sharing it shares that. It is as private as the messages.", "",
        *(f"- Not learnt: {side.replace('_', ' ')}." for side in privacy["not_learnt"]),
        *(f"- Known where it must not be: {side.replace('_', ' ')}." for side in privacy["known_where_forbidden"]),
    ]  # fmt: skip


def _share(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else "under 1 %"


SIDES = {
    "base_side": "the bare base",
    "own_adapter": "the adapter of the profile that said them (must know)",
    "base_side_under_adapter": "the base with that adapter switched off",
    "other_profiles_adapter": "another profile's adapter",
    "other_profiles_own_canaries": "that other adapter, for its own codes (must know)",
    "forgotten_after_reinjection": "the first profile's adapter made anew, for the half that was forgotten",
    "kept_after_reinjection": "the same, for the half that was kept (must know)",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Writes docs/trust.md; returns 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trust", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--reuse", type=Path, metavar="DIR", help="results of earlier runs; what is missing is run and written there")
    parser.add_argument("--partial", action="store_true", help="run nothing: write what DIR holds")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as fresh:
        folder = args.reuse or Path(fresh)
        folder.mkdir(parents=True, exist_ok=True)
        report = collect(folder, args.partial)
    TARGET.write_text(render(report), encoding="utf-8")
    print(json.dumps(report, ensure_ascii=False, indent=1) if args.json else f"{TARGET} written; {report['failures']} failures.")
    return 1 if report["failures"] or report["missing"] else 0


if __name__ == "__main__":
    sys.exit(main())
