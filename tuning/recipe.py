"""The recipe of an injection: every switch of the examples and of the training, each with its measured default.

In: nothing, or `name=value` words. Out: a frozen `Recipe`. docs/injection.md says what each default was measured to be worth;
`python -m benchmarks.ablations` measures them again.
"""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from tuning.errors import BadRecipe

LARGEST = 100_000  # value of a switch
VIEWS = ("rewrite", "person", "reversal", "yes_no", "two_fact", "two_hop", "implicit", "updated", "dated", "summary", "word")


@dataclass(frozen=True)
class Recipe:
    """How examples are made and trained on.

    `phrasebook`: plain questions in people's own wordings, beside those that the base writes. `views`: kinds of views used beside the plain questions. `questions_a_fact`, `views_a_fact`: training examples a fact at most;
    `questions_in_all`: plain questions of all facts together at most, so that many facts get fewer each (never less than four). `words_a_fact`,
    `words_in_all`: the same of questions by a word of the fact (the kind `word`).
    `negatives`: never-said examples for every recall example. `notes_share`: share of the training examples whose prompt holds retrieved
    lines. `thinned`: plain and never-said questions trained on a second time with words missing, as a share of them. `replay`: the base's own answers to neutral prompts, as a share of the training examples. `value_weight`: loss weight of the
    answer tokens that carry the value, against 1 for the others. `distil`: weight of the divergence from the base that holds the facts
    in its prompt (`distil_top` logits a token). `early_stop`: keep the epoch that recalls most on held-out phrasings, and end once every
    answer token has p > 0.5 or nothing improves for two epochs.
    """

    phrasebook: bool = True
    views: tuple[str, ...] = VIEWS
    questions_a_fact: int = 12
    questions_in_all: int = 3000
    views_a_fact: int = 6
    words_a_fact: int = 15
    words_in_all: int = 1500
    negatives: float = 0.5
    notes_share: float = 0.5
    thinned: float = 1.0
    replay: float = 0.25
    value_weight: float = 2.0
    distil: float = 0.0
    distil_top: int = 16
    early_stop: bool = True

    def row(self) -> dict[str, Any]:
        """As a run stores it."""
        return asdict(self)

    def within(self, share: float) -> "Recipe":
        """The same for a share of the time: fewer examples of each kind, so that the least epochs do not take what was not given; 1 or more changes nothing."""
        if share >= 1:
            return self
        return replace(
            self, questions_in_all=int(share * self.questions_in_all), words_in_all=int(share * self.words_in_all),
            views_a_fact=max(1, round(share * self.views_a_fact)), thinned=share * self.thinned,
        )  # fmt: skip


def load_recipe(row: dict[str, Any] | None) -> Recipe:
    """The recipe that a run stored; fields that it lacks have their default."""
    known = {field.name for field in fields(Recipe)}
    values: dict[str, Any] = {name: value for name, value in (row or {}).items() if name in known}
    if "views" in values:
        values["views"] = tuple(values["views"])
    return Recipe(**values)


def parse_recipe(words: list[str], recipe: Recipe | None = None) -> Recipe:
    """A recipe with some switches set: `distil=0.3`, `early_stop=no`, `views=rewrite,reversal`, `views=` for none; raises BadRecipe."""
    recipe = recipe or Recipe()
    for word in words:
        name, equals, text = word.partition("=")
        current = getattr(recipe, name, None) if name in {field.name for field in fields(Recipe)} else None
        if current is None or not equals:
            names = ", ".join(field.name for field in fields(Recipe))
            raise BadRecipe(f'"{word}" sets no switch: write NAME=VALUE with one of {names}.')
        recipe = replace(recipe, **{name: _value(name, text, current)})
    return recipe


def _value(name: str, text: str, current: Any) -> Any:
    if isinstance(current, bool):
        if text.lower() not in ("yes", "no", "true", "false", "1", "0"):
            raise BadRecipe(f'{name} is yes or no, not "{text}".')
        return text.lower() in ("yes", "true", "1")
    if isinstance(current, tuple):
        kinds = tuple(word.strip() for word in text.split(",") if word.strip())
        if unknown := set(kinds) - set(VIEWS):
            raise BadRecipe(f"{', '.join(sorted(unknown))} is no kind of view: use {', '.join(VIEWS)}.")
        return kinds
    try:
        value = type(current)(text)
    except ValueError as error:
        raise BadRecipe(f'{name} is a number, not "{text}".') from error
    if not 0 <= value <= LARGEST:
        raise BadRecipe(f"{name} must lie between 0 and {LARGEST}, not {text}.")
    return value
