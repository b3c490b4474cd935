"""Animation over layers: density maps of two or more matrices, one above the other, one frame a layer, as a GIF."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from langatlas.files import atomic
from langatlas.models.adapters import Part
from langatlas.present.figures import canvas, density
from langatlas.region import Region

PANEL = 2.9  # inches a side
DOTS = 100  # an inch
COLOURS = 37  # levels kept of each colour map: a density has 37 values, and a smaller palette makes a smaller file
GREYS = 24  # for text and lines


@dataclass(frozen=True)
class Panel:
    """What one panel shows in every frame: a module of a region, its colours and the first word of its title."""

    region: Region
    module: str
    label: str
    cmap: str = "Reds"


def frames(panels: Sequence[Panel], vmax: float = 1.0) -> Iterator[Image.Image]:
    """One RGB picture a layer, all of one size and layout. Raises ValueError when the panels have different layers."""
    columns = [density.matrices(panel.region, panel.module) for panel in panels]
    layers = [[matrix.layer for matrix in column] for column in columns]
    if any(other != layers[0] for other in layers[1:]):
        raise ValueError(f"the panels of an animation must have the same layers, got {layers}")
    drawing, images = _first_frame(panels, [column[0] for column in columns], vmax)
    for matrices in zip(*columns, strict=True):
        for panel, matrix, image in zip(panels, matrices, images, strict=True):
            image.set_data(_values(panel, matrix))
            image.axes.set_title(_title(panel, matrix), size=7.5)
        drawing.canvas.draw()
        yield Image.fromarray(np.asarray(drawing.canvas.buffer_rgba())[..., :3].copy())


def _values(panel: Panel, matrix: Part) -> np.ndarray:
    side = round(PANEL * DOTS)
    return density.density(panel.region.part_mask(matrix), side, side)


def _title(panel: Panel, matrix: Part) -> str:
    return density.title(panel.label, matrix, panel.region.metadata["model_type"])


def _first_frame(panels: Sequence[Panel], matrices: Sequence[Part], vmax: float) -> tuple[Figure, list]:
    """A figure laid out once; later frames only exchange the data and the titles."""
    drawing = canvas.new_figure(PANEL + 1.15, (PANEL + 0.65) * len(panels), dpi=DOTS)
    images = []
    for panel, matrix, axes in zip(
        panels, matrices, drawing.subplots(len(panels), 1, squeeze=False)[:, 0], strict=True
    ):
        images.append(density.draw(_values(panel, matrix), matrix.shape, axes, panel.cmap, vmax))
        axes.set_title(_title(panel, matrix), size=7.5)
        drawing.colorbar(images[-1], ax=axes, fraction=0.05, pad=0.02, aspect=25)
    drawing.draw_without_rendering()
    drawing.set_layout_engine("none")
    return drawing, images


def palette(cmaps: Sequence[str]) -> Image.Image:
    """A palette of the colour maps' own colours and greys; one made from the pictures would lose the rare dark reds."""
    distinct = list(dict.fromkeys(cmaps))
    levels = min(COLOURS, (256 - GREYS) // len(distinct))
    colours = [mpl.colormaps[cmap](np.linspace(0, 1, levels))[:, :3] for cmap in distinct]
    colours.append(np.repeat(np.linspace(0, 1, GREYS)[:, None], 3, axis=1))
    table = np.concatenate(colours)
    filled = np.concatenate([table, np.repeat(table[-1:], 256 - len(table), axis=0)])
    holder = Image.new("P", (1, 1))
    holder.putpalette(np.round(255 * filled).astype(np.uint8).tobytes())
    return holder


@dataclass(frozen=True)
class Animation:
    """What ``save`` writes: pictures with a palette, ``seconds`` each."""

    pictures: Sequence[Image.Image]
    seconds: float


def figure(
    regions: Sequence[Region], panels: Sequence[Mapping], seconds: float, vmax: float = 1.0, own: Mapping | None = None
) -> Animation:
    """A panel a region, from the top. ``panels``: ``module`` and ``cmap`` of each."""
    chosen = [
        Panel(region, panel["module"], density.region_name(region, own), panel["cmap"])
        for region, panel in zip(regions, panels, strict=True)
    ]
    colours = palette([panel.cmap for panel in chosen])
    pictures = [frame.quantize(palette=colours, dither=Image.Dither.NONE) for frame in frames(chosen, vmax)]
    return Animation(pictures, seconds)


def save(animation: Animation, outputs: Iterable[str | os.PathLike], provenance: Mapping[str, str]) -> None:
    """Write the GIF, atomically: loops for ever, provenance as its comment. Same data, same bytes."""
    first, *others = animation.pictures
    duration = round(1000 * animation.seconds)
    comment = json.dumps(dict(provenance), sort_keys=True)
    for output in outputs:
        with atomic(output) as path:
            first.save(path, save_all=True, append_images=others, duration=duration, loop=0, comment=comment)


def _open_all(paths: Iterable[str]) -> list[Region]:
    return [Region.open(path) for path in paths]


FIGURE = canvas.Picture(figure, {"regions": _open_all}, save)
