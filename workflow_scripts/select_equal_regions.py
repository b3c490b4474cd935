"""Cut a language's region and its neurons by each method to the same number of parameters. Output: one region file each.

input.region, input.importance: of the language; input.neurons: neuron sets, one a method
params.plan: (method, side, share) of each file of output.regions, in order; params.language
"""

from langatlas import runlog
from langatlas.locate.equal import select_equal
from langatlas.neuron_files import read_neurons
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake):
        params = snakemake.params
        select_equal(
            snakemake.input.region,
            snakemake.input.importance,
            {path: read_neurons(path) for path in snakemake.input.neurons},
            dict(zip(map(tuple, params.plan), snakemake.output.regions, strict=True)),
            language=params.language,
            metadata=collect(params.code),
        )
