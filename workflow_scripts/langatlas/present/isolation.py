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

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from langatlas import statistics
from langatlas.locate.equal import SHARE, name_of
from langatlas.present import columns
from langatlas.present.perplexity_table import read_rows, tabulate_perplexity
from langatlas.region import Region

EQUAL = name_of("", "")
SETS = ["method", "size_share", "side", "region_language"]
RUN = ["model", "experiment"]
TESTED = [*RUN, "size_share"]
RANDOM = "random"
EQUAL_REMOVAL = [
    *RUN, "size_share", "method", "side", "seed", "region_language", "language", "n_parameters", "ratio",
    *columns.with_interval("ratio_to_base"), *columns.with_interval("ratio_to_random"), "p_value", "p_value_holm",
]  # fmt: skip
ISOLATION = [
    *RUN, "size_share", "region_language", "method", "side", "n_parameters", "ratio",
    *columns.with_interval("own_effect"), *columns.with_interval("others_effect"), *columns.with_interval("isolation"),
    *columns.with_interval("selectivity"),
    "reference", *columns.with_interval("isolation_to_reference"), "isolation_p_value", "isolation_p_value_holm", "n_languages",
]  # fmt: skip
EFFECTS = ("own_effect", "others_effect", "isolation")
Sizes = Mapping[tuple[str, str, str], int]  # (model, region, setting) -> parameters


def numbers_of_parameters(paths: Iterable[str | os.PathLike]) -> Sizes:
    """Parameters of every region of equal size. Raises ValueError where two methods differ for the same language and share."""
    sizes, expected = {}, {}
    for path in paths:
        found = Region.open(path).metadata
        model, setting, number = found["model"], found["setting"], int(found["n_selected"])
        sizes[model, found["region"], setting] = number
        if expected.setdefault((model, setting, found["region_language"]), number) != number:
            raise ValueError(
                f"{path}: {number} parameters, but other methods have {expected[model, setting, found['region_language']]} for "
                f"{found['region_language']}, {setting}; delete the regions *{EQUAL}* and run again"
            )
    return sizes


def equal_removal(paths: Iterable[str | os.PathLike], sizes: Sizes, **settings: int) -> pd.DataFrame:
    """One row a set and tested language: what its removal does, beside random parameters or neurons as many (columns as in the
    table `perplexity`). Sets without parameters are left out.
    """
    table = _named(tabulate_perplexity(paths, **settings), sizes)
    tests = table.groupby([*RUN, "size_share", "method", "region_language"])["p_value"]
    return table.assign(p_value_holm=tests.transform(statistics.holm))[EQUAL_REMOVAL].reset_index(drop=True)


def _named(rows: pd.DataFrame, sizes: Sizes) -> pd.DataFrame:
    """Rows of non-empty sets of equal size, with method, size_share and n_parameters."""
    rows = rows[rows["region"].astype("str").str.contains(EQUAL, na=False)]
    keys = rows[["model", "region", "setting"]].itertuples(index=False, name=None)
    rows = rows.assign(
        method=rows["region"].str.partition(EQUAL)[0],
        size_share=rows["setting"].str.removeprefix(SHARE).astype(float),
        n_parameters=pd.array([sizes[key] for key in keys], dtype="Int64"),
    )
    return rows[rows["n_parameters"] > 0]


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


def isolation(
    paths: Iterable[str | os.PathLike], sizes: Sizes, *, resamples: int, permutations: int, seed: int
) -> pd.DataFrame:
    """One row a set: its effect on its own language and on others, and their ratio; then, with ``reference``, one a pair of
    methods and one a method and its random control: the ratio of their isolations. Rows without region_language: all languages.
    """
    rows = pd.concat([read_rows(path) for path in paths], ignore_index=True)
    base, lines = rows[rows["side"] == "base"], []
    rows = pd.concat([base, _named(rows, sizes)])
    for run, part in rows.groupby(RUN, sort=False):
        if (part["side"] == "base").all():
            continue  # no language has a region and neurons by every method
        found, facts = _measured(part, resamples, seed), part.groupby(SETS)[["n_parameters", "ratio"]].first()
        for line in [*_single(found, facts), *_pairs(found, permutations, seed)]:
            lines.append(dict(zip(RUN, run, strict=True)) | line)
    table = pd.DataFrame(lines).reindex(columns=ISOLATION).astype({"n_parameters": "Int64"})
    # Pairs and controls are corrected together: those of the means over languages, and those of all single languages.
    tests = table.groupby([*TESTED, table["region_language"].isna()], sort=False)["isolation_p_value"]
    return table.assign(isolation_p_value_holm=tests.transform(statistics.holm))


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
    base = rows[rows["side"] == "base"].set_index("sequence").sort_index()
    nll = rows[rows["side"] != "base"].pivot_table(index=SETS, columns="sequence", values="nll_nats", aggfunc="mean")
    if not nll.columns.equals(base.index) or nll.isna().any(axis=None):
        raise ValueError(
            f"{rows['language'].iloc[0]}: sets were not measured on the same sequences: rerun the measurement"
        )
    difference_KS, tokens_S = nll.to_numpy() - base["nll_nats"].to_numpy(), base["n_tokens"].to_numpy(np.float64)
    series = np.vstack([difference_KS, tokens_S])
    sums = np.vstack([series.sum(1), statistics.bootstrap_sums(series, resamples, seed)])
    logs = sums[:, :-1] / sums[:, -1:]
    if len(tokens_S) == 1:
        logs[1:] = np.nan  # one text has no interval
    return nll.index, logs, difference_KS / tokens_S.sum()


def _padded(several: list[np.ndarray]) -> np.ndarray:
    """Rows of unequal length with zeros behind them."""
    longest = max(map(len, several))
    return np.stack([np.pad(one, (0, longest - len(one))) for one in several])


def _with_ends(name: str, logs: np.ndarray) -> dict[str, float]:
    """A factor with its interval from logarithms (1 + R,), the point first."""
    ends = statistics.percentile_interval(logs[1:, None])[:, 0]
    return dict(zip(columns.with_interval(name), statistics.exp_or_inf(np.array([logs[0], *ends])), strict=True))


def _single(found: Mapping[Key, Measured], facts: pd.DataFrame) -> Iterator[dict]:
    """One row a set."""
    for key, one in found.items():
        line = dict(zip(SETS, key, strict=True)) | {"region_language": key[-1] or None, "n_languages": one.n_languages}
        for name, logs in zip(EFFECTS, one.effects, strict=True):
            line |= _with_ends(name, logs)
        if line["others_effect_low"] > 1:
            quotients = one.effects[0] / one.effects[1]
            ends = statistics.percentile_interval(quotients[1:, None])[:, 0]
            line |= dict(zip(columns.with_interval("selectivity"), [quotients[0], *ends], strict=True))
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
            line |= _with_ends("isolation_to_reference", one.effects[2] - other.effects[2])
            differences = np.subtract(*_padded([one.documents, other.documents]))[None]
            yield line | {"isolation_p_value": statistics.sign_flip_p_values(differences, permutations, seed)[0]}
