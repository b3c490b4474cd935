"""Do related languages share more of their regions, and is it kinship or script? Mantel tests over pairs of languages.

Axes: L languages.
"""

import numpy as np
import pandas as pd

from langatlas import languages
from langatlas.present import columns, layout
from langatlas.present.table import Table, read_table

COLUMNS = columns.of(
    "model", "samples", "scope", "ratio",
    {
        "kinship": "what makes two languages relatives: family, branch or script; or what script explains taken out",
        "times_chance_within": "geometric mean of times_chance over pairs of relatives",
        "times_chance_between": "the same over all other pairs",
        "within_to_between": "times_chance_within / times_chance_between",
        "permutation_p_value": "one-sided, as much or more when languages' names are permuted",
        "n_pairs_within": "pairs of relatives",
    },
)  # fmt: skip
BEYOND_SCRIPT = ", script taken out"
NOTE = """How many times more parameters two languages' regions share than chance gives, geometric mean over pairs
of relatives and over all other pairs; p: as much or more when languages' names are permuted (Mantel 1967). Relatives often share
a script, and with it tokens: rows with script taken out first bring pairs of one script and pairs of two to the same mean."""


def build(region_overlap: pd.DataFrame, *, permutations: int, seed: int, labels: layout.Labels = None) -> pd.DataFrame:
    """Do relatives share more of their regions than others? Mean log(times chance) within against between, top side.

    Kinship by family, by branch (Romance, Slavic) and, as a rival explanation, by script; family and branch once more with
    what script explains taken out. Languages' names are permuted (Mantel 1967), one-sided p, never 0.
    """
    rows = []
    keys = ["model", "samples", "scope", "ratio"]
    for setting, part in region_overlap[region_overlap["side"] == "top"].groupby(keys, dropna=False, sort=False):
        names = sorted({*part["language_a"], *part["language_b"]})
        index = {name: i for i, name in enumerate(names)}
        shared = np.full((len(names), len(names)), np.nan)
        for row in part.itertuples():
            value = np.log(max(row.times_chance, 1e-12))
            shared[index[row.language_a], index[row.language_b]] = shared[
                index[row.language_b], index[row.language_a]
            ] = value
        kin = {kind: _relatives(names, kind, labels) for kind in ("family", "branch", "script")}
        tests = [(kind, shared, within) for kind, within in kin.items() if _varies(within)]
        if _varies(kin["script"]):
            level = without(shared, kin["script"])
            tests += [
                (f"{kind}{BEYOND_SCRIPT}", level, kin[kind]) for kind in ("family", "branch") if _varies(kin[kind])
            ]
        for kind, values, within in tests:
            difference, p = mantel(values, within, permutations, seed)
            upper = np.triu(np.ones_like(within), 1)
            measured = {
                "kinship": kind,
                "times_chance_within": np.exp(values[upper & within].mean()),
                "times_chance_between": np.exp(values[upper & ~within].mean()),
                "within_to_between": np.exp(difference),
                "permutation_p_value": p,
                "n_pairs_within": int((within & upper).sum()),
            }
            rows.append(dict(zip(keys, setting, strict=True)) | measured)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _relatives(names: list[str], kind: str, labels: layout.Labels) -> np.ndarray:
    """Which pairs (L, L) of two languages are of one family, branch or script."""
    groups = np.array([_group(languages.get(name, labels), kind) for name in names])
    return (groups[:, None] == groups[None]) & ~np.eye(len(names), dtype=bool)


def _varies(within_LL: np.ndarray) -> bool:
    """Whether some pairs are relatives and some are not."""
    pairs = within_LL[np.triu_indices(len(within_LL), 1)]
    return bool(pairs.any() and not pairs.all())


def without(shared_LL: np.ndarray, same_LL: np.ndarray) -> np.ndarray:
    """``shared_LL`` with pairs of one script and pairs of two brought to the same mean: what script explains is gone.

    The first step of a partial Mantel test (Smouse, Long & Sokal 1986). The mean over all pairs stays.
    """
    upper = np.triu(np.ones_like(same_LL), 1)
    means = np.where(same_LL, shared_LL[upper & same_LL].mean(), shared_LL[upper & ~same_LL].mean())
    return shared_LL - means + shared_LL[upper].mean()


def _group(language: languages.Language, kind: str) -> str:
    """What a language belongs to, itself where nothing is said; of a branch such as "Romance (Iberian)" the first word."""
    group = getattr(language, kind)
    return language.code if group in ("", languages.NO_GROUP) else group.split(" (")[0]


def mantel(shared_LL: np.ndarray, within_LL: np.ndarray, permutations: int, seed: int) -> tuple[float, float]:
    """Mean of pairs within minus mean of pairs between; and how often permuted names give as much, (1 + n) / (1 + all)."""
    upper = np.triu(np.ones_like(within_LL, dtype=bool), 1)

    def difference(order: np.ndarray) -> float:
        permuted = shared_LL[np.ix_(order, order)]
        return permuted[upper & within_LL].mean() - permuted[upper & ~within_LL].mean()

    generator, count = np.random.default_rng(seed), len(shared_LL)
    found = difference(np.arange(count))
    null = [difference(generator.permutation(count)) for _ in range(permutations)]
    return float(found), (1 + sum(value >= found - 1e-12 for value in null)) / (1 + permutations)


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model and setting."""
    parts = {}
    for (model, samples, scope, ratio), rows in table.groupby(["model", "samples", "scope", "ratio"], sort=False):
        part = pd.DataFrame({"Kinship": list(rows["kinship"]), "Pairs of relatives": list(rows["n_pairs_within"])})
        part["Relatives share, × chance"] = rows["times_chance_within"].to_numpy()
        part["Others share, × chance"] = rows["times_chance_between"].to_numpy()
        part["Relatives ÷ others"] = rows["within_to_between"].to_numpy()
        part["p"] = rows["permutation_p_value"].to_numpy()
        parts[layout.setting(model, samples, ratio, scope)] = part
    return parts or {"": pd.DataFrame({"No relatives": ["no two of the languages are of one family"]})}


TABLE = Table(
    "Do related languages share more of their regions?", NOTE, COLUMNS, {"region_overlap": read_table}, build, wide
)
