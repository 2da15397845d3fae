"""Examples: what the adapter is trained on, and what it is judged by.

In: facts with their questions and views, never-said questions, neutral prompts. Out: `Example`s in splits. A fact's questions are divided
by phrasing: what is asked in validation and test is never a phrasing that was trained on; views and never-said questions likewise.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from random import Random
from typing import Any

from memory.store import Fact
from tuning.bases import LoadedBase
from tuning.negatives import NEAR, near_questions, nearest_facts, neutral_replies, never_said
from tuning.prompts import NEVER_TOLD
from tuning.recipe import Recipe
from tuning.scores import STOP_WORDS, normal_words
from tuning.views import View

MISSING = 0.3  # of the words of a thinned question
FEWEST_QUESTIONS = 4  # that a fact is trained on, however many facts there are
LINES = (1, 2, NEAR)  # retrieved lines in the prompt of an example
PLAIN = ("direct", "rewrite", "word")  # views that only put the question in other words
HELD_OUT_VIEWS = 0.125  # of the views, in each of validation and test

FindLines = Callable[[Sequence[str], int], list[list[str]]]  # questions, lines for each -> the lines that retrieval brings for each


@dataclass(frozen=True)
class Example:
    """A question with its answer. `kind` is recall, unknown or neutral; `split` train, validation or test; `notes` stand in the prompt.

    `view` says how a fact is asked for (direct, or a kind of `views.KINDS`); `fact_ids` are the other facts that it quotes or rests on.
    """

    question: str
    answer: str
    kind: str
    split: str
    fact_id: int | None = None
    notes: tuple[str, ...] = ()
    view: str = "direct"
    fact_ids: tuple[int, ...] = ()

    def row(self) -> dict[str, Any]:
        """As the store keeps it."""
        return asdict(self)


def load_example(row: dict[str, Any]) -> Example:
    """The example that a stored row holds; fields of later versions have their default."""
    return Example(
        row["question"], row["answer"], row["kind"], row["split"], row.get("fact_id"), tuple(row.get("notes") or ()),
        row.get("view") or "direct", tuple(row.get("fact_ids") or ()),
    )  # fmt: skip


def build_examples(
    loaded: LoadedBase,
    facts: Sequence[Fact],
    questions: dict[int, list[str]],
    seed: int,
    views: Sequence[View] = (),
    recipe: Recipe | None = None,
    find: FindLines | None = None,
    told: Sequence[Fact] = (),
) -> list[Example]:
    """All examples of a profile: recall of every fact in its views, never-said negatives near to what was said, neutral replay.

    `told` are all that the person told, where `facts` are only the new ones among them: nothing of it was never said.
    """
    told = told or facts
    recipe, rng = recipe or Recipe(), Random(seed)
    used = [view for view in views if view.kind in recipe.views]
    recall = recall_examples(facts, questions, used, recipe, rng)
    trained = [example for example in recall if example.split == "train"]
    asked = [example.question for example in trained if example.view in ("direct", "rewrite")]
    wanted = round(recipe.negatives * len(trained) * 1.5)  # a third of them is held out
    negatives = split_plain(never_said(loaded, told, rng, wanted, asked), rng)
    neutral = [
        Example(prompt, answer, "neutral", "train") for prompt, answer in neutral_replies(loaded, rng, replayed(recipe, len(trained)))
    ]
    thinned = thin_examples([*recall, *negatives], recipe.thinned, rng)
    examples = without_trained_phrasings([*recall, *negatives, *thinned, *neutral])
    return with_notes(examples, told, recipe.notes_share, rng, find)


def replayed(recipe: Recipe, trained: int) -> int:
    """How many neutral prompts are replayed beside so many recall examples; few facts still get a dozen, unless replay is off."""
    return max(12, round(recipe.replay * trained)) if recipe.replay else 0


def recall_examples(
    facts: Sequence[Fact], questions: dict[int, list[str]], views: Sequence[View], recipe: Recipe, rng: Random
) -> list[Example]:
    """Recall examples of every fact, in splits: its questions with the rules' rewrites, and its other views."""
    rewrites: dict[int, list[str]] = {}
    others: dict[int, list[View]] = {}
    for view in views:
        if view.kind == "rewrite":
            rewrites.setdefault(view.fact_ids[0], []).append(view.question)
        else:
            others.setdefault(view.fact_ids[0], []).append(view)
    found: list[Example] = []
    most = min(recipe.questions_a_fact, max(FEWEST_QUESTIONS, recipe.questions_in_all // max(1, len(facts))))
    words = min(recipe.words_a_fact, max(1, recipe.words_in_all // max(1, len(facts))))
    for fact in facts:
        asks = list(dict.fromkeys([*questions.get(fact.id, ()), *rewrites.get(fact.id, ())]))
        found += _at_most(split_questions(fact, asks, rng), most)
        of_fact = others.get(fact.id, ())
        found += _at_most(split_views(fact, [view for view in of_fact if view.kind != "word"], rng), recipe.views_a_fact)
        found += _at_most(split_views(fact, [view for view in of_fact if view.kind == "word"][: 2 * words], rng), words)
    return found


def thin_examples(examples: Sequence[Example], share: float, rng: Random) -> list[Example]:
    """A share of the trained plain and never-said questions once more, with three words in ten missing: an adapter then goes by all words of a question and
    not by one turn of it, and so meets other wordings half-way."""
    plain = [example for example in examples if example.split == "train" and example.view in PLAIN]
    found: dict[str, list[Example]] = {}
    for example in plain:
        words = example.question.split()
        kept = [word for word in words if rng.random() >= MISSING]
        telling = any(word not in STOP_WORDS for word in normal_words(" ".join(kept)))
        if rng.random() < share and telling and 2 <= len(kept) < len(words):
            found.setdefault(" ".join(normal_words(" ".join(kept))), []).append(replace(example, question=" ".join(kept), view="thinned"))
    # What is left of questions with different answers may be the same: that teaches neither.
    return [same[0] for same in found.values() if len({example.answer for example in same}) == 1]


def _at_most(examples: Sequence[Example], most: int) -> list[Example]:
    """The examples with no more than `most` of the training split."""
    trained = [example for example in examples if example.split == "train"]
    return [*(example for example in examples if example.split != "train"), *trained[:most]]


def split_questions(fact: Fact, questions: Sequence[str], rng: Random) -> list[Example]:
    """One phrasing for test, one for validation, the rest for training; a fact with fewer than three keeps all for training."""
    shuffled = rng.sample(list(questions), len(questions))
    splits = ["test", "validation"] if len(shuffled) >= 4 else ["validation"] if len(shuffled) == 3 else []
    splits += ["train"] * (len(shuffled) - len(splits))
    return [Example(question, fact.text, "recall", split, fact.id) for question, split in zip(shuffled, splits)]


def split_views(fact: Fact, views: Sequence[View], rng: Random) -> list[Example]:
    """A fact's views in splits, kinds in turn, so that a cap on their number leaves some of each kind."""
    by_kind: dict[str, list[View]] = {}
    for view in rng.sample(list(views), len(views)):
        by_kind.setdefault(view.kind, []).append(view)
    rounds = max(map(len, by_kind.values()), default=0)
    ordered = [kind_views[place] for place in range(rounds) for kind_views in by_kind.values() if place < len(kind_views)]
    found = []
    for view in ordered:
        draw = rng.random()
        split = "test" if draw < HELD_OUT_VIEWS else "validation" if draw < 2 * HELD_OUT_VIEWS else "train"
        found.append(Example(view.question, view.answer, "recall", split, fact.id, (), view.kind, view.fact_ids[1:]))
    return found


def split_plain(questions: Sequence[str], rng: Random) -> list[Example]:
    """Never-said questions: a sixth for test, a sixth for validation, the rest for training."""
    shuffled = rng.sample(list(questions), len(questions))
    part = len(shuffled) // 6
    return [
        Example(question, NEVER_TOLD, "unknown", "test" if index < part else "validation" if index < 2 * part else "train")
        for index, question in enumerate(shuffled)
    ]


def with_notes(
    examples: Sequence[Example], facts: Sequence[Fact], share: float, rng: Random, find: FindLines | None = None
) -> list[Example]:
    """The examples, a share of the training ones with the lines that retrieval would bring, so that adapter and notes work together whatever plan of
    retrieval serves the person best: one line, two or `NEAR`, of the facts alone or (with `find`) as it finds them in facts and messages."""
    drawn = {
        place: (rng.choice(LINES), find is not None and rng.random() < 0.5)
        for place, example in enumerate(examples)
        if _may_have_notes(example) and rng.random() < share
    }
    noted = list(examples)
    for count, searched in dict.fromkeys(drawn.values()) if facts else ():
        places = [place for place, wanted in drawn.items() if wanted == (count, searched)]
        questions = [examples[place].question for place in places]
        found = find(questions, count) if find and searched else nearest_facts(questions, facts, count)
        for place, notes in zip(places, found):
            noted[place] = replace(examples[place], notes=tuple(notes))
    return noted


def _may_have_notes(example: Example) -> bool:
    return example.split == "train" and example.kind != "neutral" and example.view != "thinned"


def without_trained_phrasings(examples: Sequence[Example]) -> list[Example]:
    """Held-out questions that are also trained on (two facts may share a question) are taken out of training."""
    held_out = {_key(example) for example in examples if example.split != "train"}
    return [example for example in examples if example.split != "train" or _key(example) not in held_out]


def distinct_phrasings(examples: Sequence[Example]) -> bool:
    """Whether no question of validation or test is also trained on."""
    return len(without_trained_phrasings(examples)) == len(examples)


def _key(example: Example) -> str:
    return " ".join(normal_words(example.question))


__all__ = [
    "Example", "build_examples", "distinct_phrasings", "load_example", "near_questions", "nearest_facts", "neutral_replies", "never_said",
    "recall_examples", "replayed", "split_plain", "split_questions", "split_views", "thin_examples", "with_notes", "without_trained_phrasings",
]  # fmt: skip
