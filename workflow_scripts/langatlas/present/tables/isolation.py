"""Which way of choosing parameters isolates a language best? Sets of equal size are removed, by region, LAPE, average precision.

A set isolates its language as far as it hurts that language more than the others. E(l, t) is the logarithm of the factor by
which the set of language l multiplies the perplexity of language t; then isolation(l) = E(l, l) - mean over t != l of E(l, t),
given as a factor. Over several languages l the mean is taken (a row whose region_language is empty). That rewards a set for doing
much; selectivity(l) = E(l, l) / mean over t != l of E(l, t) does not. It is given where others are hurt beyond doubt, for it
divides by what they lose.

Intervals: percentile bootstrap over test sequences, languages fixed. Texts of equal number share the draws: number s is one
document told in every language where the corpus is parallel, and otherwise sharing adds nothing in expectation. Two sets
are compared on the same draws, and by a sign-flip test of the documents' contributions to the difference, which is paired too.

Axes: T tested languages, K sets (one a method, share, side and language), S sequences, R resamples.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from langatlas.present import columns, equal_sets, layout, markup, paired
from langatlas.present.isolation_verdict import METHODS, RANDOM, order, rows_of, verdict
from langatlas.present.perplexity_rows import read_files
from langatlas.present.table import Table, paths

COLUMNS = columns.of(
    "model", "experiment", "size_share", "region_language", "method", "side", "n_parameters", "ratio",
    columns.interval(
        "own_effect",
        "perplexity of the set's own language / that of the unchanged model; without region_language: geometric mean",
    ),
    columns.interval("others_effect", "the same of the other tested languages, geometric mean over them"),
    columns.interval("isolation", "own_effect / others_effect"),
    columns.interval(
        "selectivity",
        "log(own_effect) / log(others_effect); empty where the interval of others_effect reaches 1",
    ),
    {"reference": "what the set is compared with: another method, or random sets as large"},
    columns.interval("isolation_to_reference", "isolation / that of the reference: another method or random"),
    {
        "isolation_p_value": "two-sided sign-flip permutation test of what each document adds to that difference",
        "isolation_p_value_holm": "the same adjusted (Holm) for all tests of one size: of the means, or of all single "
        "languages",
    },
    "n_languages",
)  # fmt: skip
SETS = ["method", "size_share", "side", "region_language"]
EFFECTS = ("own_effect", "others_effect", "isolation")
NOTE = f"""Own: factor by which removing a language's set multiplies its own perplexity; others: the geometric mean of
the factors of the other tested languages; isolation: own / others, with its 95 % bootstrap interval over test sequences;
selectivity: log own / log others, which does not grow with the set's strength (– where others are not hurt beyond doubt).
Random: as many random parameters of every matrix, or neurons of every layer. p: paired sign-flip test over documents, Holm
over all tests of one size, the means over languages apart. {equal_sets.NOTE}"""


@dataclass(frozen=True)
class Measured:
    """A set of one language, or the mean over languages. ``effects`` (3, 1 + R): own, others, isolation, as logarithms, the
    point first; ``documents`` (S,): what each document adds to the isolation.
    """

    effects: np.ndarray
    documents: np.ndarray
    n_languages: int = 1

    @classmethod
    def mean(cls, several: "list[Measured]") -> "Measured":
        """Mean over languages; where texts differ in number, shorter ones add nothing to later documents."""
        documents = _padded([one.documents for one in several]).mean(0)
        return cls(np.mean([one.effects for one in several], axis=0), documents, len(several))


Key = tuple[str, float, str, str]  # method, size_share, side, region_language ("": all)


def build(
    rows: Iterable[str], regions: equal_sets.Sizes, *, resamples: int, permutations: int, seed: int
) -> pd.DataFrame:
    """One row a set: its effect on its own language and on others, and their ratio; then, with ``reference``, one a pair of
    methods and one a method and its random control: the ratio of their isolations. Rows without region_language: all languages.
    """
    measured = pd.concat(read_files(rows), ignore_index=True)
    base, lines = measured[measured["side"] == "base"], []
    measured = pd.concat([base, equal_sets.named(measured, regions)])
    for run, part in measured.groupby(equal_sets.RUN, sort=False):
        if (part["side"] == "base").all():
            continue  # no language has a region and neurons by every method
        found, facts = _measured(part, resamples, seed), part.groupby(SETS)[["n_parameters", "ratio"]].first()
        for line in [*_single(found, facts), *_pairs(found, permutations, seed)]:
            lines.append(dict(zip(equal_sets.RUN, run, strict=True)) | line)
    table = pd.DataFrame(lines).reindex(columns=list(COLUMNS)).astype({"n_parameters": "Int64"})
    # Pairs and controls are corrected together: those of the means over languages, and those of all single languages.
    within = [*equal_sets.TESTED, table["region_language"].isna()]
    return table.assign(isolation_p_value_holm=paired.holm(table, within, "isolation_p_value"))


def _measured(rows: pd.DataFrame, resamples: int, seed: int) -> dict[Key, Measured]:
    """Every set whose own language and another one were tested, and the mean over languages of every method, share, side."""
    tested = {language: _of_language(part, resamples, seed) for language, part in rows.groupby("language", sort=False)}
    names = next(iter(tested.values()))[0]
    found: dict[Key, Measured] = {}
    for k, key in enumerate(names):
        if key[-1] not in tested or len(tested) < 2:
            continue
        own, others = tested[key[-1]], [values for language, values in tested.items() if language != key[-1]]
        if any(not names.equals(index) for index, *_ in others):
            raise ValueError(
                f"experiment {rows['experiment'].iloc[0]}: languages were tested with different sets: rerun it"
            )
        on_itself, on_others = own[1][:, k], np.mean([logs[:, k] for _, logs, _ in others], axis=0)
        documents = _padded([own[2][k], *(-values[k] / len(others) for *_, values in others)]).sum(0)
        found[key] = Measured(np.stack([on_itself, on_others, on_itself - on_others]), documents)
    together: dict[Key, list[Measured]] = {}
    for key, one in found.items():
        together.setdefault((*key[:-1], ""), []).append(one)
    return found | {key: Measured.mean(several) for key, several in together.items()}


def _of_language(rows: pd.DataFrame, resamples: int, seed: int) -> tuple[pd.MultiIndex, np.ndarray, np.ndarray]:
    """Of one tested language: sets (K), the logarithm of each one's factor (1 + R, K), and what each text adds to it (K, S).

    Random sets: the mean NLL over their seeds.
    """
    message = f"{rows['language'].iloc[0]}: sets were not measured on the same sequences: rerun the measurement"
    base = rows[rows["side"] == "base"].set_index("sequence").sort_index()
    nll = paired.by_item(rows[rows["side"] != "base"], SETS, message)
    if not nll.columns.equals(base.index):
        raise ValueError(message)
    difference_KS, tokens_S = nll.to_numpy() - base["nll_nats"].to_numpy(), base["n_tokens"].to_numpy(np.float64)
    return nll.index, paired.drawn_means(difference_KS, tokens_S, resamples, seed), difference_KS / tokens_S.sum()


def _padded(several: list[np.ndarray]) -> np.ndarray:
    """Rows of unequal length with zeros behind them."""
    longest = max(map(len, several))
    return np.stack([np.pad(one, (0, longest - len(one))) for one in several])


def _single(found: Mapping[Key, Measured], facts: pd.DataFrame) -> Iterator[dict]:
    """One row a set."""
    for key, one in found.items():
        line = dict(zip(SETS, key, strict=True)) | {"region_language": key[-1] or None, "n_languages": one.n_languages}
        for name, logs in zip(EFFECTS, one.effects, strict=True):
            line |= paired.interval(name, logs)
        if line["others_effect_low"] > 1:
            line |= paired.interval("selectivity", one.effects[0] / one.effects[1], np.asarray)
        yield line | (facts.loc[key].to_dict() if key in facts.index else {})


def _pairs(found: Mapping[Key, Measured], permutations: int, seed: int) -> Iterator[dict]:
    """Every two methods with sets of the same share and language, and every method beside its random control."""
    methods = list(dict.fromkeys(method for method, *_ in found))
    for _, share, language in dict.fromkeys((language == "", share, language) for _, share, _, language in found):
        of = {method: (method, share, "top", language) for method in methods}
        pairs = [(a, b, of[a], of[b]) for a, b in combinations(methods, 2)]
        pairs += [(a, RANDOM, of[a], (a, share, RANDOM, language)) for a in methods]
        for a, b, first, second in pairs:
            if first not in found or second not in found:
                continue
            one, other = found[first], found[second]
            line = {
                "size_share": share,
                "region_language": language or None,
                "method": a,
                "side": "top",
                "reference": b,
            }
            line |= paired.interval("isolation_to_reference", one.effects[2] - other.effects[2])
            difference = np.subtract(*_padded([one.documents, other.documents]))
            yield line | {"isolation_p_value": paired.p_value(difference, permutations, seed)}


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, experiment and share: the verdict in words, a row a language and method; then the pairs."""
    parts = {}
    for (model, experiment, share), part in table.groupby(equal_sets.TESTED, sort=False):
        heading = f"{model}, {experiment}: {equal_sets.of_the_largest(share)}"
        parts[f"{heading}\n{verdict(part, labels)}"] = _sets(part, labels)
        parts[f"{heading}, isolation of one method / of another"] = _against_each_other(part, labels)
    return parts


def in_short(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """Of the largest sets of every model: the verdict, and the means over languages. For the page of main findings."""
    parts = {}
    for (model, experiment), rows in table.groupby(equal_sets.RUN, sort=False):
        part = rows[rows["size_share"] == rows["size_share"].max()]
        heading = f"Regions and neurons removed at equal size: {model}, {experiment}"
        whole = _sets(part, labels).query("Language == 'All'").drop(columns=["Language", "Parameters"])
        parts[f"{heading}\n{verdict(part, labels)}"] = whole
    return parts


def _language(label, labels: layout.Labels) -> str:
    return "All" if pd.isna(label) else layout.name(label, labels)


def _sets(part: pd.DataFrame, labels: layout.Labels) -> pd.DataFrame:
    lines = []
    for label in order(part, labels):
        rows = rows_of(part[part["reference"].isna()], label)
        against = rows_of(part[part["reference"] == RANDOM], label).set_index("method")
        random = rows[rows["side"] == RANDOM].set_index("method")
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


def _against_each_other(part: pd.DataFrame, labels: layout.Labels) -> pd.DataFrame:
    rows = part[part["reference"].notna() & (part["reference"] != RANDOM)]
    lines = []
    for label in order(part, labels):
        for row in rows_of(rows, label).itertuples():
            ends = (row.isolation_to_reference, row.isolation_to_reference_low, row.isolation_to_reference_high)
            compared = {
                "Set": METHODS[row.method],
                "against": METHODS[row.reference],
                "Ratio [95 %]": markup.interval(*ends),
            }
            lines.append({"Language": _language(label, labels), **compared, "p": row.isolation_p_value_holm})
    return pd.DataFrame(lines)


TABLE = Table(
    "Which way of choosing parameters isolates a language best",
    NOTE,
    COLUMNS,
    {"rows": paths, "regions": equal_sets.numbers_of_parameters},
    build,
    wide,
)
