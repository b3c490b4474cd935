"""Further pretraining with a region removed or frozen; what is learnt and forgotten in it. Output: results/tables/{table}.*

input.rows: files of all arms; params: table (pretraining or forgetting), labels (the config's own), resamples, seed, code
"""

from langatlas import runlog
from langatlas.present.pretraining_tables import PRETRAINING_TABLES, read_rows

if __name__ == "__main__":
    with runlog.job(snakemake):
        params, kind = snakemake.params, PRETRAINING_TABLES[snakemake.params.table]
        settings = {"resamples": params.resamples, "seed": params.seed}
        table = kind.build(read_rows(snakemake.input.rows), **settings)
        kind.write(table, snakemake.output.csv, labels=params.labels, code=params.code, settings=settings)
