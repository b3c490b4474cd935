"""Every published number beside ours. Output: results/tables/published.*

input.perplexity: results/tables/perplexity.csv; input.pretraining: results/tables/pretraining.csv or nothing;
input.published: the files of resources/published; params: published_as (our model -> published model), labels, code
"""

from pathlib import Path

from langatlas import runlog
from langatlas.present.published_table import NOTE, join, load, wide_published
from langatlas.present.table import read_table, write_table

if __name__ == "__main__":
    with runlog.job(snakemake):
        params = snakemake.params
        trained = [read_table(path) for path in snakemake.input.pretraining]
        known = load(Path(snakemake.input.published[0]).parent)
        table = join(
            known, read_table(snakemake.input.perplexity), trained[0] if trained else None, params.published_as
        )
        write_table(
            table,
            snakemake.output.csv,
            wide=wide_published(table, params.labels),
            title="Published numbers beside ours",
            note=NOTE,
            code=params.code,
            settings={"published_as": params.published_as},
        )
