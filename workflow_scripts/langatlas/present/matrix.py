"""Pages of languages by languages: rows and columns by family, rows by name, the largest of a row in bold."""

import pandas as pd

from langatlas import languages
from langatlas.present import layout, markup


def effects(cells: pd.DataFrame, labels: layout.Labels, heading: str) -> pd.DataFrame:
    """What the set of a language (row) does to each language (column), hit hardest in bold."""
    return named(bold_largest(cells[languages.order_by_family(cells, labels)]), labels, heading)


def bold_largest(cells: pd.DataFrame) -> pd.DataFrame:
    """Numbers as text, the largest of each row in bold."""
    largest = cells.eq(cells.max(axis=1), axis=0)
    return cells.map(markup.number).where(~largest, cells.map(lambda value: markup.strong(markup.number(value))))


def named(rows: pd.DataFrame, labels: layout.Labels, heading: str) -> pd.DataFrame:
    """Rows by family, their languages (the index) by name in a first column."""
    order = languages.order_by_family(rows.index, labels)
    rows = rows.loc[order].rename_axis(columns=None).reset_index(drop=True)
    rows.insert(0, heading, [layout.name(label, labels) for label in order])
    return rows


def square(pairs: pd.DataFrame, value: str, labels: layout.Labels) -> pd.DataFrame:
    """Pairs of ``language_a`` and ``language_b`` as a symmetric page; the diagonal is empty."""
    turned = pairs.rename(columns={"language_a": "language_b", "language_b": "language_a"})
    both = pd.concat([pairs, turned]).pivot(index="language_a", columns="language_b", values=value)
    return named(both[languages.order_by_family(both.index, labels)], labels, "Language")
