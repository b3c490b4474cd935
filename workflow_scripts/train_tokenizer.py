"""Train the mini model's tokenizer on the pretrain text of its languages. Output: tokenizer.json, tokenizer_config.json."""

from langatlas import runlog
from langatlas.models.mini_tokenizer import save_tokenizer, train_tokenizer

if __name__ == "__main__":
    with runlog.job(snakemake):
        tokenizer = train_tokenizer(snakemake.input.documents, snakemake.params.vocabulary_size)
        save_tokenizer(tokenizer, snakemake.output.tokenizer, snakemake.output.config, snakemake.params.sequence_length)
