"""Any table. Output: results/tables/{table}.csv .md .tex .html .json

params.table: its name; how it is made is langatlas.present.tables.{table}
params.settings: what its numbers depend on beside its inputs; params.labels: the config's own labels; params.code
input: files by the names of the table's inputs
"""

from langatlas import runlog
from langatlas.present import table

if __name__ == "__main__":
    with runlog.job(snakemake):
        params, files = snakemake.params, dict(snakemake.input.items())
        made = {"settings": params.settings, "labels": params.labels, "code": params.code}
        table.load(params.table).make(files, snakemake.output.csv, **made)
