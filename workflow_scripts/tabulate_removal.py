"""A table of what removal does, published numbers beside ours. Output: results/tables/{table}.csv .md .tex .json.

params.table: core_removal (base, top, bottom, random by language), monolingual_removal (the same for the region of each
    language) or effect_matrix (region of x test language, with ranks)
params.published_as: dict, our model -> published model that it is (LLaMA-2-7B, LLaMA-2-13B); other models left out
params.labels: the config's own labels; params.code: code version
input.perplexity: results/tables/perplexity.csv
input.published: resources/published/{table}.csv; none for effect_matrix
output.csv, output.md, output.tex, output.json
"""

from langatlas import runlog
from langatlas.present.removal import REMOVAL_TABLES
from langatlas.present.table import read_table, write_table

if __name__ == "__main__":
    with runlog.job(snakemake):
        kind = REMOVAL_TABLES[snakemake.params.table]
        published = snakemake.input.get("published")
        table = kind.build(read_table(snakemake.input.perplexity), published, snakemake.params.published_as)
        write_table(
            table,
            snakemake.output.csv,
            wide=kind.wide(table, snakemake.params.labels),
            title=kind.title,
            note=kind.note,
            code=snakemake.params.code,
            settings={"published_as": snakemake.params.published_as},
        )
