"""The neurons that are active most often while a model translates: how their frequency falls, and in which layers they lie."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from langatlas.locate.peaks import peaks
from langatlas.present.figures import canvas
from langatlas.present.figures.inhibition import styles

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


def figure(
    counts: Mapping[str, np.ndarray], passes: Mapping[str, int], share: float, model: str, experiment: str
) -> Figure:
    """Two panels. ``counts``: condition -> activations of every neuron (L, F); ``passes``: condition -> forward passes."""
    found = {name: peaks(values, share) for name, values in counts.items()}
    looks = styles(list(counts))
    drawing = canvas.new_figure(7.6, 3.2)
    left, right = drawing.subplots(1, 2)
    draw_frequency({name: kept for name, (kept, _) in found.items()}, passes, left, looks)
    draw_layers({name: number for name, (_, number) in found.items()}, right, looks)
    drawing.legend(*left.get_legend_handles_labels(), loc="outside right center")
    title = f"The {share:.0%} of neurons that are active most while {model} translates · {experiment}"
    canvas.headline(drawing, title)
    return drawing
