"""Draw the training curve of a mini model. Output: svg, png.

Inputs: style (resources/langatlas.mplstyle), table (results/models/{model}/training.csv).
Params: code.
"""

from langatlas import runlog
from langatlas.present.figures import canvas, training_curve
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake), canvas.style(snakemake.input.style):
        model = snakemake.wildcards.model
        figure = training_curve.figure(canvas.read_table(snakemake.input.table), model)
        provenance = collect(**dict(snakemake.params.items()), figure="training_curve", model=model)
        canvas.save(figure, snakemake.output, provenance)
