# Measures: the unchanged model, then every intervention of an experiment in turn, observed on one language. The model is loaded
# once. One rule a measure: what it reads is in langatlas/workflow/measures.py.
#
# IN   results/models/{model}/model.json, results/{model}/interventions/{experiment}.json and what it names, test shards, tokenizer
# OUT  results/{model}/{measure}/{experiment}/{language}.parquet, of translation a folder of activations beside it
#      results/questions/{experiment}/{language}/*.yaml .jsonl


rule write_questions:
    input:
        sources=lambda wildcards: measures.question_sources(config, wildcards.experiment, wildcards.language),
    output:
        tasks=directory(measures.question_folder(config, "{experiment}", "{language}")),
    log:
        f"{R}/logs/write_questions/{{experiment}}/{{language}}.log",
    wildcard_constraints:
        experiment=paths.alternatives(experiments.measured_by(config, "questions")),
    localrule: True
    conda:
        "../envs/plot.yaml"
    params:
        tasks=lambda wildcards: measures.question_tasks(config, wildcards.experiment, wildcards.language),
        files=lambda wildcards: measures.chosen(config, wildcards.experiment, "questions")["files"],
        questions_each=lambda wildcards: measures.chosen(config, wildcards.experiment, "questions")["count"],
        seed=lambda wildcards: measures.chosen(config, wildcards.experiment, "questions")["seed"],
        code=code_version("write_questions"),
    script:
        "../workflow_scripts/write_questions.py"


for _measure, _entry in measures.MEASURES.items():

    rule:
        name:
            f"measure_{_measure}"
        input:
            unpack(
                lambda wildcards, entry=_entry: entry.inputs(
                    config, wildcards.model, wildcards.experiment, wildcards.language
                )
            ),
            manifest=f"{R}/models/{{model}}/model.json",
            interventions=experiments.index(config, "{model}", "{experiment}"),
            changed=lambda wildcards: experiments.changed_with(config, wildcards.model, wildcards.experiment),
        output:
            **{
                name: directory(path) if name == "folder" else path
                for name, path in measures.outputs(config, _measure).items()
            },
        log:
            f"{R}/logs/measure_{_measure}/{{model}}/{{experiment}}/{{language}}.log",
        benchmark:
            f"{R}/benchmarks/measure_{_measure}/{{model}}/{{experiment}}/{{language}}.tsv"
        wildcard_constraints:
            experiment=paths.alternatives(experiments.measured_by(config, _measure)),
        conda:
            "../envs/torch.yaml"
        resources:
            gpu=1,
            mem_mb=3000,
            runtime=_entry.runtime,
        params:
            measure=_measure,
            settings=lambda wildcards, entry=_entry: entry.settings(config, wildcards.experiment, wildcards.language),
            batch_size=config["perplexity"]["batch_size"],
            precision=config["perplexity"]["precision"],
            code=lambda wildcards, entry=_entry: code_version(
                "measure", entry.module, *experiments.changers(config, wildcards.experiment)
            ),
        script:
            "../workflow_scripts/measure.py"
