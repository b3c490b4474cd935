"""What survives the controls: the claims about regions, each judged by a stated criterion from the tables of a run.

A criterion is met or not by numbers alone; where a table lacks them, the verdict is that it cannot be told.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pandas as pd

from langatlas import languages
from langatlas.present import columns, layout, markup
from langatlas.present.removal import SAME_TEXT
from langatlas.present.table import Table, read_table
from langatlas.present.tables.family_overlap import BEYOND_SCRIPT
from langatlas.region_names import ONLY

COLUMNS = columns.of(
    "model",
    {
        "claim": "what is claimed",
        "verdict": "survives, does not survive, or cannot be told",
        "criterion": "when it is said to survive",
    },
    "sentence",
)  # fmt: skip
LEVEL = 0.05
NOTE = """Each claim is judged by its criterion, from this run's tables and for its models alone: a mini model that was trained
for minutes says what to look for in a real one, not what will be found there."""
NOT_MEASURED = "This run did not measure it."
SURVIVES, FAILS, UNKNOWN = "survives", "does not survive", "cannot be told"
SEVERAL = {SURVIVES: "survive", FAILS: "do not survive", UNKNOWN: UNKNOWN}  # the verdict on more than one
Tables = Mapping[str, pd.DataFrame]
Verdict = tuple[bool | None, str]


def build(**tables: pd.DataFrame) -> pd.DataFrame:
    """One row a model and claim. ``tables``: those of INPUTS, by name."""
    models = tables["controls"]["model"].unique()
    return pd.DataFrame([row for model in models for row in _rows(model, tables)], columns=list(COLUMNS))


def _rows(model: str, tables: Tables) -> Iterator[dict]:
    own = {name: table[table["model"] == model] for name, table in tables.items()}
    for claim, criterion, judge in CLAIMS:
        try:
            met, sentence = judge(own)
        except (KeyError, IndexError):
            met, sentence = None, NOT_MEASURED
        verdict = UNKNOWN if met is None else SURVIVES if met else FAILS
        yield {"model": model, "claim": claim, "verdict": verdict, "criterion": criterion, "sentence": sentence}


def _factors(tables: Tables, region: str) -> pd.Series:
    """Ratio to base of a control by language; KeyError where it was not measured."""
    table = tables["controls"]
    rows = table[(table["region"] == region) & table["ratio_to_base"].notna()]
    if rows.empty:
        raise KeyError(region)
    return rows.set_index("language")["ratio_to_base"]


def _against_core(region: str, words: str) -> Callable[[Tables], Verdict]:
    """Judge: the core hurts significantly more than ``region`` in every language."""

    def judge(tables: Tables) -> Verdict:
        rows = _paired(tables, region)
        reference = rows["reference"].iloc[0]
        core, other = _factors(tables, reference).loc[rows["language"]], rows["ratio_to_base"]
        sure = rows["reference_p_value_holm"] < LEVEL
        worse = int((sure & (rows["ratio_to_reference"] < 1)).sum())
        better = int((sure & (rows["ratio_to_reference"] > 1)).sum())
        few = f" from as few samples ({rows['samples'].iloc[0]})" if reference == SAME_TEXT else ""
        sentence = (
            f"Removing the core{few} multiplies perplexity by {_median(core)} (median over languages), removing {words} by "
            f"{_median(other)}. The core hurts significantly more in {worse} of {len(rows)} languages, significantly less in "
            f"{better}."
        )
        overlap = rows.iloc[0]
        if pd.notna(overlap["jaccard"]):
            shared, times = (markup.number(overlap[name]) for name in ("jaccard", "times_chance"))
            sentence += f" They share {shared} of their parameters, {times} times what chance gives."
        met = worse == len(rows)
        if met and _from_less_text(tables, rows):
            return None, f"{sentence} But it had more text: its score is from more samples than the other."
        return met, sentence

    return judge


def _from_less_text(tables: Tables, rows: pd.DataFrame) -> bool:
    """Whether a control's score saw fewer samples than its reference's, so that it may lose for that alone. |θ| needs none."""
    table = tables["controls"]
    reference = table.loc[table["region"] == rows["reference"].iloc[0], "samples"].iloc[0]
    return bool(rows["region"].iloc[0] != "core-magnitude" and rows["samples"].iloc[0] < reference)


def _paired(tables: Tables, region: str) -> pd.DataFrame:
    """Rows of a control that was set against a core; KeyError where there are none, or no test of them."""
    table = tables["controls"]
    rows = table[(table["region"] == region) & table["ratio_to_reference"].notna()]
    if rows.empty:
        raise KeyError(region)
    return rows


def _largest(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of the scope matrix at the last milestone and the largest ratio: one row a language and side."""
    table = table[table["scope"] == "matrix"]
    table = table[table["samples"] == table["samples"].max()]
    return table[table["ratio"] == table["ratio"].max()]


def _median(factors: pd.Series) -> str:
    return markup.number(float(factors.median()))


def _destroys(tables: Tables) -> Verdict:
    table = _largest(tables["core_removal"][tables["core_removal"]["region"] == "core"])
    factors = table.pivot(index="language", columns="side", values="ratio_to_base")
    p = table[table["side"] == "top"].set_index("language")["p_value_holm"]
    ordered = (factors["top"] > factors["random"]) & (factors["random"] > factors["bottom"]) & (p < LEVEL)
    sentence = (
        f"Removing the top {markup.percent(table['ratio'].max())} multiplies perplexity by {_median(factors['top'])} (median "
        f"over languages), random parameters by {_median(factors['random'])}, the bottom by {_median(factors['bottom'])}; "
        f"in this order, top against random significantly, in {int(ordered.sum())} of {len(ordered)} languages."
    )
    return bool(ordered.all()), sentence


def _single(tables: Tables) -> Verdict:
    regions = [region for region in tables["controls"]["region"].unique() if region.startswith(ONLY)]
    language = regions[0].removeprefix(ONLY)
    spoken = layout.name(language, None) if language in languages.registry() else language
    core, other = _factors(tables, "core").align(_factors(tables, regions[0]), join="inner")
    if core.drop(language, errors="ignore").empty:
        raise KeyError(language)
    share = np.log(other.drop(language, errors="ignore")) / np.log(core.drop(language, errors="ignore"))
    sentence = (
        f"A region from {spoken} alone multiplies the perplexity of other languages by "
        f"{_median(other.drop(language, errors='ignore'))}, the core by {_median(core.drop(language, errors='ignore'))}: "
        f"{markup.percent(round(float(share.median()), 2))} of the core's effect (in logarithms, median over languages)."
    )
    return bool(share.median() < 0.5), sentence


def _own_language(tables: Tables) -> Verdict:
    table = _largest(tables["effect_matrix"])
    own = table[table["region_language"] == table["language"]]
    if own.empty:
        raise KeyError("own language")
    hits = int(((own["rank"] == 1) & (own["p_value_holm"] < LEVEL)).sum())
    others = table[table["region_language"] != table["language"]]
    sentence = (
        f"A monolingual region multiplies its own language's perplexity by {_median(own['ratio_to_base'])} (median), other "
        f"languages' by {_median(others['ratio_to_base'])}; it hits its own hardest, and harder than random parameters, in "
        f"{hits} of {len(own)} cases."
    )
    return hits == len(own), sentence


def _reliable(tables: Tables) -> Verdict:
    table = tables["reliability"]
    halves, others = (table[table["comparison"] == c]["jaccard"] for c in ("halves", "languages"))
    if halves.empty or others.empty:
        raise KeyError("halves")
    low, high = markup.number(halves.min()), markup.number(others.max())
    sentence = (
        f"Top regions from two halves of one language's text share {markup.number(halves.mean())} of their parameters (lowest "
        f"{low}), from halves of two languages {markup.number(others.mean())} (highest {high})."
    )
    return bool(halves.min() > others.max()), sentence


def _family(tables: Tables) -> Verdict:
    table = _largest(tables["family_overlap"]).set_index("kinship")
    row = table.loc["family"]
    sentence = (
        f"Relatives share {markup.number(row['times_chance_within'])} times what chance gives, others "
        f"{markup.number(row['times_chance_between'])} times (p = {markup.number(row['permutation_p_value'])})."
    )
    met = row["within_to_between"] > 1 and row["permutation_p_value"] < LEVEL
    if (name := f"family{BEYOND_SCRIPT}") in table.index:
        beyond = table.loc[name]
        met &= beyond["within_to_between"] > 1 and beyond["permutation_p_value"] < LEVEL
        sentence += (
            f" With what script explains taken out: {markup.number(beyond['times_chance_within'])} and "
            f"{markup.number(beyond['times_chance_between'])} times (p = {markup.number(beyond['permutation_p_value'])})."
        )
    return bool(met), sentence


def _concentrated(tables: Tables) -> Verdict:
    table = tables["concentration"]
    core = table[table["region"] == "core"]
    gini = core[core["measure"].str.startswith("gini")]
    moran = core[core["measure"] == "moran"]
    share = float((gini["null_p_value"] < LEVEL).mean())
    sentence = (
        f"The core's parameters by line: Gini {_median(gini['statistic'])} against {_median(gini['null_mean'])} by chance "
        f"(medians), significantly more in {markup.percent(round(share, 2))} of matrices and axes. As neighbours in the "
        f"matrix: Moran's I {_median(moran['statistic'])}, z {_median(moran['z'])}."
    )
    return share > 0.9, sentence


ALL = "in every language"
MORE = "the core hurts more than {} in every language, each with p < 0.05 (paired by sequence, Holm)"
CLAIMS: list[tuple[str, str, Callable[[Tables], Verdict]]] = [
    ("A small core region carries all languages", f"top > random > bottom {ALL}, top against random with p < 0.05", _destroys),
    (
        "The core is more than large weights",
        MORE.format("random parameters of the same magnitudes"),
        _against_core("core-matched", "random parameters of the same magnitudes"),
    ),
    (
        "Gradients find more than |θ| alone",
        MORE.format("the largest |θ|"),
        _against_core("core-magnitude", "the largest |θ|"),
    ),
    (
        "Gradients find more than |θ| times activations",
        MORE.format("Wanda's choice"),
        _against_core("core-wanda", "Wanda's choice"),
    ),
    (
        "Summing gradients with their sign is the right score",
        MORE.format("Σ|θ·g|"),
        _against_core("core-absolute", "the largest Σ|θ·g|"),
    ),
    (
        "The score beats Fisher information",
        MORE.format("the largest Fisher information"),
        _against_core("core-fisher", "the largest Fisher information"),
    ),
    (
        "The region needs a trained model",
        MORE.format("the same importance before training"),
        _against_core("core-untrained", "what importance finds before training"),
    ),
    (
        "The region is about language, not about which tokens occur",
        MORE.format("the importance from shuffled tokens"),
        _against_core("core-shuffled", "what importance finds in shuffled tokens"),
    ),
    (
        "The core needs many languages",
        "the region of one language alone has less than half of the core's effect on the others",
        _single,
    ),
    (
        "Each language has a region of its own",
        "every monolingual region hits its own language hardest, and significantly harder than random",
        _own_language,
    ),
    (
        "A region is a property of its language",
        "halves of one language agree better than any halves of two languages",
        _reliable,
    ),
    ("Related languages share more", "more within families than between, p < 0.05, also with script taken out", _family),
    ("The region is concentrated in lines", "Gini above chance (p < 0.05) in more than 90 % of matrices and axes", _concentrated),
]  # fmt: skip


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model: claim, verdict, what was found, by which criterion."""
    parts = {}
    for model, rows in table.groupby("model", sort=False):
        counted = rows["verdict"].value_counts()
        said = ", ".join(
            f"{counted[verdict]} {verdict if counted[verdict] == 1 else SEVERAL[verdict]}"
            for verdict in SEVERAL
            if verdict in counted
        )
        part = rows[["claim", "verdict", "sentence", "criterion"]]
        part = part.assign(verdict=[markup.strong(v) if v == FAILS else v for v in part["verdict"]])
        part.columns = ["Claim", "Verdict", "What was found", "It survives if"]
        parts[f"{model}\nOf {len(rows)} claims: {said}."] = part
    return parts


INPUTS = ("controls", "reliability", "concentration", "family_overlap", "effect_matrix", "core_removal")
TABLE = Table("What survives the controls", NOTE, COLUMNS, dict.fromkeys(INPUTS, read_table), build, wide)
