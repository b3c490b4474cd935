"""Show the first sequences of a token shard to people. Output: text with ids, tokens and the text decoded from them."""

from pathlib import Path

from langatlas import runlog
from langatlas.files import atomic
from langatlas.tokens import TextTokenizer, open_shard, preview

if __name__ == "__main__":
    with runlog.job(snakemake):
        tokenizer = TextTokenizer.load(Path(snakemake.input.tokenizer[0]).parent)
        with atomic(snakemake.output.preview) as path:
            path.write_text(preview(open_shard(snakemake.input.shard), tokenizer, snakemake.params.sequences), "utf-8")
