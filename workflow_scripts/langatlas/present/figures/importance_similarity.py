"""Importance similarity: how alike two languages use a model's parameters, with the tree that the similarities give."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import dendrogram, linkage
from scipy.spatial.distance import squareform

from langatlas.present.figures import canvas, heatmap, pairs

CMAP = "YlGnBu"  # one direction of lightness, so it survives grey print; not the reds of effects and regions
MEASURES = {"spearman": "Spearman correlation", "cosine": "cosine similarity"}


def tree(similarity: np.ndarray) -> np.ndarray:
    """Average linkage (UPGMA) on the distance 1 - similarity; the diagonal is ignored. ValueError for missing pairs.

    Leaves are ordered so that neighbours are as alike as the tree allows, hence the same for any order of the input.
    """
    distance = 1 - similarity
    np.fill_diagonal(distance, 0)
    if np.isnan(distance).any():
        raise ValueError("the similarity table lacks pairs of languages; rerun the rule that writes it")
    return linkage(squareform(distance, checks=False), method="average", optimal_ordering=True)


def draw_tree(links: np.ndarray, axes: Axes) -> list[int]:
    """Dendrogram with its root at the left, leaves from top to bottom; returns the leaf order."""
    drawn = dendrogram(links, no_plot=True)
    for leaves, distances in zip(drawn["icoord"], drawn["dcoord"], strict=True):
        axes.plot(distances, (np.array(leaves) - 5) / 10, color="#555555", linewidth=1.0, solid_joinstyle="miter")
    axes.invert_xaxis()
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(left=False, labelleft=False, labelsize=6.5)
    axes.set_xlabel("1 − similarity", size=7)
    axes.xaxis.set_major_locator(canvas.few_ticks())
    return drawn["leaves"]


def draw_matrix(similarity: np.ndarray, labels: list[str], axes: Axes, own: Mapping | None = None):
    """Heat map of similarities; the diagonal, 1 by definition, is left grey so that it does not stretch the colours."""
    shown = similarity.copy()
    np.fill_diagonal(shown, np.nan)
    scale = heatmap.linear_scale(shown, CMAP)
    texts = np.vectorize(lambda value: "" if np.isnan(value) else f"{value:.2f}".replace("0.", "."), otypes=[object])
    image = heatmap.draw_matrix(shown, axes, scale, texts(shown))
    heatmap.label_languages(axes, labels, labels, own)
    axes.yaxis.tick_right()
    axes.tick_params(axis="y", length=0)
    return image, scale


def figure(
    importance_similarity: pd.DataFrame, model: str, samples: int, measure: str, own: Mapping | None = None
) -> Figure:
    """Tree and matrix of one model. ``measure``: a column of the table."""
    if measure not in MEASURES:
        raise ValueError(f"measure must be one of {', '.join(MEASURES)}, got {measure!r}")
    rows = canvas.select(importance_similarity, model=model, samples=samples)
    labels = pairs.labels_of(rows)
    if len(labels) < 2:
        raise ValueError(f"importance_similarity needs at least two languages, the table has {labels}")
    similarity = pairs.symmetric(rows, measure, labels)
    side = heatmap.cell_inches(len(labels)) * len(labels)
    drawing = canvas.new_figure(1.1 * side + 3.4, side + 1.2)
    left, right = drawing.subplots(1, 2, width_ratios=(0.6 + 0.1 * side, side))
    order = draw_tree(tree(similarity), left)
    ordered = [labels[index] for index in order]
    image, scale = draw_matrix(similarity[np.ix_(order, order)], ordered, right, own)
    left.set_ylim(right.get_ylim())
    heatmap.add_colour_bar(drawing, image, right, f"{MEASURES[measure]} of importance", scale)
    canvas.headline(drawing, f"How alike languages use {model}'s parameters ({samples:,} samples a language)")
    return drawing


FIGURE = canvas.Picture(figure, {"importance_similarity": canvas.read_table})
