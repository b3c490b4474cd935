"""What is learnt and what is forgotten in further pretraining. Output: results/tables/forgetting.*

input.rows: files of all arms; params: labels (the config's own), resamples, seed, code
"""

from langatlas import runlog
from langatlas.present.pretraining_tables import FORGETTING_NOTE, forgetting, read_rows, wide_forgetting
from langatlas.present.tables import write_table

if __name__ == "__main__":
    with runlog.job(snakemake):
        params = snakemake.params
        settings = {"resamples": params.resamples, "seed": params.seed}
        table = forgetting(read_rows(snakemake.input.rows), **settings)
        write_table(
            table,
            snakemake.output.csv,
            wide=wide_forgetting(table, params.labels),
            title="What is learnt and what is forgotten in further pretraining",
            note=FORGETTING_NOTE,
            code=params.code,
            settings=settings,
        )
