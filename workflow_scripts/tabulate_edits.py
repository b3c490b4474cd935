"""What edits of lines, dimensions and parameters do. Output: results/tables/edits.*

input.perplexity: results/tables/perplexity.csv; params.labels: the config's own labels; params.code: code version
"""

from langatlas import runlog
from langatlas.present.edit_tables import EDITS_NOTE, edits, wide_edits
from langatlas.present.table import read_table, write_table

if __name__ == "__main__":
    with runlog.job(snakemake):
        table = edits(read_table(snakemake.input.perplexity))
        write_table(
            table,
            snakemake.output.csv,
            wide=wide_edits(table, snakemake.params.labels),
            title="Perplexity after editing lines, dimensions and single parameters",
            note=EDITS_NOTE,
            code=snakemake.params.code,
            settings={},
        )
