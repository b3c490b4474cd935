"""Annotated heat maps over languages: cells, labels in every script, family brackets, and colours for ratios."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, NullFormatter

from langatlas.languages import Language
from langatlas.present import fonts

MISSING_COLOUR = "#e6e6e6"
RATIO_TICKS = np.array([f * 10.0**e for e in range(-6, 13) for f in (1, 1.1, 1.2, 1.3, 1.5, 2, 3, 4, 5, 7, 8, 9)])
LETTERS_PER_INCH = 16  # of an axis label, to break long ones beside a small matrix
SMALL_MATRIX, LARGE_MATRIX = 6, 16  # languages below and above which cells are larger and smaller


@dataclass(frozen=True)
class Scale:
    """Colours of a heat map: ``norm`` and ``cmap`` act on ``log2`` of the values where ``logarithmic``."""

    norm: Normalize
    cmap: Colormap
    logarithmic: bool

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Values as coloured; infinite ones get the last colour, missing ones stay NaN."""
        values = np.asarray(values, dtype=float)
        if not self.logarithmic:
            return values
        with np.errstate(divide="ignore"):
            return np.where(np.isnan(values), np.nan, np.clip(np.log2(values), self.norm.vmin, self.norm.vmax))


def ratio_scale(values: np.ndarray, cmap: str, least: float = 1.1) -> Scale:
    """Diverging colours in the logarithm of a ratio, neutral at 1, cropped to the range of the data.

    Equal factors are equal steps of colour on both sides of 1, so halving and doubling look alike, and no colour is
    spent on values that do not occur. A range narrower than ``least`` is widened: noise must not look like an effect.
    """
    logs = np.log2(values[np.isfinite(values) & (values > 0)])
    low, high = min(0.0, logs.min(initial=0.0)), max(np.log2(least), logs.max(initial=0.0))
    extreme = max(-low, high)
    colours = mpl.colormaps[cmap](np.linspace(0.5 + 0.5 * low / extreme, 0.5 + 0.5 * high / extreme, 256))
    return Scale(Normalize(low, high), ListedColormap(colours), logarithmic=True)


def linear_scale(values: np.ndarray, cmap: str, low: float | None = None, high: float | None = None) -> Scale:
    """Sequential colours over the finite ``values``, or from ``low`` to ``high`` where given."""
    finite = values[np.isfinite(values)]
    low = finite.min(initial=np.inf) if low is None else low
    high = finite.max(initial=-np.inf) if high is None else high
    if not low < high:  # no value, or one value everywhere
        low, high = (low - 0.5, low + 0.5) if np.isfinite(low) else (0.0, 1.0)
    return Scale(Normalize(low, high), mpl.colormaps[cmap], logarithmic=False)


def draw_matrix(values: np.ndarray, axes: Axes, scale: Scale, texts: np.ndarray | None = None) -> AxesImage:
    """Cells of ``values`` (rows x columns); with ``texts``, white gaps and each text in a colour that can be read."""
    rows, columns = values.shape
    shown = np.ma.masked_invalid(scale.transform(values))
    image = axes.imshow(shown, cmap=scale.cmap.with_extremes(bad=MISSING_COLOUR), norm=scale.norm, aspect="equal")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    if texts is not None:
        axes.hlines(np.arange(1, rows) - 0.5, -0.5, columns - 0.5, colors="white", linewidth=0.8)
        axes.vlines(np.arange(1, columns) - 0.5, -0.5, rows - 0.5, colors="white", linewidth=0.8)
        size = 5.0 if max(rows, columns) > LARGE_MATRIX else 6.8
        colours = readable_on(image)
        for (row, column), text in np.ndenumerate(texts):
            colour = colours[row, column]
            axes.text(column, row, text, ha="center", va="center", size=size, color=colour, linespacing=1.25)
    return image


def readable_on(image: AxesImage) -> np.ndarray:
    """For each cell the colour, white or near black, of text that can be read on it; array of strings."""
    luminance = image.to_rgba(image.get_array())[..., :3] @ np.array([0.2126, 0.7152, 0.0722])
    return np.where(luminance < 0.45, "white", "#222222")


def label_languages(axes: Axes, rows: list[str], columns: list[str], own: Mapping | None = None) -> None:
    """Language names: English and endonym at the rows, code and endonym, slanted, below the columns."""
    axes.set_yticks(range(len(rows)), [fonts.full_name(label, own) for label in rows])
    axes.set_xticks(range(len(columns)), [fonts.short_name(label, own) for label in columns])
    for text in axes.get_xticklabels():
        text.set(rotation=45, ha="right", va="top", rotation_mode="anchor")
    fonts.style_labels(axes.get_yticklabels(), rows)
    fonts.style_labels(axes.get_xticklabels(), columns)


def mark_diagonal(axes: Axes, rows: list[str], columns: list[str]) -> None:
    """A frame around each cell whose row and column are the same language."""
    for row, label in enumerate(rows):
        if label in columns:
            corner = (columns.index(label) - 0.5, row - 0.5)
            axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor="#222222", linewidth=1.1, zorder=3))


def bracket_families(axes: Axes, rows: list[Language], columns: int) -> None:
    """Brackets at the right of ``columns`` cells: families, and their branches where a family has several here.

    A dark line separates families, a thinner one branches.
    """
    families = [fonts.drawn(language.family, instead="other") for language in rows]
    branches = [fonts.drawn(language.branch.partition(" (")[0], instead="") for language in rows]
    pairs = list(zip(families, branches, strict=True))
    several = {family for family in families if len({branch for other, branch in pairs if other == family}) > 1}
    names = [branch if family in several else family for family, branch in pairs]
    for start, end, name in _runs(names):
        _bracket(axes, columns - 0.2, start, end)
        axes.text(columns - 0.02, (start + end - 1) / 2, name, va="center", size=6.5, color="#555555")
        if start:
            width = 1.0 if families[start] != families[start - 1] else 0.5
            axes.hlines(start - 0.5, -0.5, columns - 0.5, color="#555555", linewidth=width, zorder=2)
    outer = columns + 0.15 + 0.05 * max(map(len, names)) / cell_inches(columns)
    for start, end, name in _runs(families):
        if name in several:
            _bracket(axes, outer, start, end)
            middle = (start + end - 1) / 2
            axes.text(outer + 0.15, middle, name, va="center", rotation=270, size=6.5, color="#555555")
    axes.set_xlim(-0.5, columns - 0.5)


def _runs(names: list[str]) -> list[tuple[int, int, str]]:
    """Runs of equal neighbours as (start, end, name): a a b -> (0, 2, a), (2, 3, b)."""
    starts = [i for i, name in enumerate(names) if i == 0 or name != names[i - 1]]
    return [(start, end, names[start]) for start, end in zip(starts, [*starts[1:], len(names)], strict=True)]


def _bracket(axes: Axes, x: float, start: int, end: int) -> None:
    axes.plot([x, x], [start - 0.35, end - 0.65], color="#888888", linewidth=1.0, clip_on=False)


def cell_inches(languages: int) -> float:
    """Side of a cell, in inches, in a matrix of that many languages."""
    return 0.7 if languages < SMALL_MATRIX else 0.44 if languages <= LARGE_MATRIX else 0.34


def add_colour_bar(figure: Figure, image: AxesImage, axes, label: str, scale: Scale, percent: bool = False) -> None:
    """A slim colour bar; ticks of a logarithmic scale are the ratios themselves, those of fractions are percent."""
    form = FuncFormatter(lambda value, _: f"{100 * value:.3g}%") if percent else None
    bar = figure.colorbar(image, ax=axes, fraction=0.03, pad=0.035, aspect=30, format=form)
    bar.set_label(textwrap.fill(label, max(20, int(LETTERS_PER_INCH * (figure.get_figheight() - 1.5)))))
    bar.outline.set_visible(False)
    if scale.logarithmic:
        ticks = spread_ratios(scale.norm.vmin, scale.norm.vmax)
        bar.set_ticks(np.log2(ticks), labels=[ratio_text(tick, trim=True) for tick in ticks])
        bar.minorticks_off()


def spread_ratios(low: float, high: float, apart: float = 0.1) -> list[float]:
    """Round ratios inside a range of log2, 1 among them, none nearer to another than ``apart`` times the range.

    Rounder ones are chosen first: powers of ten, then 2 and 5, then the others.
    """
    logs = np.log2(RATIO_TICKS)
    inside = RATIO_TICKS[(logs >= low - 1e-9) & (logs <= high + 1e-9)]
    chosen: list[float] = [1.0]
    for tick in sorted(inside, key=lambda tick: ("125".find(f"{tick:e}"[0]) % 9 + 9 * (f"{tick:e}"[2] != "0"), tick)):
        if all(abs(np.log2(tick / other)) > (high - low) * apart for other in chosen):
            chosen.append(float(tick))
    return sorted(chosen)


def ratio_ticks(axis: Axis, apart: float = 0.14) -> None:
    """Round ratios as ticks of a logarithmic axis that reaches to 1 at least; decades where it spans more than three.

    Panels that share the axis get its limits too.
    """
    low, high = axis.get_view_interval()
    low, high = min(low, 0.97), max(high, 1.15)
    if high / low > 1e3:
        decades = np.arange(np.floor(np.log10(low) + 1), np.ceil(np.log10(high)) + 1)
        ticks = 10.0 ** decades[:: max(1, len(decades) // 4)]
    else:
        ticks = np.array(spread_ratios(np.log2(low), np.log2(high), apart))
    axis.axes.set(
        **{f"{axis.axis_name}lim": (low, high)}
    )  # set_view_interval() would leave sharing panels as they were
    axis.set_ticks(ticks[(ticks >= low) & (ticks <= high)])
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"×{ratio_text(value, trim=True)}"))
    axis.set_minor_formatter(NullFormatter())
    axis.set_tick_params(which="minor", length=0)


def ratio_text(value: float, trim: bool = False) -> str:
    """At most four characters: 0.98, 1.06, 12.3, 456, 12k, 3e7; infinity for a collapsed model; empty where missing."""
    if np.isnan(value):
        return ""
    if np.isinf(value):
        return "∞"
    if value < 1000:
        digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
        text = f"{value:.{digits}f}"
        return text.rstrip("0").rstrip(".") if trim and "." in text else text
    if value < 999_500:
        return f"{value / 1000:.0f}k"
    return f"{value:.0e}".replace("e+0", "e").replace("e+", "e")
