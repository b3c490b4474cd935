"""Find a checkpoint in a folder or on the Hub and check all of it. Output: its manifest and what is kept of its tokenizer.

params.lengths: key of the config -> tokens of the longest sequence that it asks for
"""

from pathlib import Path

from langatlas import runlog
from langatlas.models import checkpoint, gate, tokenizer_files

if __name__ == "__main__":
    with runlog.job(snakemake):
        name, params = snakemake.wildcards.model, snakemake.params
        folder, revision = checkpoint.fetch(name, params.path, params.revision)
        destination = Path(snakemake.output.manifest).parent
        tokenizer_files.copy_tokenizer(folder, destination, name, gate.read_config(folder, name))
        manifest = checkpoint.inspect(folder, name, revision=revision, dtype=params.dtype, lengths=params.lengths)
        manifest.write(snakemake.output.manifest)
