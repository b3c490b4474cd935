"""Where regions lie among neurons, and whether important neurons are active ones. Output: two CSV files of counts.

params.languages: in the order of input.regions, input.importances and input.activations; input.neurons: sets, one a method
params: permutations, resamples, seed, code
"""

from langatlas import runlog
from langatlas.activation_files import open_together
from langatlas.files import atomic
from langatlas.locate.agreement import importance_and_activation, region_in_neurons
from langatlas.locate.neuron_lines import importance_of_neurons
from langatlas.neuron_files import check_model, read_neurons
from langatlas.region import Region, check_same_parameters

if __name__ == "__main__":
    with runlog.job(snakemake):
        params, found = snakemake.params, snakemake.input
        regions, sets = list(map(Region.open, found.regions)), [read_neurons(path) for path in found.neurons]
        check_same_parameters(regions)
        model_hash = regions[0].metadata["model_hash"]
        for path, neurons in zip(found.neurons, sets, strict=True):
            check_model(neurons, path, model_hash)
        lying = region_in_neurons(regions, sets, permutations=params.permutations, seed=params.seed)
        activations = open_together(found.activations, model_hash)
        by_language = dict(zip(params.languages, zip(found.importances, activations, strict=True), strict=True))
        importances = {label: importance_of_neurons(path, regions[0]) for label, (path, _) in by_language.items()}
        active = {label: activation.probability() for label, (_, activation) in by_language.items()}
        related = importance_and_activation(importances, active, resamples=params.resamples, seed=params.seed)
        related.insert(0, "model", snakemake.wildcards.model)
        related.insert(1, "samples", params.samples)
        for frame, output in ((lying, snakemake.output.regions), (related, snakemake.output.activations)):
            with atomic(output) as path:
                frame.to_csv(path, index=False)
