"""From messages to examples: the part of an injection before any training.

In: a profile and a loaded base. Out: `Material`: its facts, the examples made of them, and what study kept and dropped.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

from sqlite_utils import Database

from memory.store import Fact, Profile, list_facts
from tuning.bases import LoadedBase
from tuning.errors import NothingToLearn
from tuning.examples import Example, build_examples
from tuning.lookup import look_up
from tuning.model_views import write_summaries, write_views, writes_views
from tuning.phrasebook import questions_like
from tuning.recipe import Recipe
from tuning.study import StudyReport, ask_about, study_messages
from tuning.views import View, build_views, check_views, told_together

Reuse = Callable[[Sequence[Fact]], tuple[list[Example], list[int]] | None]
Tell = Callable[[str, float, str], None]  # stage, share of the material done, a sentence


@dataclass
class Material:
    """What an injection trains on. `taught` are the facts that its examples teach or quote, corrected ones included."""

    facts: list[Fact]
    examples: list[Example]
    study: StudyReport
    taught: list[int]


def gather_material(
    db: Database, profile: Profile, loaded: LoadedBase, recipe: Recipe, seed: int, rounds: int, tell: Tell, leave_out: Sequence[int] = (),
    reuse: Reuse | None = None,
) -> Material:  # fmt: skip
    """Study what is new, then make examples of every fact but those in `leave_out` (facts that an adapter knows already).

    `reuse` gives the examples that an earlier run made of the very same facts, if there are any.
    """
    report = StudyReport()
    tell("study", 0.0, "reading the messages")
    study_messages(db, profile.id, loaded, report, lambda share: tell("study", 0.45 * share, f"{100 * share:.0f} % of the messages read"))
    everything = list_facts(db, profile.id)
    if not everything:
        raise NothingToLearn(
            f'The profile "{profile.name}" holds no facts: import a chat in which the person says something about themselves, '
            "check which sender is meant, or fill in the profile form."
        )
    known = set(leave_out)
    facts = [fact for fact in everything if fact.id not in known]
    if not facts:
        return Material([], [], report, [])
    earlier = reuse(facts) if reuse else None
    if earlier is not None:
        tell("examples", 0.9, "those of the run that was interrupted")
        return Material(facts, earlier[0], report, earlier[1])
    tell("questions", 0.45, f"{len(facts)} facts")
    asked = ask_in_all_ways(loaded, facts, report, seed, rounds, lambda share: tell("questions", 0.45 + 0.4 * share, ""))
    questions = asked.of(recipe)
    report.questions += sum(map(len, questions.values()))
    views = study_views(loaded, facts, questions, corrected_pairs(db, profile.id, facts), report, seed) if recipe.views else []
    tell("examples", 0.9, f"{sum(map(len, questions.values()))} questions and {len(views)} views")
    examples = build_examples(loaded, facts, questions, seed, views, recipe, partial(find_lines, db, profile.id), everything)
    quoted = {number for example in examples for number in (example.fact_id, *example.fact_ids) if number is not None}
    return Material(facts, examples, report, sorted(quoted | {fact.id for fact in facts}))


def find_lines(db: Database, profile_id: int, questions: Sequence[str], count: int) -> list[list[str]]:
    """For each question the lines that retrieval brings from facts and messages, as they stand in a prompt."""
    return [look_up(db, profile_id, question, count)[1] for question in questions]


@dataclass(frozen=True)
class Asked:
    """Questions about facts (by id) from each source: what the base writes, and what people ask about such facts."""

    base: dict[int, list[str]]
    phrasebook: dict[int, list[str]]

    def of(self, recipe: Recipe) -> dict[int, list[str]]:
        """Those that a recipe wants, each once: people's first, for they are the most varied."""
        like = self.phrasebook if recipe.phrasebook else {}
        return {fact: list(dict.fromkeys([*like.get(fact, ()), *own])) for fact, own in self.base.items()}


def ask_in_all_ways(
    loaded: LoadedBase, facts: Sequence[Fact], report: StudyReport, seed: int, rounds: int, progress: Callable[[float], None] | None = None
) -> Asked:
    """Questions that each fact answers, from every source; what was dropped is counted in the report."""
    return Asked(ask_about(loaded, facts, report, seed, progress, rounds), questions_like(facts, report.dropped))


def corrected_pairs(db: Database, profile_id: int, facts: Sequence[Fact]) -> list[tuple[Fact, Fact]]:
    """Facts that were corrected, each with the one among `facts` that holds now."""
    current = {fact.id: fact for fact in facts}
    return [
        (old, current[old.superseded_by])
        for old in list_facts(db, profile_id, active_only=False)
        if old.status == "superseded" and old.superseded_by in current
    ]


def study_views(
    loaded: LoadedBase,
    facts: Sequence[Fact],
    questions: dict[int, list[str]],
    corrected: Sequence[tuple[Fact, Fact]],
    report: StudyReport,
    seed: int,
) -> list[View]:
    """The views of the rules, and before them those of the base where it can write its own; counted in the report by kind."""
    views = build_views(facts, questions, corrected, report.dropped, Random(seed))
    if writes_views(loaded):
        written = write_views(loaded, facts, report.dropped, seed)
        written += write_summaries(loaded, told_together(facts), report.dropped)
        report.views_by = "base and rules"
        views = check_views([*written, *views], {fact.id: fact.text for fact in [*facts, *(old for old, _ in corrected)]}, report.dropped)
    report.views.update(view.kind for view in views)
    return views
