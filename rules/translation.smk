# Translation with parallel input (Mu et al. 2024) and its controls, neurons counted while the model writes. One job an experiment.
#
# IN   results/models/{model}/model.json, sentences of resources/world or of your own
# OUT  results/{model}/translation/{translation}.parquet and .../{translation}/{condition}.safetensors


rule translation:
    input:
        products.tables(config, ["translation", "inhibition"]),
        products.figures(config, ["inhibition", "neuron_peaks", "neuron_activity"]),
    localrule: True


rule translate:
    input:
        manifest=f"{R}/models/{{model}}/model.json",
        tokenizer=lambda wildcards: paths.tokenizer_files(config, wildcards.model),
        sentences=lambda wildcards: experiments.translation_sources(config, wildcards.translation),
    output:
        rows=f"{R}/{{model}}/translation/{{translation}}.parquet",
        activations=directory(f"{R}/{{model}}/translation/{{translation}}"),
    log:
        f"{R}/logs/translate/{{model}}/{{translation}}.log",
    benchmark:
        f"{R}/benchmarks/translate/{{model}}/{{translation}}.tsv"
    wildcard_constraints:
        translation=paths.alternatives(config["translation"]),
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
        names=lambda wildcards: experiments.translation_names(config, wildcards.translation),
        reading=lambda wildcards: config["translation"][wildcards.translation]["reading"],
        batch_size=lambda wildcards: config["translation"][wildcards.translation]["batch_size"],
        max_new_tokens=lambda wildcards: config["translation"][wildcards.translation]["max_new_tokens"],
        precision=config["perplexity"]["precision"],
        code=code_version("translate"),
    script:
        "../workflow_scripts/translate.py"
