"""Tables of what edits of lines, dimensions and parameters do, and of the outlier dimensions of the residual stream."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from langatlas import languages, statistics
from langatlas.present import columns, markup, wide_tables
from langatlas.present.removal_tables import mean_over_seeds

EDITS_NOTE = """× base: perplexity divided by that of the unchanged model, with the 95 % bootstrap interval over test sequences;
random: mean over seeds, with the range over seeds where there are several. Axes: head (features of attention heads),
residual (features of the residual stream), ffn (neurons). Lines: so many of each matrix are set to zero; shared by matrix:
each has its own."""
OUTLIER_NOTE = """Dimensions of the residual stream by their largest |activation| after any decoder block. Share of the region:
its parameters in lines of this dimension, over all matrices, as a multiple of what an even spread gives. Overlap: how many of
the first N dimensions are also among the N that hold most of the region; p: as many or more by chance (hypergeometric)."""
SETTING = [
    "model",
    "experiment",
    "language",
    "region",
    "scope",
    "samples",
    "ratio",
    "edit",
    "setting",
    "lines",
    "amount",
]
SIDES = ("top", "middle", "bottom", "random")


def edits(perplexity: pd.DataFrame) -> pd.DataFrame:
    """One row an edit, language and side of the table `perplexity`; random is the mean over seeds and has no target."""
    rows = perplexity[perplexity["edit"].notna() & ~perplexity["edit"].isin(["remove", "silence"])]
    rows = rows.assign(target=rows["target"].where(rows["side"] != "random"))
    table = mean_over_seeds(rows, [*SETTING, "side", "target"])
    keys = [name for name in SETTING if name != "language"]
    table["p_value_holm"] = table.groupby(keys, dropna=False)["p_value"].transform(statistics.holm)
    return table[columns.EDITS]


def wide_edits(table: pd.DataFrame, labels: wide_tables.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, experiment and language; a row a setting; sides beside each other."""
    parts = {}
    order = languages.order_by_family(table["language"].unique(), labels) if len(table) else []
    for (model, experiment), rows in table.groupby(["model", "experiment"], sort=False):
        for language in [label for label in order if label in set(rows["language"])]:
            part = rows[rows["language"] == language]
            heading = f"{model}, {experiment}, tested on {wide_tables.name(language, labels)}"
            parts[heading] = _lines_part(part) if (part["edit"] == "lines").all() else _targets_part(part)
    return parts or {"": pd.DataFrame({"No edits": ["the config has no such experiment"]})}


def _lines_part(part: pd.DataFrame) -> pd.DataFrame:
    lines = []
    for (setting, count), rows in part.groupby(["setting", "lines"], sort=False):
        cells = rows.set_index("side")
        line = {"Setting": setting, "Lines": count}
        line |= {f"{side.capitalize()} × base": _cell(cells.loc[side]) for side in SIDES if side in cells.index}
        lines.append(line | {"p, top": cells["p_value_holm"].get("top")})
    return pd.DataFrame(lines)


def _targets_part(part: pd.DataFrame) -> pd.DataFrame:
    """A row a target; its control is the random rows with as many indices and the same amount."""
    lines = []
    keys = ["edit", "setting", "lines", "amount"]
    for (edit, setting, _, amount), rows in part.groupby(keys, dropna=False, sort=False):
        random = rows[rows["side"] == "random"]
        for _, row in rows[rows["side"] != "random"].iterrows():
            done = "set to" if edit in ("set", "dimension") else "multiplied by"
            line = {"Setting": setting, "Target": row["target"], "Done": f"{done} {amount:g}", "× base": _cell(row)}
            line |= {"Random × base": _cell(random.iloc[0]) if len(random) else None, "p": row["p_value_holm"]}
            lines.append(line)
    return pd.DataFrame(lines)


def _cell(row: pd.Series) -> str:
    ends = ("ratio_to_base_seed_min", "ratio_to_base_seed_max")
    if pd.isna(row["n_seeds"]) or row["n_seeds"] < 2:
        ends = ("ratio_to_base_low", "ratio_to_base_high")
    return markup.interval(row["ratio_to_base"], *(row[end] for end in ends))


def outliers(extremes: pd.DataFrame, counts: np.ndarray, model: str, shown: int = 20) -> pd.DataFrame:
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
    return pd.DataFrame(rows, columns=columns.OUTLIERS)


def wide_outliers(table: pd.DataFrame, labels: Mapping | None = None) -> dict[str, pd.DataFrame]:
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
