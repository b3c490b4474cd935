"""Build the corpus of one language. Output: pretrain, locate and test as Parquet, and what was counted as JSON."""

from langatlas import runlog
from langatlas.corpora.build import build_corpus

if __name__ == "__main__":
    with runlog.job(snakemake):
        output = snakemake.output
        build_corpus(
            snakemake.wildcards.language,
            snakemake.params.parts,
            {"pretrain": output.pretrain, "locate": output.locate, "test": output.test},
            output.stats,
            corpus=snakemake.wildcards.corpus,
            code=snakemake.params.code,
        )
