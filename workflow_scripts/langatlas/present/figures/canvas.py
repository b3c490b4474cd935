"""What every figure shares: the style, and saving so that the same data give the same bytes."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
from matplotlib import style as mpl_style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from langatlas.files import atomic
from langatlas.present import fonts

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


def save(figure: Figure, outputs: Iterable[str | os.PathLike], provenance: Mapping[str, str]) -> None:
    """Write ``figure`` to every path (.svg, .png), each atomically, with the provenance as metadata.

    The same figure gives the same bytes: no date is written and ids are salted by the style. Raises ValueError for
    another format.
    """
    for output in map(Path, outputs):
        kind = output.suffix.lstrip(".")
        if kind not in FORMATS:
            raise ValueError(f"cannot save {output}: the format must be one of {', '.join(FORMATS)}")
        with atomic(output) as path:
            figure.savefig(path, format=kind, metadata=_metadata(kind, provenance))


def _metadata(kind: str, provenance: Mapping[str, str]) -> dict[str, str | None]:
    """PNG: one text chunk a key. SVG (Dublin Core only): JSON as the description, and no date."""
    if kind == "png":
        return {"Software": f"matplotlib {mpl.__version__}", **{f"langatlas:{key}": value for key, value in provenance.items()}}
    described = json.dumps(dict(provenance), ensure_ascii=False, sort_keys=True)
    return {"Date": None, "Creator": f"matplotlib {mpl.__version__}", "Description": described}
