"""Further pretraining with a region removed or frozen. Output: results/tables/pretraining.*

input.rows: files of all arms; params: labels (the config's own), resamples, seed, code
"""

from langatlas import runlog
from langatlas.present.pretraining_tables import PRETRAINING_NOTE, pretraining, read_rows, wide_pretraining
from langatlas.present.tables import write_table

if __name__ == "__main__":
    with runlog.job(snakemake):
        params = snakemake.params
        settings = {"resamples": params.resamples, "seed": params.seed}
        table = pretraining(read_rows(snakemake.input.rows), **settings)
        write_table(
            table,
            snakemake.output.csv,
            wide=wide_pretraining(table, params.labels),
            title="Further pretraining with a region removed or frozen",
            note=PRETRAINING_NOTE,
            code=params.code,
            settings=settings,
        )
