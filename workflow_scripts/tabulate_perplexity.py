"""Perplexity of every intervention with 95 % intervals and paired tests. Output: one row an intervention and language.

input.rows: the Parquet files of all models, experiments and languages
params.resamples, params.permutations, params.seed: of the bootstrap and of the sign-flip tests
params.published_processes: of the released evaluation
params.labels: the config's own labels; params.code: code version
output.csv, output.md, output.tex, output.json: results/tables/perplexity.*
"""

from langatlas import runlog
from langatlas.present.perplexity_table import tabulate_perplexity
from langatlas.present.table import write_table
from langatlas.present.wide_tables import wide_perplexity

NOTE = """Perplexity: exp of the NLL in nats, summed over test tokens, divided by their number. base: the unchanged model.
random: geometric mean over seeds. The CSV has every seed, bits per byte, ratios, 95 % intervals and p-values."""

SETTINGS = ("resamples", "permutations", "seed", "published_processes")

if __name__ == "__main__":
    with runlog.job(snakemake):
        settings = {name: snakemake.params[name] for name in SETTINGS}
        table = tabulate_perplexity(snakemake.input.rows, **settings)
        write_table(
            table,
            snakemake.output.csv,
            wide=wide_perplexity(table, snakemake.params.labels),
            title="Perplexity after removal",
            note=NOTE,
            code=snakemake.params.code,
            settings=settings,
        )
