"""Draw one figure. Output: its picture in every format.

Inputs: style (resources/langatlas.mplstyle), and those of the figure's module by their names.
Params: figure (a module of langatlas.present.figures), drawn (settings of the figure and of its caption), labels (the config's
own labels), code.
"""

from importlib import import_module

from langatlas import runlog
from langatlas.present.figures import canvas
from langatlas.provenance import collect

if __name__ == "__main__":
    with runlog.job(snakemake), canvas.style(snakemake.input.style):
        params = snakemake.params
        picture = import_module(f"langatlas.present.figures.{params.figure}").FIGURE
        settings = {**snakemake.wildcards, **params.drawn}
        drawn = picture.draw(snakemake.input, {**settings, "own": params.labels})
        picture.save(
            drawn, snakemake.output, collect(params.code, figure=params.figure, labels=params.labels, **settings)
        )
