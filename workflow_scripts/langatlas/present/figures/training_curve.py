"""Training curve of the mini model: loss on the training batches and on held-out text, and the learning rate."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from langatlas.present.figures import canvas


def draw_loss(table: pd.DataFrame, axes: Axes) -> Axes:
    """Loss against tokens. ``table``: columns tokens, loss, validation_loss (nats/token; NaN where not measured)."""
    millions = table["tokens"] / 1e6
    axes.plot(millions, table["loss"], color="C5", linewidth=0.8, label="training batches")
    held_out = table["validation_loss"].notna()
    measured = table[held_out]
    label = "held-out text"
    if held_out.any():
        last = measured["validation_loss"].iloc[-1]
        label += f", at the end {last:.2f} nats, perplexity {np.exp(last):.1f}"
    axes.plot(millions[held_out], measured["validation_loss"], "o-", color="C0", markersize=3, label=label)
    axes.set_ylabel("loss (nats per token)")
    axes.grid(axis="y")
    axes.legend(loc="upper right")
    perplexity = axes.secondary_yaxis("right", functions=(np.exp, lambda value: np.log(np.maximum(value, 1e-12))))
    perplexity.set_ylabel("perplexity")
    low, high = np.exp(axes.get_ylim())
    ticks = [tick for e in range(10) for tick in (10.0**e, 2 * 10.0**e, 5 * 10.0**e) if low <= tick <= high]
    perplexity.set_yticks(ticks, [f"{tick:,.0f}" for tick in ticks])
    return axes


def draw_learning_rate(table: pd.DataFrame, axes: Axes) -> Axes:
    """Learning rate against tokens seen."""
    axes.plot(table["tokens"] / 1e6, table["learning_rate"], color="C2")
    axes.set(xlabel="tokens seen (millions)", ylabel="learning rate", ylim=(0, None))
    axes.ticklabel_format(axis="y", style="sci", scilimits=(0, 0), useMathText=True)
    axes.grid(axis="y")
    return axes


def figure(training: pd.DataFrame, model: str) -> Figure:
    """Both panels of one training run. ValueError when the table is empty."""
    if training.empty:
        raise ValueError(f"the training table of {model} has no rows; rerun the rule that trains the model")
    drawing = canvas.new_figure(5.6, 3.9)
    upper, lower = drawing.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
    draw_loss(training, upper)
    draw_learning_rate(training, lower)
    upper.set_title(f"Training of {model}: {training['tokens'].iloc[-1] / 1e6:.2f} M tokens")
    return drawing


FIGURE = canvas.Picture(figure, {"training": canvas.read_table})
