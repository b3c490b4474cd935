"""Add the importances of a language's shards. Output: theta * summed gradient, one F32 tensor per parameter, signed."""

from langatlas import runlog
from langatlas.locate.importance_files import add_shards
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake):
        add_shards(snakemake.input.partial, snakemake.output.importance, collect(snakemake.params.code))
