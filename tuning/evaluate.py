"""Evaluation of the sides on questions with known answers. In: questions. Out: scores a side with intervals, stored as a report.

Recall is a share over questions whose answer was said; abstention and false claims over questions whose answer never was.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from memory.store import Profile, list_adapters, list_examples, save_report
from tuning.advice import COMPARED, advise
from tuning.errors import BadQuestions
from tuning.prompts import NEVER_TOLD, is_abstention
from tuning.scores import holds_answer, persona_f1, rouge, wilson_interval
from tuning.sides import SIDES, WITH_ADAPTER, Answer, Speaker


@dataclass(frozen=True)
class Question:
    """A question to evaluate; kind `unknown` means that the right answer is that it was never said."""

    question: str
    answer: str
    kind: str = "direct"

    @property
    def unknown(self) -> bool:
        """Whether nothing was ever said about it."""
        return self.kind == "unknown"


def load_questions(path: Path) -> list[Question]:
    """Questions from JSON lines; raises BadQuestions naming the line that is wrong."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadQuestions(f'The question file "{path}" cannot be read as UTF-8 text: {error}.') from error
    questions = [_parse_line(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not questions:
        raise BadQuestions(f'The question file "{path}" holds no question: write one JSON object a line with question, answer and kind.')
    return questions


def _parse_line(path: Path, number: int, line: str) -> Question:
    where = f'Line {number} of "{path}"'
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise BadQuestions(f"{where} is no JSON object ({error.msg}).") from error
    if not isinstance(row, dict) or not isinstance(row.get("question"), str) or not row["question"].strip():
        raise BadQuestions(f'{where} lacks the text field "question".')
    kind = str(row.get("kind") or "direct")
    answer = row.get("answer") or ""
    answer = " | ".join(map(str, answer)) if isinstance(answer, list) else str(answer)
    if kind != "unknown" and not answer.strip():
        raise BadQuestions(f'{where} lacks an answer: give one, or set kind to "unknown".')
    return Question(row["question"].strip(), answer.strip(), kind)


def own_questions(db: Database, profile: Profile) -> list[Question]:
    """The test split of the injection that made the current adapter: phrasings that it was never trained on."""
    current = next((adapter for adapter in list_adapters(db, profile.id) if adapter.current), None)
    rows = list_examples(db, current.run_id) if current and current.run_id else []
    return [
        Question(
            row["question"],
            row["answer"] if row["kind"] == "recall" else "",
            row.get("view") or "direct" if row["kind"] == "recall" else "unknown",
        )
        for row in rows
        if row["split"] == "test"
    ]


def evaluate(
    speaker: Speaker, questions: Sequence[Question], sides: Sequence[str] | None = None, progress: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """Ask every side every question and score the answers; without `sides`, all that the profile can use."""
    if not questions:
        raise BadQuestions("There is no question to evaluate with: give a file, or inject first so that held-out questions exist.")
    chosen = sides or [side for side in SIDES if speaker.model is not None or side not in WITH_ADAPTER]
    results, answers = {}, {}
    for side in chosen:
        if progress:
            progress(f"{side}: {len(questions)} questions")
        answers[side] = speaker.answer(side, [question.question for question in questions])
        results[side] = score_side(questions, answers[side])
    report = {"sides": results, "questions": len(questions), "adapter": speaker.adapter_id, "base": speaker.loaded.base.id}
    report["advice"] = advise(right_answers(questions, answers)) if set(COMPARED) <= set(chosen) else None
    report["answers"] = [
        {**asdict(question), **{side: answers[side][index].text for side in chosen}} for index, question in enumerate(questions)
    ]
    save_report(speaker.db, speaker.profile.id, "evaluation", report)
    return report


def right_answers(questions: Sequence[Question], answers: Mapping[str, Sequence[Answer]]) -> dict[str, list[bool]]:
    """For each side that is compared whether each answer is right; a never-said question is answered right by saying so."""
    return {
        side: [
            is_abstention(answer.text) if question.unknown else holds_answer(answer.text, question.answer, question.question)
            for question, answer in zip(questions, answers[side])
        ]
        for side in COMPARED
    }


def score_side(questions: Sequence[Question], answers: Sequence[Answer]) -> dict[str, Any]:
    """The scores of one side's answers."""
    pairs = list(zip(questions, (answer.text for answer in answers)))
    known = [(question, text) for question, text in pairs if not question.unknown]
    unknown = [(question, text) for question, text in pairs if question.unknown]
    hits = [holds_answer(text, question.answer, question.question) for question, text in known]
    declined = sum(is_abstention(text) for _, text in unknown)
    scores: dict[str, Any] = {
        "recall": _share(sum(hits), len(known)),
        "recall_ci": wilson_interval(sum(hits), len(known)),
        "abstention": _share(declined, len(unknown)),
        "false_claims": _share(len(unknown) - declined, len(unknown)),
        "false_abstention": _share(sum(is_abstention(text) for _, text in known), len(known)),
    }
    references = [question.answer.split(" | ")[0] if not question.unknown else NEVER_TOLD for question, _ in pairs]
    rouges = [rouge(text, reference) for (_, text), reference in zip(pairs, references)]
    for name in ("rouge1", "rouge2", "rougeL"):
        scores[name] = _mean([each[name] for each in rouges])
    values = [question.answer for question, _ in known]
    scores |= {name: round(value, 4) for name, value in persona_f1([text for _, text in pairs], references, values).items()}
    scores["ms_per_answer"] = _mean([answer.milliseconds for answer in answers])
    scores["prompt_tokens"] = _mean([answer.prompt_tokens for answer in answers])
    kinds = sorted({question.kind for question, _ in known})
    scores["by_kind"] = {
        kind: _share(
            sum(hit for hit, (question, _) in zip(hits, known) if question.kind == kind),
            sum(question.kind == kind for question, _ in known),
        )
        for kind in kinds
    }
    scores["known"], scores["unknown"] = len(known), len(unknown)
    return scores


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 4) if values else 0.0


def render_table(sides: dict[str, dict[str, Any]]) -> str:
    """The scores as a table for a terminal."""
    columns = (
        ("recall", "recall"), ("recall_ci", "95 % interval"), ("abstention", "abstains"), ("false_claims", "invents"), ("rougeL", "ROUGE-L"),
        ("persona_f1", "persona-F1"), ("ms_per_answer", "ms/answer"), ("prompt_tokens", "tokens"),
    )  # fmt: skip
    rows = [["side", *(title for _, title in columns)]]
    rows += [[side, *(_cell(name, scores[name]) for name, _ in columns)] for side, scores in sides.items()]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) if place == 0 else cell.rjust(width) for place, (cell, width) in enumerate(zip(row, widths)))
        for row in rows
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name == "recall_ci":
        return f"{100 * value[0]:.0f}-{100 * value[1]:.0f} %"
    if name in ("ms_per_answer", "prompt_tokens"):
        return f"{value:.0f}"
    return f"{value:.2f}" if name in ("rougeL", "persona_f1") else f"{100 * value:.0f} %"
