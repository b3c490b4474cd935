"""Tokenize the documents of one language and split. Output: token shards (Arrow) and counts (JSON)."""

import os
from pathlib import Path

from langatlas import runlog, tokens

if __name__ == "__main__":
    with runlog.job(snakemake):
        os.environ["RAYON_NUM_THREADS"] = str(snakemake.threads)
        params = snakemake.params
        tokens.write_shards(
            snakemake.input.documents,
            Path(snakemake.input.tokenizer[0]).parent,
            snakemake.output.shards,
            snakemake.output.stats,
            language=snakemake.wildcards.language,
            split=params.split,
            policy=params.policy,
            sequence_length=params.sequence_length,
            max_sequences=params.max_sequences,
            code=params.code,
        )
