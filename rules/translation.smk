# Translation with parallel input (Mu et al. 2024) and its controls, neurons counted while the model writes. One job an experiment.
#
# IN   results/models/{model}/model.json, sentences of resources/world or of your own
# OUT  results/{model}/translation/{translation}.parquet and .../{translation}/{condition}.safetensors,
#      results/tables/translation.*, inhibition.*, results/figures/{model}/{inhibition,neuron_peaks,neuron_activity}-{translation}.*


rule translation:
    input:
        translation_products(),
    localrule: True


rule translate:
    input:
        manifest=f"{R}/models/{{model}}/model.json",
        tokenizer=lambda wildcards: tokenizer_files(wildcards.model),
        sentences=lambda wildcards: translation_sources(wildcards.translation),
    output:
        rows=f"{R}/{{model}}/translation/{{translation}}.parquet",
        activations=directory(f"{R}/{{model}}/translation/{{translation}}"),
    log:
        f"{R}/logs/translate/{{model}}/{{translation}}.log",
    benchmark:
        f"{R}/benchmarks/translate/{{model}}/{{translation}}.tsv"
    wildcard_constraints:
        translation=alternatives(config["translation"]),
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem_mb=3000,
        runtime=240,
    params:
        tokenizer=lambda wildcards: f"{R}/models/{wildcards.model}",
        unfinished=f"{R}/{{model}}/translation/.unfinished-{{translation}}",
        source=lambda wildcards: config["translation"][wildcards.translation]["source"],
        target=lambda wildcards: config["translation"][wildcards.translation]["target"],
        further=lambda wildcards: config["translation"][wildcards.translation]["further"],
        conditions=lambda wildcards: config["translation"][wildcards.translation]["conditions"],
        files=lambda wildcards: config["translation"][wildcards.translation]["files"],
        sentences=lambda wildcards: config["translation"][wildcards.translation]["count"],
        random_seed=lambda wildcards: config["translation"][wildcards.translation]["seed"],
        names=lambda wildcards: translation_names(wildcards.translation),
        reading=lambda wildcards: config["translation"][wildcards.translation]["reading"],
        batch_size=lambda wildcards: config["translation"][wildcards.translation]["batch_size"],
        max_new_tokens=lambda wildcards: config["translation"][wildcards.translation]["max_new_tokens"],
        precision=config["perplexity"]["precision"],
        code=code_version("translate"),
    script:
        "../workflow_scripts/translate.py"


rule tabulate_translation:
    input:
        rows=translation_rows(),
    output:
        **translation_outputs(),
    log:
        f"{R}/logs/tabulate_translation.log",
    localrule: True
    conda:
        "../envs/plot.yaml"
    params:
        labels=config["labels"],
        resamples=config["statistics"]["resamples"],
        random_seed=config["statistics"]["seed"],
        code=code_version("tabulate_translation"),
    script:
        "../workflow_scripts/tabulate_translation.py"


rule plot_inhibition:
    input:
        style=STYLE,
        table=f"{R}/tables/inhibition.csv",
    output:
        svg=f"{R}/figures/{{model}}/inhibition-{{translation}}.svg",
        png=report(f"{R}/figures/{{model}}/inhibition-{{translation}}.png", **translation_caption("inhibition")),
    log:
        f"{R}/logs/plot_inhibition/{{model}}/{{translation}}.log",
    wildcard_constraints:
        translation=alternatives(config["translation"]),
    conda:
        "../envs/plot.yaml"
    params:
        labels=config["labels"],
        code=code_version("plot_inhibition"),
    script:
        "../workflow_scripts/plot_inhibition.py"


rule plot_neuron_peaks:
    input:
        style=STYLE,
        activations=f"{R}/{{model}}/translation/{{translation}}",
    output:
        svg=f"{R}/figures/{{model}}/neuron_peaks-{{translation}}.svg",
        png=report(f"{R}/figures/{{model}}/neuron_peaks-{{translation}}.png", **translation_caption("neuron_peaks")),
    log:
        f"{R}/logs/plot_neuron_peaks/{{model}}/{{translation}}.log",
    wildcard_constraints:
        translation=alternatives(config["translation"]),
    conda:
        "../envs/plot.yaml"
    params:
        conditions=lambda wildcards: config["translation"][wildcards.translation]["conditions"],
        share=lambda wildcards: config["translation"][wildcards.translation]["peaks"],
        labels=config["labels"],
        code=code_version("plot_neuron_peaks"),
    script:
        "../workflow_scripts/plot_neuron_peaks.py"


rule plot_neuron_activity:
    input:
        style=STYLE,
        activations=f"{R}/{{model}}/translation/{{translation}}",
    output:
        svg=f"{R}/figures/{{model}}/neuron_activity-{{translation}}.svg",
        png=report(
            f"{R}/figures/{{model}}/neuron_activity-{{translation}}.png",
            **translation_caption("neuron_activity"),
        ),
    log:
        f"{R}/logs/plot_neuron_activity/{{model}}/{{translation}}.log",
    wildcard_constraints:
        translation=alternatives(config["translation"]),
    conda:
        "../envs/plot.yaml"
    params:
        conditions=lambda wildcards: config["translation"][wildcards.translation]["conditions"],
        labels=config["labels"],
        code=code_version("plot_neuron_activity"),
    script:
        "../workflow_scripts/plot_neuron_activity.py"
