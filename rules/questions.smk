# Questions with choices before and after regions are removed: written as tasks, then asked in one job a model and experiment.
#
# IN   resources/world/*.yaml or your own files; results/models/{model}/model.json, region files
# OUT  results/questions/{questions}/*.yaml .jsonl, results/{model}/questions/{questions}.parquet, results/tables/questions.*


rule write_questions:
    input:
        sources=lambda wildcards: experiments.question_sources(config, wildcards.questions),
    output:
        tasks=directory(f"{R}/questions/{{questions}}"),
    log:
        f"{R}/logs/write_questions/{{questions}}.log",
    wildcard_constraints:
        questions=paths.alternatives(config["questions"]),
    localrule: True
    conda:
        "../envs/plot.yaml"
    params:
        tasks=lambda wildcards: experiments.question_tasks(config, wildcards.questions),
        files=lambda wildcards: config["questions"][wildcards.questions]["files"],
        questions_each=lambda wildcards: config["questions"][wildcards.questions]["count"],
        seed=lambda wildcards: config["questions"][wildcards.questions]["seed"],
        code=code_version("write_questions"),
    script:
        "../workflow_scripts/write_questions.py"


rule measure_questions:
    input:
        tasks=f"{R}/questions/{{questions}}",
        manifest=f"{R}/models/{{model}}/model.json",
        tokenizer=lambda wildcards: paths.tokenizer_files(config, wildcards.model),
        regions=lambda wildcards: regions.chosen_files(
            config, wildcards.model, config["questions"][wildcards.questions]["regions"]
        ),
    output:
        rows=f"{R}/{{model}}/questions/{{questions}}.parquet",
    log:
        f"{R}/logs/measure_questions/{{model}}/{{questions}}.log",
    benchmark:
        f"{R}/benchmarks/measure_questions/{{model}}/{{questions}}.tsv"
    wildcard_constraints:
        questions=paths.alternatives(config["questions"]),
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=1,
        mem_mb=3000,
        runtime=240,
    params:
        tokenizer=lambda wildcards: f"{R}/models/{wildcards.model}",
        local=lambda wildcards: ["-".join(parts) for parts in experiments.question_tasks(config, wildcards.questions)],
        named=lambda wildcards: config["questions"][wildcards.questions]["tasks"],
        shots=lambda wildcards: config["questions"][wildcards.questions]["shots"],
        seed=lambda wildcards: config["questions"][wildcards.questions]["seed"],
        batch_size=lambda wildcards: config["questions"][wildcards.questions]["batch_size"],
        precision=config["perplexity"]["precision"],
        code=code_version("measure_questions"),
    script:
        "../workflow_scripts/measure_questions.py"
