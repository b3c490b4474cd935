"""Add the activation statistics of a language's shards. Output: one safetensors file a language."""

from langatlas import runlog
from langatlas.activation_files import add_shards
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake):
        params = snakemake.params
        add_shards(snakemake.input.partial, snakemake.output.activations, params.means, collect(**params))
