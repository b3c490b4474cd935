"""In which language a steered model writes. Output: results/tables/steering.*

input.rows: texts of all models and experiments; params: labels (the config's own), permutations, seed, code
"""

from langatlas import runlog
from langatlas.present.measured import read_measured
from langatlas.present.steering_table import NOTE, steering, wide_steering
from langatlas.present.table import write_table

if __name__ == "__main__":
    with runlog.job(snakemake):
        params = snakemake.params
        settings = {"permutations": params.permutations, "seed": params.random_seed}
        table = steering(read_measured(snakemake.input.rows), **settings)
        write_table(
            table,
            snakemake.output.csv,
            wide=wide_steering(table, params.labels),
            title="In which language a steered model writes",
            note=NOTE,
            code=params.code,
            settings=settings,
        )
