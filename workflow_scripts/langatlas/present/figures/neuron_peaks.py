"""The neurons that are active most often while a model translates: how their frequency falls, and in which layers they lie.

After Mu et al. (2024). Axes: L layers, F neurons of a layer, K neurons that are kept.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from langatlas.present.figures import canvas
from langatlas.present.figures.conditions import Counted, read_counts, styles

POINTS = 2000  # of a curve; a large model has millions of neurons


def draw_frequency(counts: Mapping[str, np.ndarray], passes: Mapping[str, int], axes: Axes, looks: dict) -> Axes:
    """A line a condition: share of the forward passes in which the neuron of each rank is active."""
    for name, sorted_counts in counts.items():
        shown = np.unique(np.linspace(0, len(sorted_counts) - 1, POINTS).astype(int)) if len(sorted_counts) else []
        axes.plot(np.asarray(shown) + 1, sorted_counts[shown] / passes[name], label=name, **looks[name])
    axes.set(xlabel="rank of the neuron", ylabel="active in so many passes", ylim=(0, 1.03))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.xaxis.set_major_locator(canvas.few_ticks())
    axes.grid(axis="y")
    return axes


def draw_layers(numbers: Mapping[str, np.ndarray], axes: Axes, looks: dict) -> Axes:
    """A line a condition: how many of these neurons each layer has."""
    for name, number in numbers.items():
        axes.plot(np.arange(len(number)), number, marker="o", markersize=2.5, **looks[name])
    axes.set(xlabel="layer", ylabel="neurons among them", ylim=(0, None))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.grid(axis="y")
    return axes


def peaks(counts_LF: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """The ``share`` of the neurons (rounded down) with the largest counts: counts in falling order (K), neurons by layer (L).

    Ties go to the lower layer, then to the lower neuron. Neurons that are never active are left out, so that fewer may remain.
    """
    if not 0 < share <= 1:
        raise ValueError(f"the share of the neurons must be in (0, 1], got {share}")
    flat = counts_LF.ravel()
    kept = np.argsort(-flat, kind="stable")[: int(share * flat.size)]
    kept = kept[flat[kept] > 0]
    return flat[kept], np.bincount(kept // counts_LF.shape[1], minlength=len(counts_LF))


def figure(activations: Counted, model: str, experiment: str, conditions: Sequence[str], share: float) -> Figure:
    """Two panels. ``conditions``: those that are drawn, in this order."""
    found = {name: peaks(activations[name][0], share) for name in conditions}
    passes = {name: activations[name][1] for name in conditions}
    looks = styles(conditions)
    drawing = canvas.new_figure(7.6, 3.2)
    left, right = drawing.subplots(1, 2)
    draw_frequency({name: kept for name, (kept, _) in found.items()}, passes, left, looks)
    draw_layers({name: number for name, (_, number) in found.items()}, right, looks)
    drawing.legend(*left.get_legend_handles_labels(), loc="outside right center")
    title = f"The {share:.0%} of neurons that are active most while {model} translates · {experiment}"
    canvas.headline(drawing, title)
    return drawing


FIGURE = canvas.Picture(figure, {"activations": read_counts})
