"""What tables of translations share: conditions of an experiment, and shares of neurons, drawn (``paired``).

All conditions of an experiment have the same sentences of a language and share the resamples, so that differences are paired:
those of one language under one intervention.

Axes: S sentences, L layers, R resamples.
"""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pandas as pd

from langatlas.present import columns, layout, paired
from langatlas.present.measured import check_same_weights
from langatlas.translation_rows import counts
from langatlas.translation_rows import read_rows as read_file

KEYS = ["model", "experiment", "source_language", *columns.INTERVENTION]
ABOUT = ["condition", "shots", "target_language", "input_languages"]
NOTHING = {"": pd.DataFrame({"No translations": ["no sentence was translated"]})}


def read_rows(paths: Iterable[str]) -> pd.DataFrame:
    """Translations of all models and experiments. Raises ValueError as ``check_same_weights`` does."""
    paths = list(paths)
    check_same_weights(paths)
    return pd.concat(map(read_file, paths), ignore_index=True)


def experiments(rows: pd.DataFrame) -> Iterator[tuple[tuple, dict[str, pd.DataFrame]]]:
    """Conditions of each model, experiment, source language and intervention, in their order, sentences in the same order."""
    for key, part in rows.groupby(KEYS, dropna=False, sort=False):
        parts = {
            name: one.sort_values("item_number", ignore_index=True)
            for name, one in part.groupby("condition", sort=False)
        }
        first = next(iter(parts.values()))["item"]
        for name, one in parts.items():
            if not one["item"].equals(first):
                raise ValueError(
                    f"{key[:3]}: {name} has other sentences than the first condition; translate them again"
                )
        yield key, parts


def baseline(name: str, conditions: Mapping[str, pd.DataFrame]) -> str | None:
    """The condition that another is compared with: direct with as many examples, else without; None for that itself."""
    same = f"direct-{conditions[name]['shots'].iloc[0]}shot"
    return next((other for other in (same, "direct") if other in conditions and other != name), None)


def after(intervention: str) -> str:
    """What a heading says of an intervention (``layout.interventions``): nothing of the unchanged model."""
    return "" if intervention == layout.UNCHANGED else f", after {intervention}"


def about(key: tuple, part: pd.DataFrame) -> dict:
    """The columns KEYS and ABOUT of a condition."""
    return dict(zip(KEYS, key, strict=True)) | part.iloc[0][ABOUT].to_dict()


def interval(name: str, drawn: np.ndarray) -> dict[str, float]:
    """``paired.interval`` of numbers that are no logarithms."""
    return paired.interval(name, drawn, np.asarray)


def share(part: pd.DataFrame, which: str, positions: str, resamples: int, seed: int) -> np.ndarray | None:
    """Share of the neurons of each layer over all tokens of a class, drawn (1 + R, L); None where there are no such tokens."""
    found_SL, tokens_S = counts(part, which, positions)
    if not tokens_S.any():
        return None
    return paired.drawn_means(found_SL.T, tokens_S * part["neurons"].iloc[0], resamples, seed)
