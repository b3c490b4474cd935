"""Quality of translations beside the neurons that they take. Output: results/tables/translation.*, inhibition.*

input.rows: translations of all models and experiments; params: labels (the config's own), resamples, random_seed, code
"""

import pandas as pd

from langatlas import runlog
from langatlas.measure.translation_rows import read_rows
from langatlas.present import translation_table as made
from langatlas.present.table import write_table

if __name__ == "__main__":
    with runlog.job(snakemake):
        params, output = snakemake.params, snakemake.output
        settings = {"resamples": params.resamples, "seed": params.random_seed}
        rows = pd.concat(map(read_rows, snakemake.input.rows), ignore_index=True)
        described = {"code": params.code, "settings": settings}
        table = made.translation(rows, **settings)
        title = "Translation with parallel input: quality and active neurons"
        wide = made.wide_translation(table, params.labels)
        write_table(table, output.translation_csv, wide=wide, title=title, note=made.NOTE, **described)
        table = made.inhibition(rows, **settings)
        title, wide = "Inhibited neurons by layer", made.wide_inhibition(table)
        write_table(table, output.inhibition_csv, wide=wide, title=title, note=made.LAYER_NOTE, **described)
