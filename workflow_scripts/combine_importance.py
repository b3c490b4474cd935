"""Add the importances of a language's shards. Output: a file a milestone, one F32 tensor per parameter, signed."""

from langatlas import runlog
from langatlas.locate.importance_files import add_shards
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake):
        outputs, partial = snakemake.output.importance, snakemake.input.partial
        shards = len(partial) // len(outputs)
        for number, output in enumerate(outputs):
            add_shards(partial[number * shards : (number + 1) * shards], output, collect(snakemake.params.code))
