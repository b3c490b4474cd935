"""The texts that models wrote before and after removal. Output: results/tables/generation.*

input.rows: files of all models and experiments; params: labels (the config's own), code
"""

from langatlas import runlog
from langatlas.present.generation_table import NOTE, generation, wide_generation
from langatlas.present.measured import read_measured
from langatlas.present.tables import write_table

if __name__ == "__main__":
    with runlog.job(snakemake):
        table = generation(read_measured(snakemake.input.rows))
        write_table(
            table,
            snakemake.output.csv,
            wide=wide_generation(table, snakemake.params.labels),
            title="What the model writes after removal",
            note=NOTE,
            code=snakemake.params.code,
            settings={},
        )
