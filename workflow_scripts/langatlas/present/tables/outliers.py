"""Outlier dimensions of the residual stream beside the core region's lines."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from langatlas.present import columns, layout, markup
from langatlas.present.table import Table, paths
from langatlas.region import Region

COLUMNS = columns.of(
    "model",
    {
        "outlier_rank": "1: the dimension with the largest activation",
        "dimension": "index in the residual stream",
    },
    "layer",
    {
        "max_abs": "largest |activation| of the residual stream after any decoder block, over all tokens",
        "max_abs_later": "the same without the first token of each sequence",
        "times_median": "max_abs / median of max_abs over dimensions",
        "region_share": "parameters of the core region in lines of this dimension / mean over dimensions",
        "region_rank": "rank of the dimension by region_share; 1: most",
        "overlap": "how many of the first `outlier_rank` dimensions are among as many with the largest region_share",
        "overlap_by_chance": "expected overlap of two random sets of this size",
        "overlap_p_value": "probability of as large an overlap by chance (hypergeometric)",
    },
)  # fmt: skip
NOTE = """Dimensions of the residual stream by their largest |activation| after any decoder block. Share of the region:
its parameters in lines of this dimension, over all matrices, as a multiple of what an even spread gives. Overlap: how many of
the first N dimensions are also among the N that hold most of the region; p: as many or more by chance (hypergeometric)."""


def build(extremes: Iterable[str], regions: Iterable[str]) -> pd.DataFrame:
    """One row a model and dimension. ``extremes``, ``regions``: residual.parquet and the core region, one of each a model."""
    tables = []
    for path, region in zip(extremes, map(Region.open, regions), strict=True):
        tables.append(of_model(pd.read_parquet(path), region.axis_totals("residual"), region.metadata["model"]))
    return pd.concat(tables, ignore_index=True)


def of_model(extremes: pd.DataFrame, counts: np.ndarray, model: str, shown: int = 20) -> pd.DataFrame:
    """The ``shown`` dimensions with the largest activations, and how much of a region their lines hold.

    ``extremes``: layer, dimension, max_abs, max_abs_later; ``counts``: the region's parameters by residual dimension.
    """
    by_size = extremes.sort_values("max_abs", ascending=False, kind="stable")
    largest = by_size.drop_duplicates("dimension").set_index("dimension")
    later = extremes.groupby("dimension")["max_abs_later"].max()
    from scipy.stats import hypergeom  # a second to import, which the other tables do without

    ranks = pd.Series(-counts).rank(method="min").astype(int)
    width, rows, shown = len(counts), [], min(shown, len(counts))
    by_count = np.argsort(-counts, kind="stable")
    for n, dimension in enumerate(largest.index[:shown], start=1):
        overlap = len(set(largest.index[:n]) & set(by_count[:n].tolist()))
        rows.append(
            {
                "model": model,
                "outlier_rank": n,
                "dimension": dimension,
                "layer": largest.loc[dimension, "layer"],
                "max_abs": largest.loc[dimension, "max_abs"],
                "max_abs_later": later[dimension],
                "times_median": largest.loc[dimension, "max_abs"] / largest["max_abs"].median(),
                "region_share": counts[dimension] / counts.mean(),
                "region_rank": ranks[dimension],
                "overlap": overlap,
                "overlap_by_chance": n * n / width,
                "overlap_p_value": hypergeom.sf(overlap - 1, width, n, n),
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, the first ten dimensions, and the overlap in a sentence."""
    parts = {}
    for model, rows in table.groupby("model", sort=False):
        last = rows[rows["outlier_rank"] <= 10].iloc[-1]
        sentence = (
            f"Of the {last['outlier_rank']} dimensions with the largest activations, {last['overlap']} are among the as many "
            f"that hold most of the core region (by chance {markup.number(last['overlap_by_chance'])}, "
            f"p = {markup.number(last['overlap_p_value'])})."
        )
        shown = rows[rows["outlier_rank"] <= 10]
        parts[f"{model}\n{sentence}"] = pd.DataFrame(
            {
                "Dimension": list(shown["dimension"]),
                "Largest |activation|": list(shown["max_abs"]),
                "beyond the first token": list(shown["max_abs_later"]),
                "× median dimension": list(shown["times_median"]),
                "after block": list(shown["layer"]),
                "Share of the core region": list(shown["region_share"]),
                "Rank by share": list(shown["region_rank"]),
                "Overlap so far": list(shown["overlap"]),
            }
        )
    return parts


TABLE = Table(
    "Outlier dimensions and the core region", NOTE, COLUMNS, {"extremes": paths, "regions": paths}, build, wide
)
