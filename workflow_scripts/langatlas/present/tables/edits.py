"""What edits of lines, dimensions and single parameters do: rows of the table `perplexity`."""

import pandas as pd

from langatlas import languages
from langatlas.present import columns, layout, paired, removal
from langatlas.present.table import Table, read_table

COLUMNS = columns.of(
    "model", "experiment", "language", "region", "scope", "samples", "ratio", "edit", "setting", "lines", "amount",
    "side", "target", *columns.with_interval("perplexity"), *columns.with_interval("ratio_to_base"),
    *columns.with_interval("ratio_to_random"), "ratio_to_base_seed_min", "ratio_to_base_seed_max", "n_seeds",
    "p_value", "p_value_holm",
)  # fmt: skip
NOTE = """× base: perplexity divided by that of the unchanged model, with the 95 % bootstrap interval over test sequences;
random: mean over seeds (the CSV has the range over seeds too). Axes: head (features of attention heads),
residual (features of the residual stream), ffn (neurons). Lines: so many of each matrix are set to zero; shared by matrix:
each has its own."""
SETTING = [
    "model", "experiment", "language", "region", "scope", "samples", "ratio", "edit", "setting", "lines", "amount",
]  # fmt: skip
SIDES = ("top", "middle", "bottom", "random")


def build(perplexity: pd.DataFrame) -> pd.DataFrame:
    """One row an edit, language and side of the table `perplexity`; random is the mean over seeds and has no target."""
    rows = perplexity[perplexity["edit"].notna() & ~perplexity["edit"].isin(["remove", "silence"])]
    rows = rows.assign(target=rows["target"].where(rows["side"] != "random"))
    table = removal.mean_over_seeds(rows, [*SETTING, "side", "target"])
    keys = [name for name in SETTING if name != "language"]
    table["p_value_holm"] = paired.holm(table, keys)
    return table[list(COLUMNS)]


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, experiment and language; a row a setting; sides beside each other."""
    parts = {}
    order = languages.order_by_family(table["language"].unique(), labels) if len(table) else []
    for (model, experiment), rows in table.groupby(["model", "experiment"], sort=False):
        for language in [label for label in order if label in set(rows["language"])]:
            part = rows[rows["language"] == language]
            heading = f"{model}, {experiment}, tested on {layout.name(language, labels)}"
            parts[heading] = _lines_part(part) if (part["edit"] == "lines").all() else _targets_part(part)
    return parts or {"": pd.DataFrame({"No edits": ["the config has no such experiment"]})}


def _lines_part(part: pd.DataFrame) -> pd.DataFrame:
    lines = []
    for (setting, count), rows in part.groupby(["setting", "lines"], sort=False):
        cells = rows.set_index("side")
        line = {"Setting": setting, "Lines": count}
        line |= {
            f"{side.capitalize()} × base": removal.factor(cells.loc[side]) for side in SIDES if side in cells.index
        }
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
            line = {
                "Setting": setting,
                "Target": row["target"],
                "Done": f"{done} {amount:g}",
                "× base": removal.factor(row),
            }
            line |= {"Random × base": removal.factor(random.iloc[0]) if len(random) else None, "p": row["p_value_holm"]}
            lines.append(line)
    return pd.DataFrame(lines)


TABLE = Table(
    "Perplexity after editing lines, dimensions and single parameters",
    NOTE,
    COLUMNS,
    {"perplexity": read_table},
    build,
    wide,
)
