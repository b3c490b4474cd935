# Text of each language, from any source, deduplicated and split.
#
# IN   the sources that config.corpora names (the world of this project, JSONL, Parquet, the Hugging Face Hub)
# OUT  results/corpora/{corpus}/{language}/{pretrain,locate,test}.parquet, stats.json
#      results/tables/corpora.*


rule build_corpus:
    input:
        world=lambda wildcards: paths.world_of_corpus(config, wildcards.corpus, wildcards.language),
        files=lambda wildcards: paths.texts_of_corpus(config, wildcards.corpus, wildcards.language),
    output:
        pretrain=f"{R}/corpora/{{corpus}}/{{language}}/pretrain.parquet",
        locate=f"{R}/corpora/{{corpus}}/{{language}}/locate.parquet",
        test=f"{R}/corpora/{{corpus}}/{{language}}/test.parquet",
        stats=f"{R}/corpora/{{corpus}}/{{language}}/stats.json",
    log:
        f"{R}/logs/build_corpus/{{corpus}}/{{language}}.log",
    benchmark:
        f"{R}/benchmarks/build_corpus/{{corpus}}/{{language}}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        parts=lambda wildcards: config["corpora"][wildcards.corpus]["parts"],
        code=code_version("build_corpus"),
    script:
        "../workflow_scripts/build_corpus.py"
