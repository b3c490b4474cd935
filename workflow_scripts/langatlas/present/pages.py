"""Pages of sentences with numbers: what survives the controls, and what published readings change."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from langatlas.present import readings, survival, wide_tables


@dataclass(frozen=True, slots=True)
class Page:
    """Title, note, tidy table from the tables by name, layout for people."""

    title: str
    note: str
    build: Callable[[Mapping[str, pd.DataFrame]], pd.DataFrame]
    wide: Callable[[pd.DataFrame, wide_tables.Labels], dict[str, pd.DataFrame]]


PAGES = {
    "survival": Page("What survives the controls", survival.NOTE, survival.survival, survival.wide_survival),
    "readings": Page("What the published readings change", readings.NOTE, readings.readings, readings.wide_readings),
}
