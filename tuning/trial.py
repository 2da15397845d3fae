"""One trial of the search: LoRAs of one plan trained, first on a part of the facts, then on all, and asked held-out questions.

In: a `Task` (examples, lessons, held-out questions, neutral probe) and a plan. Out: what the answers were worth, and the weights if they
are to be kept. Quality is recall - false claims - forgetting, on what the model *says* to validation questions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from memory.store import Adapter, Fact
from tuning.adapters import LoraPlan, attach, detach, from_adapter, prove_active, to_bytes
from tuning.bases import LoadedBase
from tuning.clock import worked
from tuning.distil import Lesson, take_lessons
from tuning.examples import Example
from tuning.forgetting import Probe, make_probe, perplexity_rise
from tuning.generate import generate
from tuning.half import Keeper, Loop, plain
from tuning.kept import WHOLE, Epoch, Training
from tuning.likelihood import Encoded, certainty, encode_example
from tuning.prompts import is_abstention, render_chat
from tuning.recipe import Recipe
from tuning.scores import holds_answer
from tuning.train import encode_examples, train

LEAST_EPOCHS = 4  # of trial 0, whatever the clock says: an adapter of less knows nothing
VALIDATION_MOST = 72  # questions asked for real at the end of a trial
RUNG, ALL = "rung", "all"  # the two trainings of a trial
PART = 3  # the first rung trains on one fact in so many, for as small a part of the epochs

OnProgress = Callable[[int, float, float], None]  # trial number, share of it done, loss


class Pruned(Exception):
    """A trial that its first rung showed to be behind."""


class OutOfTime(Exception):
    """The budget of minutes is spent in the middle of a training."""


@dataclass(frozen=True)
class TrialResult:
    """One trial: its plan, what its held-out answers were worth, its cost. `state` is complete or pruned."""

    number: int
    plan: dict[str, Any]
    values: dict[str, Any]
    state: str
    seconds: float
    parameters: int


@dataclass
class Task:
    """What every trial of a search shares."""

    loaded: LoadedBase
    trained: list[Example]
    encoded: list[Encoded]
    lessons: list[Lesson | None]
    held_out: list[Example]
    probe: Probe
    recipe: Recipe


@dataclass
class Kept:
    """The weights of a trial with their PEFT configuration and the proof that they act."""

    weights: bytes
    peft_config: dict[str, Any]
    proof: dict[str, float]


def make_task(loaded: LoadedBase, examples: Sequence[Example], recipe: Recipe, facts: Sequence[Fact]) -> Task:
    """Encode the examples, take the teacher's lessons and the neutral probe; the base must be bare."""
    loaded.frozen.clear()  # states of another person's examples
    trained = [example for example in examples if example.split == "train"]
    lessons = take_lessons(loaded, trained, facts, recipe.distil_top) if recipe.distil else []
    held_out = [example for example in examples if example.split == "validation"]
    Random(0).shuffle(held_out)
    return Task(loaded, trained, encode_examples(loaded, trained, recipe), lessons, held_out, make_probe(loaded), recipe)


def run_trial(
    task: Task,
    number: int,
    plan: LoraPlan,
    seed: int,
    deadline: float,
    prune: Callable[[float], bool] | None = None,
    keep: Callable[[dict[str, Any], int], bool] | None = None,
    on_progress: OnProgress | None = None,
    start: Adapter | None = None,
    keeper: Keeper | None = None,
) -> tuple[TrialResult, Kept | None]:
    """Train and ask one plan, from fresh LoRAs or from the weights of the adapter `start`. With `prune` (score of the first rung -> stop) it begins
    on a part of the facts; `keep` says whether to keep the weights, from values and size; the `keeper` saves the training now and then, and may
    hold that of this very trial, which then goes on. Leaves the base bare, whatever is raised."""
    started = worked()
    model = from_adapter(task.loaded, start) if start else attach(task.loaded, plan, seed)
    parameters = sum(parameter.numel() for name, parameter in model.named_parameters() if "lora_" in name)
    described = plan.describe(task.loaded.layers)
    course = Course(task, model, number, plan, seed, deadline, on_progress, keeper)
    values = course.go_on({"number": number, "plan": described, "precision": task.loaded.precision, "start": start.id if start else None})
    try:
        state = "complete"
        if start:
            course.sureness = [sure for _, sure in certainty(task.loaded, model, task.encoded, kept=task.loaded.frozen)]
        try:
            if prune is not None and course.phase == RUNG:
                values["first_rung"] = round(_first_rung(course), 4)
                if prune(values["first_rung"]):
                    raise Pruned
            values |= _train(course, 0.0 if prune is None else 0.25)
        except Pruned:
            state = "pruned"
        except OutOfTime:
            model.eval()
            state = "pruned" if number else "complete"
        if state == "complete":
            values |= score_answers(task.loaded, task.held_out)
            values["forgetting"] = round(perplexity_rise(task.loaded, task.probe), 4)
            values["quality"] = round(values["score"] - values["forgetting"], 4)
        result = TrialResult(number, described, values, state, course.seconds + worked() - started, parameters)
        kept = None
        if state == "complete" and (keep is None or keep(values, parameters)):
            proof = prove_active(model, task.loaded, task.encoded[0].prompt)
            kept = Kept(*to_bytes(model, task.loaded.base), proof)
        return result, kept
    finally:
        detach(model)


@dataclass
class Course:
    """One trial on its way: `phase` is the training that runs, `values` what is known of it so far, `seconds` what it took before it was broken off,
    `sureness` how sure weights that are not new are of each example already."""

    task: Task
    model: Any
    number: int
    plan: LoraPlan
    seed: int
    deadline: float
    on_progress: OnProgress | None
    keeper: Keeper | None
    sureness: list[float] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    phase: str = RUNG
    seconds: float = 0.0
    began: float = field(default_factory=worked)
    half: tuple[bytes, dict[str, Any]] | None = None

    def go_on(self, about: dict[str, Any]) -> dict[str, Any]:
        """Take up what was kept of this very trial, if anything; returns the values so far."""
        self.about = plain(about)
        found = self.keeper.begin(self.about) if self.keeper else None
        if found:
            data, kept = found
            self.phase, self.values, self.seconds, self.half = kept["phase"], kept["values"], kept["seconds"], (data, kept["loop"])
        return self.values

    def begin(self, phase: str) -> tuple[bytes, dict[str, Any]] | None:
        """The next training begins; the loop of the same one that was broken off, once."""
        half, self.half = (self.half if phase == self.phase else None), None
        self.phase = phase
        return half

    def note(self, loop: Loop) -> None:
        """A step was done."""
        if self.keeper:
            spent = self.seconds + worked() - self.began
            self.keeper.note(loop, {"about": self.about, "phase": self.phase, "values": self.values, "seconds": spent})


def _first_rung(course: Course) -> float:
    """Train on the examples of a third of the facts for a third of the epochs; recall + abstention - 1 on their held-out questions."""
    task, number, plan = course.task, course.number, course.plan
    part = [n for n, example in enumerate(task.trained) if _in_part(example, n)]
    known, unknown = _held_out(task, part=True)
    short = LoraPlan(plan.layer_sets, plan.rank, plan.learning_rate, plan.alpha, max(2, plan.epochs // PART))

    def on_step(share: float, loss: float) -> None:
        if course.on_progress:
            course.on_progress(number, 0.25 * share, loss)
        if number and worked() > course.deadline:
            raise OutOfTime

    result = train(
        task.loaded, course.model, short, [task.encoded[n] for n in part], known, unknown, course.seed, None, on_step, task.recipe,
        [task.lessons[n] for n in part] if task.lessons else [], begun=course.begin(RUNG), keep=course.note,
    )  # fmt: skip
    best = max(result.epochs, key=lambda epoch: epoch.recall + epoch.abstention)
    return best.recall + best.abstention - 1


def _in_part(example: Example, number: int) -> bool:
    return (example.fact_id if example.fact_id is not None else number) % PART == 0


def _held_out(task: Task, part: bool = False) -> tuple[list[Encoded], list[Encoded]]:
    """Held-out recall and never-said questions with their answers, as tokens."""
    recall = [example for example in task.held_out if example.kind == "recall" and (not part or _in_part(example, 0))]
    unknown = [example for example in task.held_out if example.kind == "unknown"]
    return (
        [encode_example(task.loaded, render_chat(example.question), example.answer) for example in recall[:VALIDATION_MOST]],
        [encode_example(task.loaded, render_chat(example.question), example.answer) for example in unknown[: VALIDATION_MOST // 2]],
    )


def _train(course: Course, behind: float) -> dict[str, Any]:
    """Train on all facts; `behind` is the share of the trial already done. A trial that runs out of time keeps what it has learnt."""
    task, number = course.task, course.number
    epochs: list[Epoch] = []

    def on_step(share: float, loss: float) -> None:
        if course.on_progress:
            course.on_progress(number, behind + (1 - behind) * share, loss)
        if worked() > course.deadline and (number or len(epochs) >= LEAST_EPOCHS):
            raise OutOfTime

    known, unknown = _held_out(task)
    result, late = Training(), False
    try:
        result = train(
            task.loaded, course.model, course.plan, task.encoded, known, unknown, course.seed, epochs.append, on_step, task.recipe, task.lessons,
            course.deadline, 0 if number else LEAST_EPOCHS, course.begin(ALL), course.note, course.sureness,
        )  # fmt: skip
    except OutOfTime:
        course.model.eval()  # what was learnt until now still counts
        late = True
    return {
        "epochs": len(epochs),
        "loss": round(epochs[-1].loss, 4) if epochs else None,
        "first_gradient": result.first_gradient,
        "kept_epoch": result.best,
        "stopped": "the time was over" if late else result.stopped,
        "curve": [[round(epoch.loss, 4), round(epoch.recall, 4), round(epoch.abstention, 4), round(epoch.learnt, 4)] for epoch in epochs],
        **({"examples_at_once": result.most} if result.most < WHOLE else {}),
    }


def score_answers(loaded: LoadedBase, held_out: Sequence[Example]) -> dict[str, float]:
    """Recall and false claims of what the model says to held-out questions; score is recall minus false claims."""
    known = [example for example in held_out if example.kind == "recall"][:VALIDATION_MOST]
    unknown = [example for example in held_out if example.kind == "unknown"][: VALIDATION_MOST // 2]
    replies = generate(loaded, [render_chat(example.question) for example in [*known, *unknown]])
    hits = sum(holds_answer(reply, example.answer, example.question) for example, reply in zip(known, replies))
    claims = sum(not is_abstention(reply) for reply in replies[len(known) :])
    recall = hits / len(known) if known else 0.0
    false_claims = claims / len(unknown) if unknown else 0.0
    return {
        "recall": round(recall, 4),
        "false_claims": round(false_claims, 4),
        "score": round(recall - false_claims, 4),
        "known": len(known),
        "unknown": len(unknown),
    }
