"""LoCoMo (long conversations between two people, with questions), from the published JSON file that you download yourself.

    python -m benchmarks.locomo locomo10.json --conversations 1

In: the file; each conversation gives two persons, of whom every question about one of them is asked of that one's adapter. Out: F1 of words by
category, a side each, in results/locomo and docs/results.md. Category 5 (adversarial) counts a declined question as right. The file's words
are not kept.
"""

import argparse
import json
import re
import string
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.quality import RESULTS, machine, write_row
from memory.importing import import_files
from memory.store import load_profile, open_store
from tuning.adapters import detach
from tuning.bases import LoadedBase, load_base, resolve_base
from tuning.inject import inject
from tuning.prompts import is_abstention
from tuning.sides import SIDES, open_speaker

CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}
DATE_FORMS = ("%I:%M %p on %d %B, %Y", "%I:%M %p on %d %B %Y")


class BadLocomo(Exception):
    """The file is not LoCoMo's; the text says where."""


def load_conversations(path: Path) -> list[dict[str, Any]]:
    """The conversations of the file; raises BadLocomo."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadLocomo(f'"{path}" cannot be read as JSON: {error}. Download locomo10.json and give its path.') from error
    rows = data if isinstance(data, list) else [data]
    for number, row in enumerate(rows):
        if not isinstance(row, dict) or not isinstance(row.get("conversation"), dict) or not isinstance(row.get("qa"), list):
            raise BadLocomo(f'Item {number} of "{path}" has no "conversation" object and "qa" list: this is not LoCoMo\'s published file.')
    return rows


def sessions(conversation: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Each session's time (ISO 8601) and turns, in order."""
    numbers = sorted(int(match[1]) for key in conversation if (match := re.fullmatch(r"session_(\d+)", key)))
    for number in numbers:
        yield session_time(str(conversation.get(f"session_{number}_date_time", "")), number), conversation[f"session_{number}"] or []


def session_time(text: str, number: int) -> str:
    """LoCoMo's "1:56 pm on 8 May, 2023" as ISO 8601; a session without a readable time gets one in order."""
    for form in DATE_FORMS:
        try:
            return datetime.strptime(text.strip().upper().replace(" ON ", " on "), form).isoformat()
        except ValueError:
            continue
    return datetime(2023, 1, min(28, number)).isoformat()


def write_chat(conversation: dict[str, Any], path: Path) -> list[str]:
    """The conversation as JSON lines that `memory import` reads; returns the two speakers. Pictures become their captions."""
    speakers: dict[str, None] = {}
    lines = []
    for when, turns in sessions(conversation):
        for turn in turns:
            text = " ".join(
                part for part in (turn.get("text", ""), turn.get("blip_caption") and f"(a picture: {turn['blip_caption']})") if part
            )
            speakers[turn["speaker"]] = None
            lines.append(json.dumps({"conversation": "locomo", "sender": turn["speaker"], "timestamp": when, "text": text}))
    path.write_text("\n".join(lines) + "\n")
    return list(speakers)[:2]


def questions_for(speaker: str, other: str, qa: Sequence[dict[str, Any]]) -> list[tuple[str, str, int]]:
    """The questions about one speaker, put in the first person, with their answer and category."""
    found = []
    for row in qa:
        asked = str(row.get("question", ""))
        if speaker.lower() in asked.lower() and other.lower() not in asked.lower():
            answer = str(row.get("answer", row.get("adversarial_answer", "")))
            found.append((first_person(asked, speaker), answer, int(row.get("category", 0))))
    return found


def first_person(question: str, name: str) -> str:
    """A question about somebody as they would ask it themselves: "What did Ana's dog eat?" -> "What did my dog eat?"."""
    text = re.sub(rf"\b{re.escape(name)}['’]s\b", "my", question, flags=re.IGNORECASE)
    text = re.sub(rf"\bis {re.escape(name)}\b", "am I", text, flags=re.IGNORECASE)
    text = re.sub(rf"\bdoes {re.escape(name)}\b", "do I", text, flags=re.IGNORECASE)
    text = re.sub(rf"\bhas {re.escape(name)}\b", "have I", text, flags=re.IGNORECASE)
    return re.sub(rf"\b{re.escape(name)}\b", "I", text, flags=re.IGNORECASE)


def word_f1(reply: str, answer: str) -> float:
    """F1 of words without articles and punctuation, as question answering is usually scored."""
    ours, theirs = _words(reply), _words(answer)
    common = sum((Counter(ours) & Counter(theirs)).values())
    return 2 * common / (len(ours) + len(theirs)) if common else 0.0


def _words(text: str) -> list[str]:
    plain = text.lower().translate(str.maketrans("", "", string.punctuation))
    return [word for word in plain.split() if word not in ("a", "an", "the", "and")]


def measure(
    loaded: LoadedBase, conversation: dict[str, Any], me: str, other: str, path: Path, options: argparse.Namespace
) -> dict[str, Any]:
    """Inject one speaker and ask every side the questions about them."""
    asked = questions_for(me, other, conversation["qa"])[: options.questions]
    with tempfile.TemporaryDirectory() as folder:
        db = open_store(Path(folder))
        import_files(db, "person", [path], me)
        profile = load_profile(db, "person")
        result = inject(db, profile, options.budget, options.trials, options.minutes, loaded=loaded)
        speaker = open_speaker(db, profile, loaded=loaded)
        scores: dict[str, dict[str, float]] = {}
        for side in SIDES:
            replies = [answer.text for answer in speaker.answer(side, [question for question, _, _ in asked])]
            found: dict[str, list[float]] = {}
            for reply, (_, answer, category) in zip(replies, asked):
                right = float(is_abstention(reply)) if category == 5 else word_f1(reply, answer)
                found.setdefault(CATEGORIES.get(category, str(category)), []).append(right)
            scores[side] = {name: round(sum(values) / len(values), 4) for name, values in sorted(found.items())}
        if speaker.model is not None:
            detach(speaker.model)
    return {"f1": scores, "questions": len(asked), "facts": result["facts"], "seconds": result["seconds"], "machine": machine()}


def main() -> None:
    """Measure the conversations of the file, then remake the tables."""
    from benchmarks.tables import write_results

    parser = argparse.ArgumentParser(prog="python -m benchmarks.locomo", description="F1 by category on LoCoMo's published file.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--base", default="pocket")
    parser.add_argument("--conversations", type=int, default=10)
    parser.add_argument("--questions", type=int, default=500, help="a person at most")
    parser.add_argument("--budget", choices=("quick", "normal", "thorough"), default="normal")
    parser.add_argument("--trials", type=int)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--results", type=Path, default=RESULTS.parent, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1] / "docs" / "results.md", help=argparse.SUPPRESS)
    options = parser.parse_args()
    try:
        conversations = load_conversations(options.file)
    except BadLocomo as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    loaded = load_base(resolve_base(options.base))
    (options.results / "locomo").mkdir(parents=True, exist_ok=True)
    for number, row in enumerate(conversations[: options.conversations]):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "chat.jsonl"
            speakers = write_chat(row["conversation"], path)
            for me, other in ((speakers[0], speakers[1]), (speakers[1], speakers[0])):
                out = options.results / "locomo" / f"{number}-{speakers.index(me)}.json"
                if not out.exists():
                    found = measure(loaded, row, me, other, path, options)
                    write_row(out, found | {"base": loaded.base.id, "revision": loaded.base.revision})
                    print(f"conversation {number}, speaker {speakers.index(me)}: {found['f1']}", file=sys.stderr)
    print(write_results(options.results, options.out))


if __name__ == "__main__":
    main()
