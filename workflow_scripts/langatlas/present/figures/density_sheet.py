"""Sheet of density maps: every layer and module of one region as thumbnails."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from langatlas.models.adapters import MODULE_ORDER
from langatlas.present.figures import canvas, density
from langatlas.region import Region

THUMBNAIL, SMALLEST = 0.95, 0.55  # inches a side; smaller where there are many layers, to stay on a page
PAGE = 16.0  # inches
DOTS = 150  # blocks of elements an inch: fewer than dots in the PNG, so that drawing drops none
GAP = 0.05  # between thumbnails, in thumbnails


def figure(
    region: Region, model: str, cmap: str = "Reds", vmax: float | None = None, own: Mapping | None = None
) -> Figure:
    """Layers at the rows, modules at the columns, one colour scale from 0 to ``vmax`` (None: the largest value shown).

    Thumbnails are squares whatever the shape of the matrix, which stands under the module's name.
    """
    found = density.matrices(region)
    modules = [module for module in MODULE_ORDER if any(matrix.module == module for matrix in found)]
    layers = sorted({matrix.layer for matrix in found})
    inches = min(THUMBNAIL, max(SMALLEST, PAGE / len(layers)))
    side = round(inches * DOTS)
    maps = {(m.layer, m.module): density.density(region.part_mask(m), side, side) for m in found if m.module in modules}
    vmax = max(float(values.max()) for values in maps.values()) if vmax is None else vmax
    drawing = canvas.new_figure(1.5 + inches * len(modules), 1.0 + inches * len(layers))
    axes = drawing.add_subplot()
    for (layer, module), values in maps.items():
        left, upper = modules.index(module), layers.index(layer)
        extent = (left, left + 1 - GAP, upper + 1 - GAP, upper)
        image = axes.imshow(values, cmap=cmap, vmin=0, vmax=vmax, extent=extent)
    axes.set(xlim=(0, len(modules) - GAP), ylim=(len(layers) - GAP, 0), ylabel="layer")
    shapes = [next(matrix.shape for matrix in found if matrix.module == module) for module in modules]
    between = " " if inches == THUMBNAIL else "\n"
    names = [f"{module}\n{rows}{between}× {columns}" for module, (rows, columns) in zip(modules, shapes, strict=True)]
    axes.set_xticks(np.arange(len(modules)) + 0.5, names, size=6)
    axes.set_yticks(np.arange(len(layers)) + 0.5, layers)
    axes.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)
    bar = drawing.colorbar(image, ax=axes, fraction=0.03, pad=0.02, aspect=30)
    bar.set_label("selected share of the 3 × 3 neighbourhood")
    axes.set_title(f"{density.region_name(region, own)} region of {model}: every layer and matrix", pad=10)
    return drawing


FIGURE = canvas.Picture(figure, {"region": Region.open})
