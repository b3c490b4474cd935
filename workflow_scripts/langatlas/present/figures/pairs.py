"""Tables of language pairs as symmetric matrices."""

import numpy as np
import pandas as pd


def labels_of(table: pd.DataFrame) -> list[str]:
    """All languages of the columns language_a and language_b, sorted."""
    return sorted({*table["language_a"], *table["language_b"]})


def symmetric(table: pd.DataFrame, value: str, order: list[str]) -> np.ndarray:
    """Matrix of ``value`` with rows and columns in ``order``; a pair may stand in the table once or in both directions.

    NaN where the table has no row, also on the diagonal.
    """
    matrix = np.full((len(order), len(order)), np.nan)
    rows = table["language_a"].map(order.index).to_numpy()
    columns = table["language_b"].map(order.index).to_numpy()
    matrix[rows, columns] = matrix[columns, rows] = table[value].to_numpy(dtype=float)
    return matrix
