"""Perplexity of every intervention with 95 % intervals and paired tests: one row an intervention and language.

How rows of sequences are summarized: ``perplexity_rows``, for other tables do it too.
"""

import numpy as np
import pandas as pd

from langatlas import languages, statistics
from langatlas.present import columns, layout, markup
from langatlas.present.perplexity_rows import summarized
from langatlas.present.table import Table, paths

COLUMNS = columns.of(
    "model", "experiment", "language", *columns.INTERVENTION, *columns.with_interval("perplexity"),
    {
        "perplexity_published": "the same rows as published: shuffled and dealt out to processes, exp(mean over batches of 16 "
        "sequences of each batch's mean NLL), mean over processes",
    },
    *columns.with_interval("bits_per_byte"), *columns.with_interval("ratio_to_base"),
    *columns.with_interval("ratio_to_random"), "p_value", "n_sequences", "n_tokens", "n_bytes",
)  # fmt: skip
NOTE = """Perplexity: exp of the NLL in nats, summed over test tokens, divided by their number. base: the unchanged model.
random: geometric mean over seeds. The CSV has every seed, bits per byte, ratios, 95 % intervals and p-values."""


def build(rows: list[str], **settings: int) -> pd.DataFrame:
    """One row an intervention and language of many perplexity files. Settings: as of ``perplexity_rows.summarized``."""
    return summarized(rows, **settings)[list(COLUMNS)]


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model and experiment, a row an intervention, a column a language (by family), perplexity in the cells.

    Random regions: geometric mean over seeds. Columns that are the same for all interventions are left out.
    """
    parts = {}
    for (model, experiment), part in table.groupby(["model", "experiment"], sort=False):
        removed = part["side"] != "base"
        keys = [
            key
            for key in layout.HEADINGS
            if key in ("side", "ratio") or part.loc[removed, key].nunique(dropna=False) > 1
        ]
        order = part.groupby(keys, dropna=False, sort=False).ngroup()
        logarithm = np.log(part["perplexity"]).groupby([order, part["language"]]).mean().unstack("language")
        cells = statistics.exp_or_inf(logarithm)[languages.order_by_family(logarithm.columns, labels)]
        head = part.loc[~order.duplicated(), keys].set_axis(cells.index)
        head["ratio"] = [markup.percent(ratio) if pd.notna(ratio) else None for ratio in head["ratio"]]
        parts[f"{model}, {experiment}"] = head.rename(columns=layout.HEADINGS).join(cells)
    return parts


TABLE = Table("Perplexity after removal", NOTE, COLUMNS, {"rows": paths}, build, wide)
