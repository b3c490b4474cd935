"""Tables of the controls, and what survives them. Output: results/tables/{table}.*

params.table: controls, reliability, family_overlap, concentration or survival; the inputs are what each is made of
"""

import pandas as pd

from langatlas import runlog
from langatlas.present import control_tables, kinship, survival
from langatlas.present.control_pairs import against_core
from langatlas.present.tables import read_table, write_table


def build(name: str, inputs, params) -> pd.DataFrame:
    """The tidy table of this name."""
    if name == "survival":
        return survival.survival({key: read_table(path) for key, path in inputs.items()})
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
        if name == "survival":
            title, note, wide = "What survives the controls", survival.NOTE, survival.wide_survival
        else:
            kind = control_tables.CONTROL_TABLES[name]
            title, note, wide = kind.title, kind.note, kind.wide
        write_table(
            table,
            snakemake.output.csv,
            wide=wide(table, params.labels),
            title=title,
            note=note,
            code=params.code,
            settings={"resamples": params.resamples, "permutations": params.permutations, "seed": params.seed},
        )
