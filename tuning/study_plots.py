"""The plots of a run's search: its stored trials come in, figures of optuna.visualization come out."""

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from memory.store import Trial

# What a plan says that the search chose; the rest follows from it.
SEARCHED = ("lora_count", "layer_sets", "rank", "learning_rate", "alpha")


def draw_study(trials: Sequence[Trial], titles: dict[str, str], dark: bool = False) -> dict[str, Any]:
    """Plotly figures by name: history, importance (from three complete trials on), size; only those that the trials allow.

    `titles` are the words of the figures: history, importance, size, score, trial, parameters, parameter.
    """
    complete = [trial for trial in trials if trial.state == "complete" and "score" in trial.values]
    if not complete:
        return {}
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    from optuna import visualization

    study = rebuild_study(trials)
    figures = {"history": visualization.plot_optimization_history(study, target_name=titles["score"])}
    if len(complete) >= 3 and len({trial.values["score"] for trial in complete}) > 1:
        figures["importance"] = visualization.plot_param_importances(study, target_name=titles["score"])
    if len(complete) >= 2:
        figures["size"] = visualization.plot_pareto_front(_of_size(complete), target_names=[titles["parameters"], titles["score"]])
    for name, figure in figures.items():
        _dress(figure, titles[name], dark)
    figures["history"].update_xaxes(title=titles["trial"])
    if "importance" in figures:
        figures["importance"].update_yaxes(title=titles["parameter"])
        figures["importance"].update_xaxes(title="")
    if "size" in figures:
        figures["size"].update_traces(marker={"showscale": False})
    return figures


def rebuild_study(trials: Sequence[Trial]) -> optuna.Study:
    """The search as an Optuna study in memory, from what the store keeps of it."""
    study = optuna.create_study(direction="maximize")
    rows = [{name: _plain(trial.params[name]) for name in SEARCHED if name in trial.params} for trial in trials]
    distributions = {name: _distribution([row[name] for row in rows if name in row]) for row in rows for name in row}
    for trial, row in zip(trials, rows):
        done = trial.state == "complete" and "score" in trial.values
        study.add_trial(
            create_trial(
                params=row,
                distributions={name: distributions[name] for name in row},
                value=float(trial.values["score"]) if done else None,
                state=TrialState.COMPLETE if done else TrialState.PRUNED,
            )
        )
    return study


def _of_size(trials: Sequence[Trial]) -> optuna.Study:
    study = optuna.create_study(directions=["minimize", "maximize"])
    for trial in trials:
        study.add_trial(create_trial(values=[float(trial.parameters or 0), float(trial.values["score"])]))
    return study


def _plain(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def _distribution(values: Sequence[Any]) -> BaseDistribution:
    if all(isinstance(value, float) and value > 0 for value in values):
        return FloatDistribution(min(values), max(values), log=True)
    if all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return IntDistribution(min(values), max(values))
    return CategoricalDistribution(sorted({str(value) for value in values}))


def _dress(figure: Any, title: str, dark: bool) -> None:
    figure.update_layout(
        title=title, template="plotly_dark" if dark else "plotly_white", height=340, margin={"l": 50, "r": 20, "t": 50, "b": 40},
        font={"family": "system-ui, sans-serif", "size": 13, "color": "#7a7a7a"}, legend={"orientation": "h", "y": -0.25},
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
    )  # fmt: skip
