# Figures, from tables and region files alone. Each is a rule of its own: restyling one reruns one job.
#
# IN   results/tables/*.csv, results/{model}/regions/…, resources/langatlas.mplstyle
# OUT  results/figures/{model}/{figure}.svg .png, animations as .gif; captions in report/*.rst


rule plot_training_curve:
    output:
        svg=f"{R}/figures/{{model}}/training_curve.svg",
        png=report(f"{R}/figures/{{model}}/training_curve.png", **caption("training_curve", "1 Model")),
    input:
        style=STYLE,
        table=f"{R}/models/{{model}}/training.csv",
    log:
        f"{R}/logs/plot_training_curve/{{model}}.log",
    params:
        code=code_version("plot_training_curve"),
    conda:
        "../envs/plot.yaml"
    script:
        "../workflow_scripts/plot_training_curve.py"


rule plot_core_removal:
    output:
        svg=f"{R}/figures/{{model}}/core_removal.svg",
        png=report(f"{R}/figures/{{model}}/core_removal.png", **caption("core_removal", "2 Removal")),
    input:
        style=STYLE,
        table=f"{R}/tables/perplexity.csv",
        published=PUBLISHED["core_removal"],
    log:
        f"{R}/logs/plot_core_removal/{{model}}.log",
    params:
        experiment=experiment_of("core"),
        region="core",
        samples=last_milestone(),
        sequences=config["tokens"]["max_sequences"]["test"],
        published_model="LLaMA-2-7B",
        labels=config["labels"],
        code=code_version("plot_core_removal"),
    conda:
        "../envs/plot.yaml"
    script:
        "../workflow_scripts/plot_core_removal.py"


rule plot_effect_matrix:
    output:
        svg=f"{R}/figures/{{model}}/effect_matrix.svg",
        png=report(f"{R}/figures/{{model}}/effect_matrix.png", **caption("effect_matrix", "2 Removal")),
    input:
        style=STYLE,
        table=f"{R}/tables/effect_matrix.csv",
    log:
        f"{R}/logs/plot_effect_matrix/{{model}}.log",
    params:
        kind="monolingual",
        ratio=max(config["regions"]["monolingual"]["ratios"]),
        samples=last_milestone(),
        sequences=config["tokens"]["max_sequences"]["test"],
        significance=0.05,
        labels=config["labels"],
        code=code_version("plot_effect_matrix"),
    conda:
        "../envs/plot.yaml"
    script:
        "../workflow_scripts/plot_effect_matrix.py"


rule plot_importance_similarity:
    output:
        svg=f"{R}/figures/{{model}}/importance_similarity.svg",
        png=report(f"{R}/figures/{{model}}/importance_similarity.png", **caption("importance_similarity", "3 Sharing")),
    input:
        style=STYLE,
        table=f"{R}/tables/importance_similarity.csv",
    log:
        f"{R}/logs/plot_importance_similarity/{{model}}.log",
    params:
        samples=last_milestone(),
        measure="spearman",
        labels=config["labels"],
        code=code_version("plot_importance_similarity"),
    conda:
        "../envs/plot.yaml"
    script:
        "../workflow_scripts/plot_importance_similarity.py"


rule plot_region_overlap:
    output:
        svg=f"{R}/figures/{{model}}/region_overlap.svg",
        png=report(f"{R}/figures/{{model}}/region_overlap.png", **caption("region_overlap", "3 Sharing")),
    input:
        style=STYLE,
        table=f"{R}/tables/region_overlap.csv",
    log:
        f"{R}/logs/plot_region_overlap/{{model}}.log",
    params:
        samples=last_milestone(),
        scope=config["regions"]["monolingual"]["scopes"][0],
        side="top",
        ratio=max(config["regions"]["monolingual"]["ratios"]),
        labels=config["labels"],
        code=code_version("plot_region_overlap"),
    conda:
        "../envs/plot.yaml"
    script:
        "../workflow_scripts/plot_region_overlap.py"


rule plot_density_by_layer:
    output:
        svg=f"{R}/figures/{{model}}/density_by_layer.svg",
        png=report(f"{R}/figures/{{model}}/density_by_layer.png", **caption("density_by_layer", "4 Place")),
    input:
        style=STYLE,
        table=f"{R}/tables/region_density.csv",
    log:
        f"{R}/logs/plot_density_by_layer/{{model}}.log",
    params:
        kinds=density_kinds(),
        samples=last_milestone(),
        ratio=config["figures"]["density"]["ratio"],
        labels=config["labels"],
        code=code_version("plot_density_by_layer"),
    conda:
        "../envs/plot.yaml"
    script:
        "../workflow_scripts/plot_density_by_layer.py"


rule plot_density_sheet:
    output:
        svg=f"{R}/figures/{{model}}/density_sheet-{{region}}.svg",
        png=report(
            f"{R}/figures/{{model}}/density_sheet-{{region}}.png", **caption("density_sheet", "4 Place", region="{region}")
        ),
    input:
        style=STYLE,
        region=lambda wildcards: density_region(wildcards.model, wildcards.region),
    log:
        f"{R}/logs/plot_density_sheet/{{model}}/{{region}}.log",
    params:
        cmap=lambda wildcards: density_cmap(wildcards.region),
        vmax=None,
        region=lambda wildcards: wildcards.region,
        side="top",
        ratio=config["figures"]["density"]["ratio"],
        samples=last_milestone(),
        labels=config["labels"],
        code=code_version("plot_density_sheet"),
    conda:
        "../envs/plot.yaml"
    script:
        "../workflow_scripts/plot_density_sheet.py"


# Any one matrix on demand, e.g. results/figures/mini/density_map/monolingual-ar/attn.q-3.png.
rule plot_density_map:
    output:
        svg=f"{R}/figures/{{model}}/density_map/{{region}}/{{module}}-{{layer}}.svg",
        png=report(
            f"{R}/figures/{{model}}/density_map/{{region}}/{{module}}-{{layer}}.png",
            **caption("density_map", "4 Place", region="{region}", module="{module}", layer="{layer}"),
        ),
    input:
        style=STYLE,
        region=lambda wildcards: density_region(wildcards.model, wildcards.region),
    log:
        f"{R}/logs/plot_density_map/{{model}}/{{region}}/{{module}}-{{layer}}.log",
    wildcard_constraints:
        module=r"[a-z]+\.[a-z_]+",
        layer=r"\d+",
    params:
        layer=lambda wildcards: wildcards.layer,
        module=lambda wildcards: wildcards.module,
        cmap=lambda wildcards: density_cmap(wildcards.region),
        vmax=1,
        region=lambda wildcards: wildcards.region,
        side="top",
        ratio=config["figures"]["density"]["ratio"],
        samples=last_milestone(),
        labels=config["labels"],
        code=code_version("plot_density_map"),
    conda:
        "../envs/plot.yaml"
    script:
        "../workflow_scripts/plot_density_map.py"


for _figure, _panels in ANIMATIONS.items():

    rule:
        name:
            f"animate_{_figure}"
        output:
            gif=report(
                f"{R}/figures/{{model}}/{_figure}_layers.gif", **caption("density_animation", "4 Place", region=_figure)
            ),
        input:
            style=STYLE,
            regions=lambda wildcards, panels=_panels: [
                density_region(wildcards.model, panel["region"]) for panel in panels
            ],
        log:
            f"{R}/logs/animate_{_figure}/{{model}}.log",
        params:
            panels=[{"module": panel["module"], "cmap": panel["cmap"]} for panel in _panels],
            seconds=0.5,
            vmax=1,
            side="top",
            ratio=config["figures"]["density"]["ratio"],
            samples=last_milestone(),
            labels=config["labels"],
            code=code_version("plot_density_animation"),
        conda:
            "../envs/plot.yaml"
        script:
            "../workflow_scripts/plot_density_animation.py"
