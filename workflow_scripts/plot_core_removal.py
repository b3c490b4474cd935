"""Draw how much zeroing the core region multiplies each language's perplexity. Output: svg, png.

Inputs: style (resources/langatlas.mplstyle), table (results/tables/perplexity.csv), published
(resources/published/core_removal.csv; left out: no published panel).
Params: code, experiment, region (core, core-global), samples, published_model (one of the published table's; only with
published), labels (the config's own labels); for the caption: sequences.
"""

from langatlas import runlog
from langatlas.present import published
from langatlas.present.figures import canvas, core_removal
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake), canvas.style(snakemake.input.style):
        params, model = snakemake.params, snakemake.wildcards.model
        table, beside = canvas.read_table(snakemake.input.table), None
        if snakemake.input.get("published"):
            beside = canvas.select(published.load_core(snakemake.input.published), model=params.published_model)
        figure = core_removal.figure(
            table, model, params.experiment, params.region, int(params.samples), beside, params.labels
        )
        provenance = collect(**dict(params.items()), figure="core_removal", model=model)
        canvas.save(figure, snakemake.output, provenance)
