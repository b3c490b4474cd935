# Figures, from tables and region files alone. One rule a figure: restyling one reruns one job. What it reads is in
# langatlas/workflow/registry.py, how it is drawn in langatlas/present/figures/{figure}.py.
#
# IN   results/tables/*.csv, results/{model}/regions/…, resources/langatlas.mplstyle
# OUT  results/figures/{model}/{figure}.svg .png .gif, those of an experiment or region {figure}-{part}; captions in report/*.rst


for _figure, _entry in registry.FIGURES.items():

    rule:
        name:
            f"plot_{_figure}"
        input:
            unpack(lambda wildcards, entry=_entry: entry.inputs(config, wildcards.model, wildcards.get("part", ""))),
            style=paths.STYLE,
        output:
            **figure_outputs(_figure),
        log:
            f"{R}/logs/plot_{_figure}/" + ("{model}" if _entry.parts is None else "{model}/{part}") + ".log",
        wildcard_constraints:
            model=paths.alternatives(_entry.models(config)),
            part=paths.alternatives(_entry.parts(config) if _entry.parts else []),
        conda:
            "../envs/plot.yaml"
        params:
            figure=_figure,
            drawn=lambda wildcards, entry=_entry: entry.params(config, wildcards.get("part", "")),
            labels=config["labels"],
            code=code_version("plot", f"langatlas.present.figures.{_figure}"),
        script:
            "../workflow_scripts/plot.py"


# Any one matrix on demand, e.g. results/figures/mini/density_map/monolingual-ar/attn.q-3.png.
rule plot_density_map:
    input:
        style=paths.STYLE,
        region=lambda wildcards: registry.density_region(config, wildcards.model, wildcards.region),
    output:
        svg=paths.figure(config, "{model}", "density_map/{region}/{module}-{layer}", "svg"),
        png=report(
            paths.figure(config, "{model}", "density_map/{region}/{module}-{layer}", "png"),
            caption="../report/density_map.rst",
            category="4 Place",
            labels={
                "figure": "density map",
                "model": "{model}",
                "region": "{region}",
                "module": "{module}",
                "layer": "{layer}",
            },
        ),
    log:
        f"{R}/logs/plot_density_map/{{model}}/{{region}}/{{module}}-{{layer}}.log",
    wildcard_constraints:
        module=r"[a-z]+\.[a-z_]+",
        layer=r"\d+",
    conda:
        "../envs/plot.yaml"
    params:
        figure="density_map",
        drawn=lambda wildcards: registry.density_map(config, wildcards.region, wildcards.module, wildcards.layer),
        labels=config["labels"],
        code=code_version("plot", "langatlas.present.figures.density_map"),
    script:
        "../workflow_scripts/plot.py"
