"""Read the published numbers of ``resources/published`` and put them beside ours.

A published number stands beside ours as a perplexity only where both come from the same model (the config's
``published_as``). For any other model it is a counterpart: only its ratio to base is shown, under its model's name.
"""

import os
import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

MODELS = ("LLaMA-2-7B", "LLaMA-2-13B")
SIDES = ("base", "top", "bottom", "random")
CORE = ["model", "language", "side", "ratio", "perplexity", "note"]
MONOLINGUAL = ["model", "region_language", "samples", "language", "side", "perplexity", "note"]
CORE_SOURCE = "Zhang et al. 2024, arXiv 2402.14700, perplexity after removal of 3 %"
MONOLINGUAL_SOURCE = "Zhang et al. 2024, arXiv 2402.14700, Table 5"


def load_core(path: str | os.PathLike) -> pd.DataFrame:
    """Perplexity after removal of the core region: ``core_removal.csv``, with scope and ratio_to_base added."""
    return _load(path, CORE, given_where_removed=["ratio"])


def load_monolingual(path: str | os.PathLike) -> pd.DataFrame:
    """Perplexity after removal of a language's region: ``monolingual_removal.csv``, scope and ratio_to_base added."""
    return _load(path, MONOLINGUAL, given_where_removed=["region_language", "samples"])


def _load(path: str | os.PathLike, expected: list[str], given_where_removed: list[str]) -> pd.DataFrame:
    """Read and check one file; errors name its line (the header is line 1)."""
    table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    if list(table.columns) != expected:
        raise ValueError(f"{path}: columns must be {', '.join(expected)}, got {', '.join(table.columns)}")
    keys = [name for name in expected if name not in ("perplexity", "note")]
    is_base = table["side"] == "base"
    bases = table[is_base].set_index(["model", "language"])["perplexity"]
    of_row = pd.MultiIndex.from_frame(table[["model", "language"]])
    problems = {
        f"model must be one of {', '.join(MODELS)}": ~table["model"].isin(MODELS),
        f"side must be one of {', '.join(SIDES)}": ~table["side"].isin(SIDES),
        "perplexity must be a number of at least 1": ~(pd.to_numeric(table["perplexity"], errors="coerce") >= 1),
        f"{', '.join(given_where_removed)} must be empty for base": is_base
        & table[given_where_removed].notna().any(axis=1),
        f"{', '.join(given_where_removed)} must be given": ~is_base & table[given_where_removed].isna().any(axis=1),
        "the same case stands twice": table.duplicated(keys),
        "no base of this model and language": ~pd.Series(of_row.isin(bases.index)),
    }
    for problem, rows in problems.items():
        if rows.any():
            line = int(np.flatnonzero(rows)[0])
            raise ValueError(f"{path}, line {line + 2}: {problem}, got {dict(table.iloc[line])}")
    table["scope"] = np.where(is_base, None, "matrix")  # the paper ranks within each matrix
    table["ratio_to_base"] = table["perplexity"] / bases.reindex(of_row).to_numpy()
    return table.astype({"samples": "Int64"}) if "samples" in table else table


def counterpart_column(published_model: str) -> str:
    """Column with the ratio to base of a published model: LLaMA-2-7B gives llama_2_7b_ratio_to_base."""
    return re.sub(r"[^a-z0-9]+", "_", published_model.lower()) + "_ratio_to_base"


def beside(ours: pd.DataFrame, published: pd.DataFrame, on: list[str], published_as: Mapping[str, str], source: str):
    """``ours`` with published numbers in further columns; one row stays one row.

    ``on``: columns, besides the model, in which a published row must equal ours (empty equals empty). Adds
    published_model, published_perplexity, published_ratio_to_base and perplexity_to_published for the same model,
    a ``counterpart_column`` for every published model, and published_source. Raises ValueError for a published_as
    that names no published model.
    """
    known = [model for model in MODELS if model in set(published["model"])]
    for model, name in published_as.items():
        if name not in MODELS:
            raise ValueError(f"models.{model}.published_as must be one of {', '.join(MODELS)} or null, got {name!r}")
    result = ours.assign(published_model=ours["model"].map(published_as).astype("str"))
    same = published.rename(columns={"model": "published_model"})
    same = same[["published_model", *on, "perplexity", "ratio_to_base"]]
    renamed = {"perplexity": "published_perplexity", "ratio_to_base": "published_ratio_to_base"}
    result = _left_join(result, same.rename(columns=renamed), ["published_model", *on])
    for model in known:
        rows = published.loc[published["model"] == model, [*on, "ratio_to_base"]]
        result = _left_join(result, rows.rename(columns={"ratio_to_base": counterpart_column(model)}), on)
    found = result[[counterpart_column(model) for model in known]].notna().any(axis=1)
    return result.assign(
        perplexity_to_published=result["perplexity"] / result["published_perplexity"],
        published_source=np.where(found, source, None),
    )


def _left_join(left: pd.DataFrame, right: pd.DataFrame, on: list[str]) -> pd.DataFrame:
    """Left join in which an empty key equals an empty key, with as many rows as before."""
    right = right.astype({name: left[name].dtype for name in on})
    return left.merge(right, on=on, how="left", validate="many_to_one")
