"""Draw the neurons that are active most often while a model translates. Output: svg, png.

Inputs: style (resources/langatlas.mplstyle), activations (folder of one file a condition).
Params: code, conditions, share (of the neurons), labels (the config's own labels).
"""

from pathlib import Path

from langatlas import runlog
from langatlas.locate.peaks import writing_counts_by_condition
from langatlas.present.figures import canvas, neuron_peaks
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake), canvas.style(snakemake.input.style):
        params, folder = snakemake.params, Path(snakemake.input.activations)
        model, experiment = snakemake.wildcards.model, snakemake.wildcards.translation
        counts, passes = writing_counts_by_condition(folder, params.conditions)
        figure = neuron_peaks.figure(counts, passes, params.share, model, experiment)
        described = collect(**dict(params.items()), figure="neuron_peaks", model=model, experiment=experiment)
        canvas.save(figure, snakemake.output, described)
