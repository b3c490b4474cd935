# What a model writes before and after regions are removed. One job a model and experiment.
#
# IN   results/models/{model}/model.json, results/{model}/tokens/{language}/test/00000.arrow, region files
# OUT  results/{model}/generation/{generation}.parquet, results/tables/generation.*


rule generate_text:
    input:
        manifest=f"{R}/models/{{model}}/model.json",
        tokenizer=lambda wildcards: paths.tokenizer_files(config, wildcards.model),
        shards=lambda wildcards: experiments.test_shards(
            config, wildcards.model, experiments.languages_of(config, "generation", wildcards.generation)
        ),
        regions=lambda wildcards: regions.chosen_files(
            config, wildcards.model, config["generation"][wildcards.generation]["regions"]
        ),
    output:
        rows=f"{R}/{{model}}/generation/{{generation}}.parquet",
    log:
        f"{R}/logs/generate_text/{{model}}/{{generation}}.log",
    benchmark:
        f"{R}/benchmarks/generate_text/{{model}}/{{generation}}.tsv"
    wildcard_constraints:
        generation=paths.alternatives(config["generation"]),
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem_mb=3000,
        runtime=120,
    params:
        tokenizer=lambda wildcards: f"{R}/models/{wildcards.model}",
        languages=lambda wildcards: experiments.languages_of(config, "generation", wildcards.generation),
        prompts=lambda wildcards: config["generation"][wildcards.generation]["prompts"],
        prompts_each=lambda wildcards: config["generation"][wildcards.generation]["count"],
        prompt_tokens=lambda wildcards: config["generation"][wildcards.generation]["prompt_tokens"],
        max_new_tokens=lambda wildcards: config["generation"][wildcards.generation]["max_new_tokens"],
        precision=config["perplexity"]["precision"],
        code=code_version("generate_text"),
    script:
        "../workflow_scripts/generate_text.py"
