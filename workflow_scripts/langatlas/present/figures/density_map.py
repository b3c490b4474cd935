"""Density map of one matrix of a region, in the published recipe."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from langatlas.present.figures import canvas, density
from langatlas.region import Region

LONG_SIDE = 5.0  # inches
DOTS = 150  # blocks of elements an inch: fewer than dots in the PNG, so that drawing drops none


def figure(
    region: Region, layer: int, module: str, cmap: str = "Reds", vmax: float = 1.0, own: Mapping | None = None
) -> Figure:
    """Density of ``module`` (for example attn.q) in ``layer``, colours from 0 to ``vmax``, in the matrix's proportions.

    The title's first word is the region's language. Raises ValueError for a layer that the region does not have.
    """
    candidates = density.matrices(region, module)
    chosen = [matrix for matrix in candidates if matrix.layer == layer]
    if not chosen:
        raise ValueError(f"{region.path} has no layer {layer}; {module} has layers 0 to {candidates[-1].layer}")
    rows, columns = chosen[0].shape
    height, width = (max(1.2, LONG_SIDE * side / max(rows, columns)) for side in (rows, columns))
    drawing = canvas.new_figure(width + 1.3, height + 0.8)
    axes = drawing.add_subplot()
    values = density.density(region.part_mask(chosen[0]), round(height * DOTS), round(width * DOTS))
    image = density.draw(values, (rows, columns), axes, cmap, vmax)
    bar = drawing.colorbar(image, ax=axes, fraction=0.05, pad=0.02, aspect=25)
    bar.set_label("selected share of 3 × 3")
    axes.set_title(density.title(density.region_name(region, own), chosen[0], region.metadata["model_type"]))
    return drawing


FIGURE = canvas.Picture(figure, {"region": Region.open})
