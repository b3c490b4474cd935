"""What tables of sets of equal size share: regions and neurons that methods chose, cut to the same number of parameters."""

import os
from collections.abc import Iterable, Mapping

import pandas as pd

from langatlas.present import markup
from langatlas.region import EQUAL, SHARE, Region

RUN = ["model", "experiment"]
TESTED = [*RUN, "size_share"]
Sizes = Mapping[tuple[str, str, str], int]  # (model, region, setting) -> parameters
NOTE = """All sets of a language have the same number of parameters: as many as the smallest set has in whole neurons, or a
share of it. Larger sets lose what their score likes least: a region its least important parameters, in every matrix the same
part of it, LAPE its neurons of highest entropy, average precision those of lowest."""


def numbers_of_parameters(paths: Iterable[str | os.PathLike]) -> Sizes:
    """Parameters of every region of equal size. Raises ValueError where two methods differ for the same language and share."""
    sizes, expected = {}, {}
    for path in paths:
        found = Region.open(path).metadata
        model, setting, number = found["model"], found["setting"], int(found["n_selected"])
        sizes[model, found["region"], setting] = number
        if expected.setdefault((model, setting, found["region_language"]), number) != number:
            raise ValueError(
                f"{path}: {number} parameters, but other methods have {expected[model, setting, found['region_language']]} for "
                f"{found['region_language']}, {setting}; delete the regions *{EQUAL}* and run again"
            )
    return sizes


def named(rows: pd.DataFrame, sizes: Sizes) -> pd.DataFrame:
    """Rows of non-empty sets of equal size, with method, size_share and n_parameters."""
    rows = rows[rows["region"].astype("str").str.contains(EQUAL, na=False)]
    keys = rows[["model", "region", "setting"]].itertuples(index=False, name=None)
    rows = rows.assign(
        method=rows["region"].str.partition(EQUAL)[0],
        size_share=rows["setting"].str.removeprefix(SHARE).astype(float),
        n_parameters=pd.array([sizes[key] for key in keys], dtype="Int64"),
    )
    return rows[rows["n_parameters"] > 0]


def of_the_largest(share: float) -> str:
    """How large sets are, in words."""
    return "sets as large as the smallest" if share == 1 else f"sets of {markup.percent(share)} of that"
