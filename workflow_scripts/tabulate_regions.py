"""A table of where regions lie or what they share. Output: results/tables/{table}.csv .md .tex .json.

params.table: region_density, region_overlap (with what chance gives) or importance_similarity
params.labels: the config's own labels; params.code: code version
input.counts: what measure_density, measure_overlap or compare_importance counted: CSV of all models and milestones
output.csv, output.md, output.tex, output.json
"""

from langatlas import runlog
from langatlas.present.region_tables import REGION_TABLES
from langatlas.present.tables import write_table

if __name__ == "__main__":
    with runlog.job(snakemake):
        kind = REGION_TABLES[snakemake.params.table]
        table = kind.read(snakemake.input.counts)
        write_table(
            table,
            snakemake.output.csv,
            wide=kind.wide(table, snakemake.params.labels),
            title=kind.title,
            note=kind.note,
            code=snakemake.params.code,
            settings={"models": sorted(table["model"].unique())},
        )
