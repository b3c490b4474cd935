"""What removing sets of equal size does, and which method isolates a language best. Output: results/tables/{table}.*

params.tables: equal_removal and isolation; params: labels, resamples, permutations, seed, code
input.rows: perplexity files of the experiments with equal regions; input.regions: these regions
"""

from langatlas import runlog
from langatlas.present.isolation import numbers_of_parameters
from langatlas.present.isolation_pages import ISOLATION_TABLES

if __name__ == "__main__":
    with runlog.job(snakemake):
        params = snakemake.params
        settings = {name: params[name] for name in ("resamples", "permutations", "seed")}
        sizes = numbers_of_parameters(snakemake.input.regions)
        for name in params.tables:
            kind = ISOLATION_TABLES[name]
            table = kind.build(snakemake.input.rows, sizes, **settings)
            kind.write(
                table, snakemake.output[f"{name}_csv"], labels=params.labels, code=params.code, settings=settings
            )
