"""The core region beside regions that were chosen otherwise: how much less does removing them hurt, and how sure is that?

Two ratios to base with their intervals do not say whether they differ: what makes a sequence hard for one removal makes it
hard for the other. So the difference is taken sequence by sequence, as for random controls in the table `perplexity`.

Axes: C control regions of one language, S sequences.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from langatlas import languages
from langatlas.present import columns, layout, markup, paired
from langatlas.present.perplexity_rows import is_removal, read_files
from langatlas.present.removal import CORE, CORE_REGIONS, SAME_TEXT, mean_over_seeds, overlap_with_core
from langatlas.present.table import Table, paths, read_table, read_tables
from langatlas.region_names import ONLY

COLUMNS = columns.of(
    "model", "region", "side", "samples", "ratio", "language", *columns.with_interval("ratio_to_base"),
    {
        "core_ratio_to_base": "ratio_to_base of the core region of the same size, in the same language",
        "reference": "the core, or (core-few) the core from as few samples as this region's score",
    },
    columns.interval(
        "ratio_to_reference",
        "perplexity / that without the reference, on the same sequences; below 1: the reference hurts more",
    ),
    {
        "reference_p_value": "two-sided paired sign-flip permutation test of the sequences' NLL against the reference",
        "reference_p_value_holm": "reference_p_value adjusted (Holm) for all languages tested with the same region",
    },
    "n_seeds", "jaccard", "jaccard_by_chance", "times_chance",
)  # fmt: skip
PAIRED = [
    "model", "language", "region", "reference", *columns.with_interval("ratio_to_reference"),
    "reference_p_value", "reference_p_value_holm",
]  # fmt: skip
NOTE = """× base: perplexity after removal divided by that of the unchanged model, median and range over languages.
÷ reference: perplexity divided by that after removing the core, sequence by sequence (below 1: the core hurts more), with the
95 % bootstrap interval over sequences; p: paired sign flips, adjusted (Holm) over languages. The reference of a score that was
taken from few samples is the core from as few: otherwise more text could pass for a better score. Jaccard: shared
parameters / parameters of either; × chance: against random regions of the same sizes in the same matrices. All regions are
of equal size."""
LEVEL = 0.05
WORDS = {
    "core": "the core itself (|θ · Σ gradient| over the core's languages)",
    SAME_TEXT: "the core's own score, from less text",
    "core-magnitude": "largest |θ|",
    "core-wanda": "Wanda: |θ| · ‖input‖",
    "core-absolute": "Σ |θ · gradient|: signs cannot cancel",
    "core-fisher": "Fisher: Σ (θ · gradient)²",
    "core-shuffled": "importance from shuffled tokens",
    "core-untrained": "importance before training",
    "core-rounded": "importance in bfloat16, as released",
    "core-summed-bfloat16": "gradients summed in bfloat16, as released",
    "core-averaged": "mean NLL of each micro-batch, as released",
    "core-short": "texts that fit only, as released",
    "core-matched": "random parameters as large as the core's",
    "core-random": "random parameters",
}


def build(perplexity: pd.DataFrame, counts: pd.DataFrame, rows: Iterable[str], **settings: int) -> pd.DataFrame:
    """One row a control and language: its ratio to base beside the core's, the two paired, and what they share.

    ``perplexity``: the table; ``counts``: ``locate.overlap.overlaps_with`` of all models; ``rows``: perplexity files of the
    experiments with the core and with the controls. The core at the same ratio, and its random control, stand as regions
    ``core`` and ``core-random``. Random ones are the mean over seeds.
    """
    table = mean_over_seeds(control_rows(perplexity), ["model", "region", "language", "side", "samples", "ratio"])
    beside = table[table["region"] == "core"].set_index(["model", "language"])["ratio_to_base"]
    table["core_ratio_to_base"] = [
        beside.get(key, np.nan) for key in zip(table["model"], table["language"], strict=True)
    ]
    table = table.merge(against_core(rows, **settings), on=["model", "region", "language"], how="left")
    return table.merge(overlap_with_core(counts), on=["model", "region"], how="left")[list(COLUMNS)]


def control_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of removed control regions, and of the core and its random control at the same ratio, named core and core-random.

    ``table``: the table `perplexity`, or rows of perplexity files. Of several milestones of the core the last is taken, and of
    its languages those in which controls were measured.
    """
    removed = table[is_removal(table) & (table["scope"] == "matrix") & table["region_language"].isna()]
    chosen = removed[~removed["region"].isin(CORE_REGIONS)]
    core = removed[(removed["region"] == CORE) & removed["side"].isin(["top", "random"])]
    core = core[core["ratio"].isin(chosen["ratio"].unique())]
    core = core[core["samples"] == core.groupby("model")["samples"].transform("max")]
    if len(chosen):
        # A median over more languages than the controls were measured in would compare other languages, not other regions.
        core = core.merge(chosen[["model", "language"]].drop_duplicates())
    return pd.concat([core.assign(region=core["region"].where(core["side"] == "top", "core-random")), chosen])


def against_core(paths: Iterable[str], *, resamples: int, permutations: int, seed: int) -> pd.DataFrame:
    """One row a model, language and control: its perplexity / that of its reference, interval, paired p, and that by Holm.

    ``paths``: perplexity files of the experiments with the core and with the controls. Random regions are the mean NLL over
    seeds. The reference of a score that was taken from fewer samples is the core from as few, where that was measured.
    Raises ValueError where both experiments did not measure the same sequences.
    """
    if not (read := read_files(paths)):
        return pd.DataFrame(columns=PAIRED)
    rows = control_rows(pd.concat(read, ignore_index=True))
    settings = {"resamples": resamples, "permutations": permutations, "seed": seed}
    tables = [
        _of_language(part, **settings).assign(model=model, language=language)
        for (model, language), part in rows.groupby(["model", "language"], sort=False)
    ]
    if not tables:
        return pd.DataFrame(columns=PAIRED)
    table = pd.concat(tables, ignore_index=True)
    adjusted = paired.holm(table, ["model", "region"], "reference_p_value")
    return table.assign(reference_p_value_holm=adjusted)[PAIRED]


def _of_language(rows: pd.DataFrame, **settings: int) -> pd.DataFrame:
    """The controls of one model and language, without those columns."""
    which = " ".join(rows[["model", "language"]].iloc[0])
    message = f"{which}: the core and its controls were not measured on the same sequences: rerun them"
    nll = paired.by_item(rows, "region", message)  # an experiment may measure a region twice: the mean over equal rows
    tokens = rows.groupby("sequence")["n_tokens"]
    if (tokens.nunique() > 1).any():
        raise ValueError(message)
    references = _references(rows)
    regions = [region for region in nll.index if region in references]
    if not regions:
        return pd.DataFrame(columns=PAIRED).drop(columns=["model", "language"])
    against = [references[region] for region in regions]
    difference_CS = nll.loc[regions].to_numpy() - nll.loc[against].to_numpy()
    tokens_S = tokens.first().to_numpy(np.float64)
    found = paired.compared("ratio_to_reference", "reference_p_value", difference_CS, tokens_S, **settings)
    return pd.DataFrame({"region": regions, "reference": against} | found)


def _references(rows: pd.DataFrame) -> dict[str, str]:
    """Which core each region stands against: that from as many samples, else the core; none for the core itself."""
    samples = rows.drop_duplicates("region").set_index("region")["samples"]
    if CORE not in samples.index:
        return {}
    few = samples.get(SAME_TEXT)
    others = [region for region in samples.index if region != CORE]
    return {r: SAME_TEXT if few is not None and samples[r] == few and r != SAME_TEXT else CORE for r in others}


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """Two parts a model: a row a control over all languages, and a row a control and language with intervals."""
    parts = {}
    for (model, ratio), rows in table.groupby(["model", "ratio"], sort=False):
        lines = []
        for region, part in rows.groupby("region", sort=False):
            factors = part["ratio_to_base"]
            ends = f"{markup.number(factors.min())} to {markup.number(factors.max())}"
            lines.append(
                {
                    "Chosen by": named(region, labels),
                    "× base": f"{markup.number(factors.median())} ({ends})",
                    "÷ reference": part["ratio_to_reference"].median(),
                    "Reference": {SAME_TEXT: "core, as few samples"}.get(
                        part["reference"].iloc[0], part["reference"].iloc[0]
                    ),
                    "Hurts less / more, p < 0.05": significant(part),
                    "Samples": part["samples"].iloc[0],
                    "Jaccard with core": part["jaccard"].iloc[0],
                    "× chance": part["times_chance"].iloc[0],
                }
            )
        heading = f"{model}: {markup.percent(ratio)} of each matrix removed"
        parts[heading] = pd.DataFrame(lines)
        parts[f"{heading}, by language: × base, and ÷ reference"] = _by_language(rows, labels)
    return parts


def significant(part: pd.DataFrame) -> str:
    """In how many languages a control hurts significantly less and significantly more than its reference."""
    if part["ratio_to_reference"].isna().all():
        return markup.MISSING
    sure = part["reference_p_value_holm"] < LEVEL
    less, more = (sure & (part["ratio_to_reference"] < 1)).sum(), (sure & (part["ratio_to_reference"] > 1)).sum()
    return f"{less} / {more} of {len(part)}"


def _by_language(rows: pd.DataFrame, labels: layout.Labels) -> pd.DataFrame:
    """A row a control and language, with 95 % intervals."""
    order = languages.order_by_family(rows["language"].unique(), labels)
    lines = []
    for region, part in rows.groupby("region", sort=False):
        for _, row in part.set_index("language").reindex(order).dropna(how="all").iterrows():
            cells = [layout.cell(row, name) for name in ("ratio_to_base", "ratio_to_reference")]
            line = {"Chosen by": named(region, labels), "Language": layout.name(row.name, labels)}
            lines.append(line | {"× base": cells[0], "÷ reference": cells[1], "p": row["reference_p_value_holm"]})
    return pd.DataFrame(lines)


def named(region: str, labels: layout.Labels = None) -> str:
    """What a control region was chosen by, in words."""
    if region.startswith(ONLY):
        return f"importance from {languages.get(region.removeprefix(ONLY), labels).name} alone"
    return WORDS.get(region, region)


TABLE = Table(
    "The core region beside regions that were chosen otherwise",
    NOTE,
    COLUMNS,
    {"perplexity": read_table, "counts": read_tables, "rows": paths},
    build,
    wide,
)
