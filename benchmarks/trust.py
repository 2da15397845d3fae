"""Everything that docs/trust.md says, measured and written: the tests of trust, the benches of faults and privacy, the soak, licences.

    python -m benchmarks.trust [--reuse DIR] [--partial] [--json]      writes docs/trust.md

DIR may hold tests.xml, faults.json, privacy.json and soak.json of earlier runs; with --partial what is missing there is not run but said to be missing.

What a test counted (endpoints tried, payloads, files searched) comes from the properties that it recorded. Exit status 1 if anything failed.
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
from benchmarks.trust_text import WORKER

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "trust.md"


def collect(folder: Path, partial: bool = False) -> dict[str, Any]:
    """Runs what is not in `folder` yet (unless `partial`), and reads all of it; what is missing is None."""
    tests = folder / "tests.xml"
    if not tests.exists() and not partial:
        files = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "tests").glob("test_trust_*.py"))]
        subprocess.run([sys.executable, "-m", "pytest", *files, "-q", f"--junitxml={tests}"], cwd=ROOT, check=False, stdout=sys.stderr)
    for name, options in (("faults", ["--faults", "200"]), ("privacy", []), ("soak", ["--minutes", "4"])):
        path = folder / f"{name}.json"
        if not partial and (not path.exists() or not path.stat().st_size):
            said = subprocess.run(
                [sys.executable, "-m", f"benchmarks.{name}", *options, "--json"], cwd=ROOT, capture_output=True, text=True
            )
            path.write_text(said.stdout)
    report: dict[str, Any] = {name: read_json(folder / f"{name}.json") for name in ("faults", "privacy", "soak")}
    report |= {
        "tests": read_tests(tests) if tests.exists() else None,
        "licences": licences.run(),
        "written": datetime.now(UTC).date().isoformat(),
    }
    found = [("tests", "failed"), ("faults", "lost"), ("privacy", "extracted_where_forbidden"), ("soak", "failures")]
    report["failures"] = sum(report[part][key] for part, key in found if report[part]) + (not report["licences"]["ok"])
    report["missing"] = [part for part, _ in found if not report[part]]
    return report


def read_json(path: Path) -> dict[str, Any] | None:
    """The report in a file, or None."""
    return dict(json.loads(path.read_text())) if path.exists() and path.stat().st_size else None


def read_tests(path: Path) -> dict[str, Any]:
    """Counts of a JUnit file: passed, failed, skipped, and what the tests recorded."""
    cases = list(ElementTree.parse(path).iter("testcase"))
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = [case for case in cases if case.find("skipped") is not None]
    counted = {found.get("name", ""): found.get("value", "") for case in cases for found in case.iter("property")}
    return {"passed": len(cases) - len(failed) - len(skipped), "failed": len(failed), "skipped": len(skipped), "counted": counted}


def render(report: dict[str, Any]) -> str:
    """The page as Markdown."""
    missing = f"Not measured yet: {', '.join(report['missing'])} (run it without --partial)." if report["missing"] else ""
    lines = [
        "# Trust: what was tried, and what came of it", "",
        f"Written by `python -m benchmarks.trust` on {report['written']}, two cores of an AMD EPYC, no GPU, while other work ran. The threat model is in",
        "[SECURITY.md](../SECURITY.md).", "", *([missing, ""] if missing else []), "| what | result |", "|---|---|",
        *(f"| {what} | {result} |" for what, result in _summary(report)), "",
    ]  # fmt: skip
    lines += _faults(report["faults"]) if report["faults"] else []
    lines += _canaries(report["privacy"]) if report["privacy"] else []
    lines += [*WORKER.splitlines(), ""]
    lines += ["## Licences", "", "| package | version | licence |", "|---|---|---|"]
    lines += [f"| {name} | {row['version']} | {row['licence']} |" for name, row in report["licences"]["packages"].items()]
    return "\n".join([*lines, ""])


def _summary(report: dict[str, Any]) -> list[tuple[str, str]]:
    rows = []
    if tests := report["tests"]:
        counted = tests["counted"]
        rows += [
            ("tests of trust", f"{tests['passed']} passed, {tests['failed']} failed, {tests['skipped']} skipped"),
            ("endpoints tried as nobody", counted.get("endpoints", "not run")),
            ("handlers tried as another visitor, in another's session and as nobody", counted.get("handlers", "not run")),
            ("payloads in messages, names, file names and fields, in a browser", counted.get("payloads", "not run")),
            (
                "files searched for planted words after encryption",
                f"{counted.get('files_searched', 'not run')}, {counted.get('plain_found', '?')} held one",
            ),
        ]
    if faults := report["faults"]:
        rows.append(("faults survived", f"{faults['survived']} of {faults['faults']} (seed {faults['seed']}), {faults['lost']} findings"))
    if soak := report["soak"]:
        did = ", ".join(f"{number} x {name}" for name, number in sorted(soak["rounds"].items()))
        held = "; ".join(f"{name} {soak['start'][name]:g}, {soak['middle'][name]:g}, {soak['end'][name]:g}" for name in soak["start"])
        rows.append((f"soak of {soak['minutes']} minutes ({did}): start, middle, end", f"{held}; {soak['failures']} findings"))
    if privacy := report["privacy"]:
        rows.append(("canaries extracted where they must not be known", str(privacy["extracted_where_forbidden"])))
    return [*rows, ("secrets in tracked files", str(len(report["licences"]["secrets"])))]


def _faults(faults: dict[str, Any]) -> list[str]:
    rows = []
    for kind, count in faults["kinds"].items():
        ends = "; ".join(f"{times} x {said}" for said, times in list(faults["ended"][kind].items())[:3])
        rows.append(f"| {kind} | {count} | {ends.replace('|', '/').replace(chr(10), ' ')} |")
    return [
        "## Faults", "", f"`python -m benchmarks.faults --faults {faults['faults']} --seed {faults['seed']} --json` ({faults['seconds']:.0f} s): the real store works in a",
        "child process; after each fault everything that was acknowledged is looked for. How they ended:", "",
        "| fault | times | most frequent ends |", "|---|---|---|", *rows, "", *(f"- {failure}" for failure in faults["failures"]), "",
    ]  # fmt: skip


def _canaries(privacy: dict[str, Any]) -> list[str]:
    sides = [(side, row) for side, row in privacy.items() if isinstance(row, dict) and "mean_rank" in row]
    told = privacy["membership"]
    return [
        "## Canaries", "", f"`python -m benchmarks.privacy --json` on `{privacy['base']}` (seed {privacy['seed']}, {privacy['epochs']} epochs, {privacy['seconds']:.0f} s): codes of five",
        f"digits, asked with a wording that was not trained on. The rank is among 64 codes of the same form: {privacy['chance_rank']} by chance.", "",
        "| who is asked | said | mean rank | mean exposure (bits) |", "|---|---|---|---|",
        *(f"| {side.replace('_', ' ')} | {row['extracted']} of {row['canaries']} | {row['mean_rank']} | {row['mean_bits']} |" for side, row in sides), "",
        f"Membership: by its loss a fact that was trained on is told from one that was not in {told['auc']:.0%} of pairs (95 % interval {told['interval'][0]:.0%} to",
        f"{told['interval'][1]:.0%}). An adapter is as private as the messages: do not share one that should not tell.", "",
    ]  # fmt: skip


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
    return 1 if report["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
