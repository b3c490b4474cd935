"""Tabulate how much text each language has. Output: one row per corpus, language and split (CSV), and for people."""

from langatlas import runlog
from langatlas.corpora.table import corpora_table, read_stats, wide_table
from langatlas.present.table import write_table

NOTE = (
    "Documents of each split; characters and UTF-8 bytes of all kept text; records that were read and that were left "
    "out. A text that was in several splits stayed in the first of test, locate, pretrain."
)

if __name__ == "__main__":
    with runlog.job(snakemake):
        stats = read_stats(snakemake.input.stats, snakemake.params.labels)
        write_table(
            corpora_table(stats),
            snakemake.output.csv,
            wide=wide_table(stats, snakemake.params.labels),
            title="Corpora",
            note=NOTE,
            code=snakemake.params.code,
            settings={"corpora": sorted({one["corpus"] for one in stats})},
        )
