"""Draw how often each neuron is active while a model translates. Output: svg, png.

Inputs: style (resources/langatlas.mplstyle), activations (folder of one file a condition).
Params: code, conditions, labels (the config's own labels).
"""

from pathlib import Path

from langatlas import runlog
from langatlas.locate.peaks import writing_counts_by_condition
from langatlas.present.figures import canvas, neuron_activity
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake), canvas.style(snakemake.input.style):
        params, folder = snakemake.params, Path(snakemake.input.activations)
        model, experiment = snakemake.wildcards.model, snakemake.wildcards.translation
        counts, passes = writing_counts_by_condition(folder, params.conditions)
        figure = neuron_activity.figure(counts, passes, model, experiment)
        described = collect(**dict(params.items()), figure="neuron_activity", model=model, experiment=experiment)
        canvas.save(figure, snakemake.output, described)
