"""Inhibited neurons by layer while a model translates.

Axes: S sentences, L layers, R resamples.
"""

import numpy as np
import pandas as pd

from langatlas.present import columns, layout, markup, translations
from langatlas.present.table import Table
from langatlas.translation_rows import CLASSES, counts

COLUMNS = columns.of(
    "model", "experiment", *columns.INTERVENTION, "condition", "shots", "source_language", "target_language",
    "input_languages",
    {"positions": "which tokens are counted: published (last position of each forward pass), last_prompt, generated, all"},
    "layer", *columns.with_interval("inhibited_share"), *columns.with_interval("inhibited_difference"),
    {"zero_share": "share of neurons at exactly 0"},
    "baseline",
)  # fmt: skip
NOTE = """Share of neurons of each layer at or below 0 and at 0, by which tokens are counted: published (the last position
of each forward pass), which is last_prompt and generated together, or all. 95 % bootstrap intervals over sentences; differences
to direct with as many examples (else to direct) on the same resamples."""


def build(rows: pd.DataFrame, *, resamples: int, seed: int) -> pd.DataFrame:
    """One row a model, experiment, source language, intervention, condition, class of tokens and layer."""
    lines = []
    for key, parts in translations.experiments(rows):
        for positions in CLASSES:
            shares = {
                name: translations.share(part, "inhibited", positions, resamples, seed) for name, part in parts.items()
            }
            for name, part in parts.items():
                if shares[name] is None:
                    continue
                base = translations.baseline(name, parts)
                about = translations.about(key, part) | {"positions": positions, "baseline": base}
                for layer, zero_share in enumerate(_zero_share(part, positions)):
                    line = about | {"layer": layer, "zero_share": zero_share}
                    line |= translations.interval("inhibited_share", shares[name][:, layer])
                    if base and shares[base] is not None:
                        difference = (shares[name] - shares[base])[:, layer]
                        line |= translations.interval("inhibited_difference", difference)
                    lines.append(line)
    return pd.DataFrame(lines).reindex(columns=list(COLUMNS))


def _zero_share(part: pd.DataFrame, positions: str) -> np.ndarray:
    """Of all sentences (L,)."""
    found_SL, tokens_S = counts(part, "zero", positions)
    return found_SL.sum(0) / (tokens_S.sum() * part["neurons"].iloc[0])


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part as in the table `translation`, a row a layer and a column a condition: the published reading."""
    parts, table = {}, table.assign(intervention=layout.interventions(table))
    for (model, experiment, source, *_), part in table[table["positions"] == "published"].groupby(
        translations.KEYS, dropna=False, sort=False
    ):
        order = list(dict.fromkeys(part["condition"]))
        wide = part.pivot(index="layer", columns="condition", values="inhibited_share")[order]
        wide.loc["mean"] = wide.mean()
        cells = wide.map(markup.number).rename_axis(columns=None)
        heading = f"{model}, {experiment}, from {layout.name(source, labels)}: share of inhibited neurons"
        parts[heading + translations.after(part["intervention"].iloc[0])] = cells.rename_axis("Layer").reset_index()
    return parts or translations.NOTHING


TABLE = Table("Inhibited neurons by layer", NOTE, COLUMNS, {"rows": translations.read_rows}, build, wide)
