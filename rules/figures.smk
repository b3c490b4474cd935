# Figures, from tables and region files alone. Each is a rule of its own: restyling one reruns one job.
#
# IN   results/tables/*.csv, results/{model}/regions/…, resources/langatlas.mplstyle
# OUT  results/figures/{model}/{figure}.svg .png, animations as .gif; captions in report/*.rst


rule plot_training_curve:
    input:
        style=STYLE,
        table=f"{R}/models/{{model}}/training.csv",
    output:
        svg=f"{R}/figures/{{model}}/training_curve.svg",
        png=report(f"{R}/figures/{{model}}/training_curve.png", **caption("training_curve", "1 Model")),
    log:
        f"{R}/logs/plot_training_curve/{{model}}.log",
    conda:
        "../envs/plot.yaml"
    params:
        code=code_version("plot_training_curve"),
    script:
        "../workflow_scripts/plot_training_curve.py"


rule plot_core_removal:
    input:
        style=STYLE,
        table=f"{R}/tables/perplexity.csv",
        published=PUBLISHED["core_removal"],
    output:
        svg=f"{R}/figures/{{model}}/core_removal.svg",
        png=report(f"{R}/figures/{{model}}/core_removal.png", **caption("core_removal", "2 Removal")),
    log:
        f"{R}/logs/plot_core_removal/{{model}}.log",
    conda:
        "../envs/plot.yaml"
    params:
        experiment=experiment_of("core"),
        region="core",
        samples=last_milestone(),
        sequences=config["tokens"]["max_sequences"]["test"],
        published_model="LLaMA-2-7B",
        labels=config["labels"],
        code=code_version("plot_core_removal"),
    script:
        "../workflow_scripts/plot_core_removal.py"


rule plot_core_lines:
    input:
        style=STYLE,
        table=f"{R}/tables/edits.csv",
    output:
        svg=f"{R}/figures/{{model}}/core_lines.svg",
        png=report(f"{R}/figures/{{model}}/core_lines.png", **caption("core_lines", "2 Removal")),
    log:
        f"{R}/logs/plot_core_lines/{{model}}.log",
    conda:
        "../envs/plot.yaml"
    params:
        experiment=lines_experiment(),
        region=lambda wildcards: config["experiments"][lines_experiment()]["region"],
        ratio=lambda wildcards: config["experiments"][lines_experiment()]["ratio"],
        samples=last_milestone(),
        sequences=config["tokens"]["max_sequences"]["test"],
        labels=config["labels"],
        code=code_version("plot_core_lines"),
    script:
        "../workflow_scripts/plot_core_lines.py"


rule plot_effect_matrix:
    input:
        style=STYLE,
        table=f"{R}/tables/effect_matrix.csv",
    output:
        svg=f"{R}/figures/{{model}}/effect_matrix.svg",
        png=report(f"{R}/figures/{{model}}/effect_matrix.png", **caption("effect_matrix", "2 Removal")),
    log:
        f"{R}/logs/plot_effect_matrix/{{model}}.log",
    conda:
        "../envs/plot.yaml"
    params:
        kind=monolingual_kind(),
        ratio=max(config["regions"]["monolingual"]["ratios"]),
        samples=last_milestone(),
        sequences=config["tokens"]["max_sequences"]["test"],
        significance=0.05,
        labels=config["labels"],
        code=code_version("plot_effect_matrix"),
    script:
        "../workflow_scripts/plot_effect_matrix.py"


rule plot_importance_similarity:
    input:
        style=STYLE,
        table=f"{R}/tables/importance_similarity.csv",
    output:
        svg=f"{R}/figures/{{model}}/importance_similarity.svg",
        png=report(f"{R}/figures/{{model}}/importance_similarity.png", **caption("importance_similarity", "3 Sharing")),
    log:
        f"{R}/logs/plot_importance_similarity/{{model}}.log",
    conda:
        "../envs/plot.yaml"
    params:
        samples=last_milestone(),
        measure="spearman",
        labels=config["labels"],
        code=code_version("plot_importance_similarity"),
    script:
        "../workflow_scripts/plot_importance_similarity.py"


rule plot_region_overlap:
    input:
        style=STYLE,
        table=f"{R}/tables/region_overlap.csv",
    output:
        svg=f"{R}/figures/{{model}}/region_overlap.svg",
        png=report(f"{R}/figures/{{model}}/region_overlap.png", **caption("region_overlap", "3 Sharing")),
    log:
        f"{R}/logs/plot_region_overlap/{{model}}.log",
    conda:
        "../envs/plot.yaml"
    params:
        samples=last_milestone(),
        scope=shown_scope(),
        side="top",
        ratio=max(config["regions"]["monolingual"]["ratios"]),
        labels=config["labels"],
        code=code_version("plot_region_overlap"),
    script:
        "../workflow_scripts/plot_region_overlap.py"


rule plot_density_by_layer:
    input:
        style=STYLE,
        table=f"{R}/tables/region_density.csv",
    output:
        svg=f"{R}/figures/{{model}}/density_by_layer.svg",
        png=report(f"{R}/figures/{{model}}/density_by_layer.png", **caption("density_by_layer", "4 Place")),
    log:
        f"{R}/logs/plot_density_by_layer/{{model}}.log",
    conda:
        "../envs/plot.yaml"
    params:
        kinds=density_kinds(),
        samples=last_milestone(),
        ratio=config["figures"]["density"]["ratio"],
        labels=config["labels"],
        code=code_version("plot_density_by_layer"),
    script:
        "../workflow_scripts/plot_density_by_layer.py"


rule plot_density_sheet:
    input:
        style=STYLE,
        region=lambda wildcards: density_region(wildcards.model, wildcards.region),
    output:
        svg=f"{R}/figures/{{model}}/density_sheet-{{region}}.svg",
        png=report(
            f"{R}/figures/{{model}}/density_sheet-{{region}}.png",
            **caption("density_sheet", "4 Place", region="{region}"),
        ),
    log:
        f"{R}/logs/plot_density_sheet/{{model}}/{{region}}.log",
    conda:
        "../envs/plot.yaml"
    params:
        cmap=lambda wildcards: density_cmap(wildcards.region),
        vmax=None,
        region=lambda wildcards: wildcards.region,
        side="top",
        ratio=config["figures"]["density"]["ratio"],
        samples=last_milestone(),
        labels=config["labels"],
        code=code_version("plot_density_sheet"),
    script:
        "../workflow_scripts/plot_density_sheet.py"


# Any one matrix on demand, e.g. results/figures/mini/density_map/monolingual-ar/attn.q-3.png.
rule plot_density_map:
    input:
        style=STYLE,
        region=lambda wildcards: density_region(wildcards.model, wildcards.region),
    output:
        svg=f"{R}/figures/{{model}}/density_map/{{region}}/{{module}}-{{layer}}.svg",
        png=report(
            f"{R}/figures/{{model}}/density_map/{{region}}/{{module}}-{{layer}}.png",
            **caption("density_map", "4 Place", region="{region}", module="{module}", layer="{layer}"),
        ),
    log:
        f"{R}/logs/plot_density_map/{{model}}/{{region}}/{{module}}-{{layer}}.log",
    wildcard_constraints:
        module=r"[a-z]+\.[a-z_]+",
        layer=r"\d+",
    conda:
        "../envs/plot.yaml"
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
    script:
        "../workflow_scripts/plot_density_map.py"


for _figure, _panels in ANIMATIONS.items():

    rule:
        name:
            f"animate_{_figure}"
        input:
            style=STYLE,
            regions=lambda wildcards, panels=_panels: [
                density_region(wildcards.model, panel["region"]) for panel in panels
            ],
        output:
            gif=report(
                f"{R}/figures/{{model}}/{_figure}_layers.gif",
                **caption("density_animation", "4 Place", region=_figure),
            ),
        log:
            f"{R}/logs/animate_{_figure}/{{model}}.log",
        conda:
            "../envs/plot.yaml"
        params:
            panels=[{"module": panel["module"], "cmap": panel["cmap"]} for panel in _panels],
            seconds=0.5,
            vmax=1,
            side="top",
            ratio=config["figures"]["density"]["ratio"],
            samples=last_milestone(),
            labels=config["labels"],
            code=code_version("plot_density_animation"),
        script:
            "../workflow_scripts/plot_density_animation.py"
