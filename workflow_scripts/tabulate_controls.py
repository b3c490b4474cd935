"""Tables of the controls, what survives them, and what published readings change. Output: results/tables/{table}.*

params.table: controls, reliability, family_overlap, concentration, survival or readings; the inputs are what each is made of
"""

import pandas as pd

from langatlas import runlog
from langatlas.present import control_tables, kinship
from langatlas.present.control_pairs import against_core
from langatlas.present.pages import PAGES
from langatlas.present.table import read_table, write_table


def build(name: str, inputs, params) -> pd.DataFrame:
    """The tidy table of this name."""
    if name in PAGES:
        return PAGES[name].build({key: read_table(path) for key, path in inputs.items()})
    if name == "family_overlap":
        overlap = read_table(inputs.overlap)
        return kinship.family_overlap(overlap, params.permutations, params.seed, params.labels)
    counts = pd.concat([read_table(path) for path in inputs.counts], ignore_index=True)
    if name == "controls":
        settings = {"resamples": params.resamples, "permutations": params.permutations, "seed": params.seed}
        return control_tables.controls(read_table(inputs.perplexity), counts, against_core(inputs.rows, **settings))
    if name == "reliability":
        overlap = pd.concat([read_table(path) for path in inputs.overlap], ignore_index=True)
        return control_tables.reliability(counts, overlap)
    return control_tables.concentration(counts)


if __name__ == "__main__":
    with runlog.job(snakemake):
        params, name = snakemake.params, snakemake.params.table
        table = build(name, snakemake.input, params)
        kind = PAGES.get(name) or control_tables.CONTROL_TABLES[name]
        write_table(
            table,
            snakemake.output.csv,
            wide=kind.wide(table, params.labels),
            title=kind.title,
            note=kind.note,
            code=params.code,
            settings={"resamples": params.resamples, "permutations": params.permutations, "seed": params.seed},
        )
