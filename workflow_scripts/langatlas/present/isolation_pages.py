"""Removal of sets of equal size for people: the effect matrices side by side, the isolations, and the verdict in words."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from langatlas import languages
from langatlas.present import isolation, markup, wide_tables

LEVEL = 0.05
METHODS = {
    "importance": "its region",
    "lape": "LAPE's neurons",
    "precision": "neurons by average precision",
    "random": "random ones",
}
SIZE = """All sets of a language have the same number of parameters: as many as the smallest set has in whole neurons, or a
share of it. Larger sets lose what their score likes least: a region its least important parameters, in every matrix the same
part of it, LAPE its neurons of highest entropy, average precision those of lowest."""
EFFECT_NOTE = f"""Factor by which removing the set of a language (row) multiplies the perplexity of each language (column). Bold:
hit hardest. {SIZE}"""
ISOLATION_NOTE = f"""Own: factor by which removing a language's set multiplies its own perplexity; others: the geometric mean of
the factors of the other tested languages; isolation: own / others, with its 95 % bootstrap interval over test sequences;
selectivity: log own / log others, which does not grow with the set's strength (– where others are not hurt beyond doubt).
Random: as many random parameters of every matrix, or neurons of every layer. p: paired sign-flip test over documents, Holm
over all tests of one size, the means over languages apart. {SIZE}"""


def wide_equal_removal(table: pd.DataFrame, labels: wide_tables.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, experiment and share: languages at the rows; the tested ones at the columns, once for each method."""
    parts = {}
    chosen = table[table["side"] == "top"]
    for (model, experiment, share), part in chosen.groupby(isolation.TESTED, sort=False):
        tested = languages.order_by_family(part["language"].unique(), labels)
        order = languages.order_by_family(part["region_language"].unique(), labels)
        sizes = part.drop_duplicates("region_language").set_index("region_language")["n_parameters"]
        wide = pd.DataFrame({"Language": [wide_tables.name(label, labels) for label in order]})
        wide["Parameters"] = [int(sizes[label]) for label in order]
        for method, rows in part.groupby("method", sort=False):
            cells = rows.pivot(index="region_language", columns="language", values="ratio_to_base").reindex(
                index=order, columns=tested
            )
            hardest = cells.eq(cells.max(axis=1), axis=0)
            for label in tested:
                texts = [markup.number(value) for value in cells[label]]
                wide[f"{method}: {label}"] = [
                    markup.strong(text) if bold else text for text, bold in zip(texts, hardest[label], strict=True)
                ]
        parts[f"{model}, {experiment}: {_of_the_largest(share)}"] = wide
    return parts


def wide_isolation(table: pd.DataFrame, labels: wide_tables.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, experiment and share: the verdict in words, a row a language and method; then the pairs."""
    parts = {}
    for (model, experiment, share), part in table.groupby(isolation.TESTED, sort=False):
        heading = f"{model}, {experiment}: {_of_the_largest(share)}"
        parts[f"{heading}\n{verdict(part, labels)}"] = _sets(part, labels)
        parts[f"{heading}, isolation of one method / of another"] = _pairs(part, labels)
    return parts


def in_short(table: pd.DataFrame, labels: wide_tables.Labels = None) -> dict[str, pd.DataFrame]:
    """Of the largest sets of every model: the verdict, and the means over languages. For the page of main findings."""
    parts = {}
    for (model, experiment), rows in table.groupby(isolation.RUN, sort=False):
        part = rows[rows["size_share"] == rows["size_share"].max()]
        heading = f"Regions and neurons removed at equal size: {model}, {experiment}"
        whole = _sets(part, labels).query("Language == 'All'").drop(columns=["Language", "Parameters"])
        parts[f"{heading}\n{verdict(part, labels)}"] = whole
    return parts


def _of_the_largest(share: float) -> str:
    return "sets as large as the smallest" if share == 1 else f"sets of {markup.percent(share)} of that"


def _language(label, labels: wide_tables.Labels) -> str:
    return "All" if pd.isna(label) else wide_tables.name(label, labels)


def _order(part: pd.DataFrame, labels: wide_tables.Labels) -> list:
    """Languages by family, then the mean over them."""
    return [*languages.order_by_family(part["region_language"].dropna().unique(), labels), None]


def _of(part: pd.DataFrame, label) -> pd.DataFrame:
    return part[part["region_language"].isna() if label is None else part["region_language"] == label]


def _sets(part: pd.DataFrame, labels: wide_tables.Labels) -> pd.DataFrame:
    lines = []
    for label in _order(part, labels):
        rows = _of(part[part["reference"].isna()], label)
        against = _of(part[part["reference"] == isolation.RANDOM], label).set_index("method")
        random = rows[rows["side"] == isolation.RANDOM].set_index("method")
        for row in rows[rows["side"] == "top"].itertuples():
            control = random["isolation"].get(row.method)
            lines.append(
                {
                    "Language": _language(label, labels),
                    "Set": METHODS[row.method],
                    "Parameters": row.n_parameters,
                    "Own": row.own_effect,
                    "Others": row.others_effect,
                    "Isolation [95 %]": markup.interval(row.isolation, row.isolation_low, row.isolation_high),
                    "Selectivity [95 %]": markup.interval(row.selectivity, row.selectivity_low, row.selectivity_high),
                    "Random": control,
                    "p, random": against["isolation_p_value_holm"].get(row.method),
                }
            )
    return pd.DataFrame(lines)


def _pairs(part: pd.DataFrame, labels: wide_tables.Labels) -> pd.DataFrame:
    rows = part[part["reference"].notna() & (part["reference"] != isolation.RANDOM)]
    lines = []
    for label in _order(part, labels):
        for row in _of(rows, label).itertuples():
            ends = (row.isolation_to_reference, row.isolation_to_reference_low, row.isolation_to_reference_high)
            compared = {
                "Set": METHODS[row.method],
                "against": METHODS[row.reference],
                "Ratio [95 %]": markup.interval(*ends),
            }
            lines.append({"Language": _language(label, labels), **compared, "p": row.isolation_p_value_holm})
    return pd.DataFrame(lines)


def verdict(part: pd.DataFrame, labels: wide_tables.Labels = None) -> str:
    """Which method isolates a language best, in sentences, from the rows of one model, experiment and share.

    It is said to be the best only where it is ahead of every other with p < LEVEL; overlapping intervals are said too.
    """
    means = _of(part[(part["side"] == "top") & part["reference"].isna()], None).set_index("method")
    if means.empty:
        return "No language was tested beside another one, so nothing can be said of isolation."
    ranked = means.sort_values("isolation", ascending=False)
    sentences = [_head(ranked, part), *(_against(ranked, part, method) for method in ranked.index[1:])]
    return " ".join([*sentences, *_against_random(ranked, part), *_selectivity(means), *_by_language(part, labels)])


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
        f"isolation {_ends(row)} (geometric means over {int(row['n_languages'])} languages)."
    )


def _ends(row) -> str:
    return markup.interval(row["isolation"], row["isolation_low"], row["isolation_high"])


def _paired(part: pd.DataFrame, method: str, other: str) -> tuple[float, float]:
    """Ratio of the isolations of two methods over all languages, and its p-value by Holm; NaN where they were not compared."""
    rows = _of(part, None)
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
        f"{markup.number(row['others_effect'])}, isolation {_ends(row)}. {ahead} (ratio {markup.number(ratio)}, "
        f"p = {markup.number(p)}){overlap}."
    )


def _against_random(ranked: pd.DataFrame, part: pd.DataFrame) -> Iterator[str]:
    """Methods that do not isolate more than their random control."""
    tests = {method: _paired(part, method, isolation.RANDOM) for method in ranked.index}
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
    named = [
        f"{METHODS[method]} {markup.interval(row['selectivity'], row['selectivity_low'], row['selectivity_high'])}"
        for method, row in known.iterrows()
    ]
    first, second = known.iloc[0], known.iloc[1]
    apart = "overlap" if second["selectivity_high"] >= first["selectivity_low"] else "do not overlap"
    yield (
        f"By selectivity, log own / log others, which a stronger set does not raise, the order is: {', '.join(named)}; the "
        f"intervals of the first two {apart}."
    )


def _by_language(part: pd.DataFrame, labels: wide_tables.Labels) -> Iterator[str]:
    """Which method is first for each language."""
    rows = part[(part["side"] == "top") & part["reference"].isna() & part["region_language"].notna()]
    first = (
        rows.sort_values("isolation", ascending=False).drop_duplicates("region_language").set_index("region_language")
    )
    if first.empty:
        return
    named = [
        f"{wide_tables.name(label, labels)} {METHODS[first.loc[label, 'method']]}"
        for label in _order(part, labels)[:-1]
    ]
    yield f"Language by language the first is: {', '.join(named)}."


ISOLATION_TABLES = {
    "equal_removal": wide_tables.TableKind(
        "Removal of regions and neurons of equal size", EFFECT_NOTE, isolation.equal_removal, wide_equal_removal
    ),
    "isolation": wide_tables.TableKind(
        "Which way of choosing parameters isolates a language best", ISOLATION_NOTE, isolation.isolation, wide_isolation
    ),
}
