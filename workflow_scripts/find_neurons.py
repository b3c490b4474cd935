"""Choose each language's neurons by LAPE or by average precision. Output: one row a (language, side, neuron), Parquet.

params.method: lape or precision; params.languages: their order; params.lape: filter, rate, bar; params.each: neurons of
each side by average precision
"""

import numpy as np

from langatlas import runlog
from langatlas.activation_files import open_together
from langatlas.locate.neurons import LapeSettings, by_precision, lape, precisions
from langatlas.neuron_files import NeuronSet, described, write_neurons
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake):
        params = snakemake.params
        files = open_together(snakemake.input.activations)
        probabilities_KLF = np.stack([file.probability() for file in files])
        if params.method == "lape":
            rows = lape(probabilities_KLF, params.languages, LapeSettings(**params.lape))
        else:
            layers = range(files[0].shape[0])
            precision_KLF = np.stack([precisions([file.means(layer) for file in files]) for layer in layers], 1)
            rows = by_precision(precision_KLF, probabilities_KLF, params.languages, params.each)
        metadata = collect(**params) | described(files[0].metadata)
        write_neurons(
            snakemake.output.neurons, NeuronSet(rows, list(params.languages), tuple(files[0].shape), metadata)
        )
