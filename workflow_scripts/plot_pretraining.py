"""Draw perplexity against training samples for every arm of an experiment. Output: svg, png.

Inputs: style (resources/langatlas.mplstyle), table (results/tables/pretraining.csv).
Params: code, labels (the config's own labels); for the caption: chosen (the experiment's settings).
"""

from langatlas import runlog
from langatlas.present.figures import canvas, pretraining
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake), canvas.style(snakemake.input.style):
        params, model, name = snakemake.params, snakemake.wildcards.model, snakemake.wildcards.pretraining
        figure = pretraining.figure(canvas.read_table(snakemake.input.table), model, name, params.labels)
        canvas.save(figure, snakemake.output, collect(**dict(params.items()), figure="pretraining", model=model))
