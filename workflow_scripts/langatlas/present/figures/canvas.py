"""What every figure shares: how its inputs become a picture, the style, and saving so that the same data give the same bytes."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import signature
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import style as mpl_style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from langatlas.files import atomic
from langatlas.present import fonts
from langatlas.region_names import kind_of

FORMATS = ("svg", "png")


@contextmanager
def style(path: str | os.PathLike) -> Iterator[None]:
    """Draw and save inside this block: the style file on top of matplotlib's defaults, never of the user's settings."""
    with mpl_style.context(str(path), after_reset=True):
        mpl.rcParams["font.family"] = list(fonts.register())
        yield


def new_figure(width: float, height: float, **options) -> Figure:
    """A figure of ``width`` x ``height`` inches with constrained layout, without pyplot's global state."""
    figure = Figure(figsize=(width, height), **{"layout": "constrained", **options})
    FigureCanvasAgg(figure)
    return figure


def headline(figure: Figure, text: str) -> None:
    """One line above all panels and colour bars, at the left."""
    figure.suptitle(text, x=0.01, ha="left")


def save(figure: Figure, outputs: Iterable[str | os.PathLike], provenance: Mapping[str, str]) -> None:
    """Write ``figure`` to every path (.svg, .png), each atomically, with the provenance as metadata.

    The same figure gives the same bytes: no date is written and ids are salted by the style. Raises ValueError for
    another format.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once, the same for every format
    for output in map(Path, outputs):
        kind = output.suffix.lstrip(".")
        if kind not in FORMATS:
            raise ValueError(f"cannot save {output}: the format must be one of {', '.join(FORMATS)}")
        with atomic(output) as path:
            figure.savefig(path, format=kind, metadata=_metadata(kind, provenance))


def _metadata(kind: str, provenance: Mapping[str, str]) -> dict[str, str | None]:
    """PNG: one text chunk a key. SVG (Dublin Core only): JSON as the description, and no date."""
    drawn_by = f"matplotlib {mpl.__version__}"
    if kind == "png":
        return {"Software": drawn_by, **{f"langatlas:{key}": value for key, value in provenance.items()}}
    described = json.dumps(dict(provenance), ensure_ascii=False, sort_keys=True)
    return {"Date": None, "Creator": drawn_by, "Description": described}


@dataclass(frozen=True)
class Picture:
    """The figure that a module exports as FIGURE: who draws it, from what, and who saves what was drawn.

    ``figure``: each of its parameters is an input or a setting of that name. ``inputs``: the reader of each input, which takes
    what the rule names: a path, or a list of paths. ``save``: called as ``save`` of this module.
    """

    figure: Callable
    inputs: Mapping[str, Callable]
    save: Callable = save

    def draw(self, files: Mapping[str, str | list[str]], settings: Mapping):
        """Read the inputs and draw. Settings that ``figure`` has no parameter for are those that the caption alone speaks of."""
        given = {**settings, **{name: read(files[name]) for name, read in self.inputs.items()}}
        return self.figure(**{name: given[name] for name in signature(self.figure).parameters})


def select(table: pd.DataFrame, **wanted) -> pd.DataFrame:
    """Rows of ``table`` where each named column has the wanted value; ValueError saying what there is if none has."""
    chosen = pd.Series(True, index=table.index)
    for column, value in wanted.items():
        equal = np.isclose(table[column].astype(float), value) if isinstance(value, float) else table[column] == value
        chosen &= equal
    if not chosen.any():
        there = "; ".join(f"{column}: {sorted(table[column].dropna().unique().tolist())}" for column in wanted)
        raise ValueError(f"the table has no rows with {wanted}; it has {there}. Rerun the rule that writes the table")
    return table[chosen]


def read_table(path: str | os.PathLike) -> pd.DataFrame:
    """A tidy CSV. Only an empty field is missing: a language may be called ``na`` or ``nan``."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def region_kind(table: pd.DataFrame) -> pd.Series:
    """Kind of each row's region: its name without the language; monolingual-ru-global gives monolingual-global."""
    named = zip(table["region"], table["region_language"].fillna(""), strict=True)
    kinds = [kind_of(region, language) for region, language in named]
    return pd.Series(kinds, index=table.index)


def few_ticks() -> MaxNLocator:
    """At most three round ticks, for a small axis."""
    return MaxNLocator(nbins=3, min_n_ticks=2)
