"""Draw in which layers the neurons of each language lie. Output: svg, png.

Inputs: style (resources/langatlas.mplstyle), table (results/tables/neuron_layers.csv).
Params: code, labels (the config's own labels).
"""

from langatlas import runlog
from langatlas.present.figures import canvas, neuron_layers
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake), canvas.style(snakemake.input.style):
        params, model = snakemake.params, snakemake.wildcards.counted
        figure = neuron_layers.figure(canvas.read_table(snakemake.input.table), model, params.labels)
        canvas.save(figure, snakemake.output, collect(**dict(params.items()), figure="neuron_layers", model=model))
