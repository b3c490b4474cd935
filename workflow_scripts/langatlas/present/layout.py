"""How tables are laid out for people: languages by name, headings, numbers with their interval."""

from collections.abc import Mapping

import pandas as pd

from langatlas import languages
from langatlas.present import columns, markup

Labels = Mapping[str, Mapping[str, str]] | None  # the config's own labels, which are no languages
HEADINGS = {
    "region": "Region", "scope": "Scope", "samples": "Samples", "side": "Side", "ratio": "Ratio",
    "edit": "Edit", "setting": "Setting", "target": "Target", "lines": "Lines", "amount": "Amount",
}  # fmt: skip
SPLITS = ("pretrain", "locate", "test")  # in the order in which a run uses them


def name(label: str, labels: Labels) -> str:
    """``Russian (ru)``."""
    language = languages.get(label, labels)
    return label if language.name == label else f"{language.name} ({label})"


def setting(model: str, samples, ratio: float, scope: str) -> str:
    """``mini, 3 % of each matrix, 256 samples``: what heads a part."""
    within = {"matrix": "of each matrix", "layer": "of each layer", "global": "of the model"}.get(scope, f"({scope})")
    return f"{model}, {markup.percent(ratio)} {within}, {markup.number(samples)} samples"


def cell(row: Mapping, name: str) -> str:
    """A number of a row with its interval: ``1.31 [1.28, 1.35]``."""
    return markup.interval(*(row[column] for column in columns.with_interval(name)))


def cells(rows: pd.DataFrame, name: str) -> list[str]:
    """``cell`` of every row."""
    return [markup.interval(*row) for row in rows[columns.with_interval(name)].itertuples(index=False)]
