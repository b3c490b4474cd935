"""A table of language-specific neurons. Output: results/tables/{table}.csv .md .tex .html .json

params.table: neuron_counts, neuron_layers or neuron_overlap; params.labels: the config's own labels; params.code
input.neurons: neuron sets of all models and methods; input.published: the published numbers beside them
"""

from langatlas import runlog
from langatlas.locate.neuron_files import read_neurons
from langatlas.present.neuron_tables import NEURON_TABLES, read_published

if __name__ == "__main__":
    with runlog.job(snakemake):
        params = snakemake.params
        kind = NEURON_TABLES[params.table]
        sets = [read_neurons(path) for path in snakemake.input.neurons]
        table = kind.build(sets, *read_published(snakemake.input.published))
        settings = {"models": sorted({found.metadata["model"] for found in sets})}
        kind.write(table, snakemake.output.csv, labels=params.labels, code=params.code, settings=settings)
