"""Does other text of the same language give the same region, and a wider scope the same core?"""

import pandas as pd

from langatlas.present import columns, layout, markup
from langatlas.present.removal import overlap_with_core
from langatlas.present.table import Table, read_tables

COLUMNS = columns.of(
    "model", "ratio",
    {
        "comparison": "halves (of one language), languages (halves of two), milestones (little and much text of one), "
        "scopes (the core of each matrix and the core of a wider scope)",
    },
    "language_a", "language_b", "jaccard", "jaccard_by_chance", "times_chance", "spearman",
)  # fmt: skip
NOTE = """Jaccard index of the top parameters and rank correlation of the importances, mean and range over pairs. If
halves of one language agree no better than halves of two languages, a region says nothing about its language."""


def build(counts: pd.DataFrame, overlap: pd.DataFrame) -> pd.DataFrame:
    """``counts``: as measured (``locate.reliability``); ``overlap``: as ``counts`` of the table `controls`."""
    wider = overlap_with_core(overlap[overlap["scope"] != "matrix"]) if len(overlap) else overlap
    if wider.empty:
        return counts[list(COLUMNS)]
    wider = wider.assign(comparison="scopes", ratio=overlap["ratio"].iloc[0])
    return pd.concat([counts, wider], ignore_index=True)[list(COLUMNS)]


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model: each comparison's mean and range."""
    words = {
        "halves": "same language, two halves of the text",
        "languages": "two languages, other halves of the text",
        "milestones": "same language, little and much text",
        "scopes": "the core of each matrix, the core of a wider scope",
    }
    parts = {}
    for (model, ratio), rows in table.groupby(["model", "ratio"], sort=False):
        lines = []
        for comparison, part in rows.groupby("comparison", sort=False):
            line = {"Comparison": words[comparison], "Pairs": len(part)}
            for heading, column in (
                ("Jaccard", "jaccard"),
                ("× chance", "times_chance"),
                ("Rank correlation", "spearman"),
            ):
                line[heading] = markup.number(part[column].mean())
                if len(part) > 1:
                    line[heading] += f" ({markup.number(part[column].min())} to {markup.number(part[column].max())})"
            lines.append(line)
        parts[f"{model}: top {markup.percent(ratio)} of each matrix"] = pd.DataFrame(lines)
    return parts


TABLE = Table(
    "Does other text of the same language give the same region?",
    NOTE,
    COLUMNS,
    {"counts": read_tables, "overlap": read_tables},
    build,
    wide,
)
