"""What silencing the neurons of each language does. Output: results/tables/silencing.*

input.rows: perplexity files of the experiments of kind neurons; params: labels, resamples, permutations, seed, code
"""

from langatlas import runlog
from langatlas.present.silencing_table import NOTE, silencing, wide_silencing
from langatlas.present.table import write_table

if __name__ == "__main__":
    with runlog.job(snakemake):
        params = snakemake.params
        settings = {name: params[name] for name in ("resamples", "permutations", "seed")}
        table = silencing(snakemake.input.rows, **settings)
        write_table(
            table,
            snakemake.output.csv,
            wide=wide_silencing(table, params.labels),
            title="Perplexity after silencing the neurons of a language",
            note=NOTE,
            code=params.code,
            settings=settings,
        )
