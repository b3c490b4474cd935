"""Density maps of a region's mask, after the published recipe (Zhang et al. 2024, arXiv 2402.14700, Fig. 2).

Each matrix element is replaced by the fraction of selected elements in its 3 x 3 neighbourhood. The paper does not say
what happens at the edges; here the fraction is taken over the neighbours that exist (4 in a corner, 6 along an edge), so
that a fully selected matrix is 1 everywhere and edges do not look emptier than they are.
"""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from langatlas.models.adapters import Part, adapter_for
from langatlas.present import fonts
from langatlas.region import Region

PARTS = 36  # a neighbourhood has 1, 2, 3, 4, 6 or 9 elements; all divide 36, so densities are whole numbers of parts


def matrices(region: Region, module: str | None = None) -> list[Part]:
    """Weight matrices (no vectors) of a region by layer, of one module such as ``attn.q`` or of all.

    Raises ValueError when the module is none of the region's.
    """
    places = [part for part in region.parts() if len(part.shape) == 2]
    found = [place for place in places if module in (None, place.module)]
    if not found:
        there = ", ".join(sorted({place.module for place in places}))
        raise ValueError(f"{region.path} has no matrix {module!r}; it has {there}")
    return sorted(found, key=lambda matrix: matrix.layer)


def neighbourhood_parts(mask: np.ndarray) -> np.ndarray:
    """Bool (rows, columns) -> uint8 of the same shape: selected fraction of the 3 x 3 neighbourhood, in 36ths.

    Whole numbers, so exact; a few passes over one byte an element: an 11008 x 4096 matrix takes 0.1 s.
    """
    counts = _sum_of_three(_sum_of_three(mask.view(np.uint8), 0), 1)
    neighbours = np.outer(*(_sum_of_three(np.ones(size, np.uint8), 0) for size in mask.shape))
    if min(mask.shape) > 2:  # all but the frame has nine neighbours: no division there
        counts[1:-1, 1:-1] *= PARTS // 9
        for edge in (np.s_[0], np.s_[-1], np.s_[1:-1, 0], np.s_[1:-1, -1]):
            counts[edge] *= PARTS // neighbours[edge]
        return counts
    return counts * (PARTS // neighbours)


def _sum_of_three(values: np.ndarray, axis: int) -> np.ndarray:
    """Each element plus those before and after it along ``axis``; at the ends, plus the one that exists."""
    result = values.copy()
    before, after = [slice(None)] * values.ndim, [slice(None)] * values.ndim
    before[axis], after[axis] = slice(None, -1), slice(1, None)
    result[tuple(after)] += values[tuple(before)]
    result[tuple(before)] += values[tuple(after)]
    return result


def shrink(parts: np.ndarray, height: int, width: int) -> np.ndarray:
    """Mean density, float32 in [0, 1], of blocks of elements: at most ``height`` x ``width`` blocks.

    Every element belongs to exactly one block and blocks differ by at most one element a side: no element is skipped, as
    sampling every n-th would. A matrix that is small enough is only scaled.
    """
    sizes = [min(limit, size) for limit, size in zip((height, width), parts.shape, strict=True)]
    edges = [np.arange(count) * size // count for count, size in zip(sizes, parts.shape, strict=True)]
    sums = np.add.reduceat(np.add.reduceat(parts, edges[0], axis=0, dtype=np.uint32), edges[1], axis=1)
    areas = np.outer(*(np.diff([*edge, size]) for edge, size in zip(edges, parts.shape, strict=True)))
    return (sums / (areas * PARTS)).astype(np.float32)


def density(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """Density map of a mask as float32 in [0, 1], shrunk to at most ``height`` x ``width``."""
    return shrink(neighbourhood_parts(mask), height, width)


def draw(values: np.ndarray, shape: tuple[int, int], axes: Axes, cmap: str, vmax: float = 1.0) -> AxesImage:
    """Show a density map of a matrix of ``shape``: origin top left, rows are outputs and columns inputs, as ticks count them."""
    rows, columns = shape
    extent = (-0.5, columns - 0.5, rows - 0.5, -0.5)
    image = axes.imshow(values, cmap=cmap, vmin=0, vmax=vmax, extent=extent, aspect="auto")
    axes.spines[:].set_visible(True)
    axes.set(xlabel="Column", ylabel="Row")
    return image


def region_name(region: Region, own: Mapping | None = None) -> str:
    """The region's language in English; of a region of several languages its name, "Core". ``own``: own labels."""
    language = region.metadata.get("region_language")
    return fonts.english_name(language, own) if language else region.metadata["region"].capitalize()


def title(label: str, matrix: Part, model_type: str) -> str:
    """As in the paper: ``Arabic.Layers.16.self_attn.q_proj`` for the label Arabic; of a fused tensor also which part."""
    inner = matrix.name.removesuffix(".weight").removeprefix(adapter_for(model_type).blocks + ".")
    return f"{label}.Layers.{inner}" + ("" if matrix.whole else f" ({matrix.module})")
