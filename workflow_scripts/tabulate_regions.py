"""A table of where regions lie or what they share. Output: results/tables/{table}.csv .md .tex .json.

params.table: region_density, region_overlap (with what chance gives) or importance_similarity
params.labels: the config's own labels; params.code: code version
input.counts: what measure_density, measure_overlap or compare_importance counted: CSV of all models and milestones
output.csv, output.md, output.tex, output.json
"""

from langatlas import runlog
from langatlas.present.region_tables import REGION_TABLES

if __name__ == "__main__":
    with runlog.job(snakemake):
        params = snakemake.params
        kind = REGION_TABLES[params.table]
        table = kind.read(snakemake.input.counts)
        settings = {"models": sorted(table["model"].unique())}
        kind.write(table, snakemake.output.csv, labels=params.labels, code=params.code, settings=settings)
