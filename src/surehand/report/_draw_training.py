"""How training went: losses and validation accuracy, epoch by epoch."""

from math import isfinite

from ._run import Epoch, Run
from ._style import MARKERS, PALETTE, SERIES, Drawing, Table, empty, percent_axis, style
from ._words import count, listed, number, percent, several


def draw_training(run: Run) -> Drawing | None:
    """Two panels, all models in each: loss (training solid, validation dashed) and validation accuracy."""
    by_model: dict[str, list[Epoch]] = {}
    for epoch in run.epochs:
        by_model.setdefault(epoch.model, []).append(epoch)
    if not by_model:
        return None
    with style():
        figure = empty(4.4)
        loss, accuracy = figure.subplots(2, 1, sharex=True)
        for index, (model, epochs) in enumerate(by_model.items()):
            colour, marker = PALETTE[SERIES[index % len(SERIES)]], MARKERS[index % len(MARKERS)]
            at = [epoch.epoch for epoch in epochs]
            loss.plot(at, [e.train_loss for e in epochs], color=colour, marker=marker, label=f"{model}, training")
            hollow = {"markerfacecolor": PALETTE["surface"], "linestyle": (0, (4, 2))}
            loss.plot(
                at,
                [e.validation_loss for e in epochs],
                color=colour,
                marker=marker,
                label=f"{model}, validation",
                **hollow,
            )
            accuracy.plot(at, [e.validation_accuracy for e in epochs], color=colour, marker=marker, label=model)
        loss.set_title("Loss")
        loss.set_ylim(bottom=0)
        loss.legend(fontsize=8, handlelength=2.6)
        accuracy.set_title("Validation accuracy")
        percent_axis(accuracy)
        accuracy.set_xlabel("epoch")
        accuracy.xaxis.get_major_locator().set_params(integer=True)
        if len(by_model) > 1:
            accuracy.legend(fontsize=8, loc="lower right")
    return Drawing(
        "training",
        "",
        "",
        "Training",
        _finding(run, by_model),
        "Losses should fall together; a validation loss that turns upwards while the training loss falls is memory, "
        "not learning.",
        figure,
        Table(
            (
                "model and epoch",
                "training loss",
                "validation loss",
                "validation accuracy",
                "learning rate",
                "images a second",
            ),
            tuple(
                (
                    f"{e.model} {e.epoch}",
                    number(e.train_loss, 4),
                    number(e.validation_loss, 4),
                    percent(e.validation_accuracy, 2),
                    f"{e.learning_rate:.2e}",
                    count(e.images_per_second),
                )
                for e in run.epochs
            ),
        ),
    )


def _finding(run: Run, by_model: dict[str, list[Epoch]]) -> str:
    sentences = []
    for model, epochs in by_model.items():
        known = [epoch for epoch in epochs if isfinite(epoch.validation_accuracy)]
        if not known:
            continue
        best = max(known, key=lambda epoch: epoch.validation_accuracy)
        why = run.models.get(model, {}).get("stopped_because")
        sentences.append(
            f"{model} trained for {several(len(epochs), 'epoch')}; the best validation accuracy, "
            f"{percent(best.validation_accuracy)}, came in epoch {best.epoch}{f' (stopped: {why})' if why else ''}."
        )
    return " ".join(sentences) or f"No validation was recorded for {listed(by_model)}."
