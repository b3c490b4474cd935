"""Which neurons an experiment silences, and random ones as controls. Output: clamps, JSON.

params.chosen: the experiment's entry of the config; params.silenced: languages, in the order of input.activations
"""

from langatlas import runlog
from langatlas.activation_files import open_together
from langatlas.intervene.neurons import write_clamps
from langatlas.intervene.silencing import silencing
from langatlas.locate.neuron_files import check_model, read_neurons
from langatlas.models.checkpoint import Manifest
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake):
        params, manifest = snakemake.params, Manifest.read(snakemake.input.manifest)
        activations = dict(zip(params.silenced, open_together(snakemake.input.activations), strict=True))
        clamps = []
        for path in snakemake.input.neurons:
            found = read_neurons(path)
            check_model(found, path, manifest.hash)
            chosen = {key: params.chosen[key] for key in ("sides", "controls", "seeds")}
            clamps += silencing(found, activations, **chosen)
        write_clamps(
            clamps, snakemake.output.clamps, model=manifest.name, model_hash=manifest.hash, metadata=collect(**params)
        )
