"""Draw which letters were answered before and after removal. Output: svg, png.

Inputs: style (resources/langatlas.mplstyle), table (results/tables/questions.csv).
Params: code, labels (the config's own labels); for the caption: chosen (the experiment's config).
"""

from langatlas import runlog
from langatlas.present.figures import canvas, questions
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake), canvas.style(snakemake.input.style):
        params, wildcards = snakemake.params, snakemake.wildcards
        table = canvas.read_table(snakemake.input.table)
        figure = questions.figure(table, wildcards.model, wildcards.questions, params.labels)
        made_by = collect(**dict(params.items()), figure="questions", model=wildcards.model)
        canvas.save(figure, snakemake.output, made_by)
