"""Which method isolates a language best, in sentences, from rows of the table `isolation`."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from langatlas import languages
from langatlas.present import layout, markup

RANDOM = "random"
LEVEL = 0.05
METHODS = {
    "importance": "its region",
    "lape": "LAPE's neurons",
    "precision": "neurons by average precision",
    "random": "random ones",
}


def verdict(part: pd.DataFrame, labels: layout.Labels = None) -> str:
    """Which method isolates a language best, in sentences, from the rows of one model, experiment and share.

    It is said to be the best only where it is ahead of every other with p < LEVEL; overlapping intervals are said too.
    """
    means = rows_of(part[(part["side"] == "top") & part["reference"].isna()], None).set_index("method")
    if means.empty:
        return "No language was tested beside another one, so nothing can be said of isolation."
    ranked = means.sort_values("isolation", ascending=False)
    sentences = [_head(ranked, part), *(_against(ranked, part, method) for method in ranked.index[1:])]
    return " ".join([*sentences, *_against_random(ranked, part), *_selectivity(means), *_by_language(part, labels)])


def rows_of(part: pd.DataFrame, label) -> pd.DataFrame:
    """Rows of a language; None: those of the mean over all."""
    return part[part["region_language"].isna() if label is None else part["region_language"] == label]


def order(part: pd.DataFrame, labels: layout.Labels) -> list:
    """Languages by family, then the mean over them."""
    return [*languages.order_by_family(part["region_language"].dropna().unique(), labels), None]


def _head(ranked: pd.DataFrame, part: pd.DataFrame) -> str:
    best, row = ranked.index[0], ranked.iloc[0]
    sizes = part["n_parameters"].dropna()
    sure = all(_paired(part, best, other)[1] < LEVEL for other in ranked.index[1:])
    opening = (
        f"Removing {METHODS[best]} isolates a language best"
        if sure
        else f"No way of choosing is sure to isolate a language best; the first is {METHODS[best]}"
    )
    number = " to ".join(f"{int(size):,}" for size in dict.fromkeys((sizes.min(), sizes.max())))
    mine, theirs = markup.number(row["own_effect"]), markup.number(row["others_effect"])
    return (
        f"{opening}: with {number} parameters, its own perplexity rises by a factor of {mine}, that of others by {theirs}, "
        f"isolation {layout.cell(row, 'isolation')} (geometric means over {int(row['n_languages'])} languages)."
    )


def _paired(part: pd.DataFrame, method: str, other: str) -> tuple[float, float]:
    """Ratio of the isolations of two methods over all languages, and its p-value by Holm; NaN where they were not compared."""
    rows = rows_of(part, None)
    for a, b, turned in ((method, other, False), (other, method, True)):
        found = rows[(rows["method"] == a) & (rows["reference"] == b)]
        if len(found):
            ratio, p = found.iloc[0][["isolation_to_reference", "isolation_p_value_holm"]]
            return (1 / ratio if turned else ratio), p
    return np.nan, np.nan


def _against(ranked: pd.DataFrame, part: pd.DataFrame, method: str) -> str:
    best, row = ranked.iloc[0], ranked.loc[method]
    ratio, p = _paired(part, ranked.index[0], method)
    ahead = "The first is ahead" if p < LEVEL else "The first cannot be told from it"
    overlap = ", though their intervals overlap" if p < LEVEL else ", and their intervals overlap"
    overlap = overlap if row["isolation_high"] >= best["isolation_low"] else ", and their intervals do not overlap"
    return (
        f"{METHODS[method][0].upper()}{METHODS[method][1:]}: {markup.number(row['own_effect'])} and "
        f"{markup.number(row['others_effect'])}, isolation {layout.cell(row, 'isolation')}. {ahead} "
        f"(ratio {markup.number(ratio)}, p = {markup.number(p)}){overlap}."
    )


def _against_random(ranked: pd.DataFrame, part: pd.DataFrame) -> Iterator[str]:
    """Methods that do not isolate more than their random control."""
    tests = {method: _paired(part, method, RANDOM) for method in ranked.index}
    if all(np.isnan(p) for _, p in tests.values()):
        return
    unsure = [METHODS[method] for method, (ratio, p) in tests.items() if not (p < LEVEL and ratio > 1)]
    yield (
        f"Not shown to isolate more than random sets: {', '.join(unsure)}."
        if unsure
        else "All isolate more than random sets."
    )


def _selectivity(means: pd.DataFrame) -> Iterator[str]:
    """The order by the quotient of logarithms, and whether the intervals of the first two overlap."""
    known = means.dropna(subset="selectivity").sort_values("selectivity", ascending=False)
    if len(known) < 2:
        return
    named = [f"{METHODS[method]} {layout.cell(row, 'selectivity')}" for method, row in known.iterrows()]
    first, second = known.iloc[0], known.iloc[1]
    apart = "overlap" if second["selectivity_high"] >= first["selectivity_low"] else "do not overlap"
    yield (
        f"By selectivity, log own / log others, which a stronger set does not raise, the order is: {', '.join(named)}; the "
        f"intervals of the first two {apart}."
    )


def _by_language(part: pd.DataFrame, labels: layout.Labels) -> Iterator[str]:
    """Which method is first for each language."""
    rows = part[(part["side"] == "top") & part["reference"].isna() & part["region_language"].notna()]
    first = (
        rows.sort_values("isolation", ascending=False).drop_duplicates("region_language").set_index("region_language")
    )
    if first.empty:
        return
    named = [
        f"{layout.name(label, labels)} {METHODS[first.loc[label, 'method']]}" for label in order(part, labels)[:-1]
    ]
    yield f"Language by language the first is: {', '.join(named)}."
