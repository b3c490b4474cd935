"""Find a checkpoint in a folder or on the Hub. Output: its manifest and a copy of its tokenizer."""

from pathlib import Path

from langatlas import runlog
from langatlas.models import checkpoint

if __name__ == "__main__":
    with runlog.job(snakemake):
        name, params = snakemake.wildcards.model, snakemake.params
        folder, revision = checkpoint.fetch(name, params.path, params.revision)
        manifest = checkpoint.describe(folder, name, revision=revision, dtype=params.dtype)
        checkpoint.copy_tokenizer(folder, Path(snakemake.output.manifest).parent, name)
        manifest.write(snakemake.output.manifest)
