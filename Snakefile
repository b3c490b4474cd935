# Language Atlas: locate languages inside a language model, take them away, measure what every language loses.
# Names of all files: langatlas/workflow/paths.py; what is in them: results/README.md. What is measured and shown is asked of
# langatlas/workflow/{interventions,measures,registry}.py; rules hold no lists of names. Stages follow each other as the includes do.
import sys

from snakemake.utils import min_version

min_version("9.27")


# Of the workflow, wherever it is started: a relative path would be looked for in the working directory.
configfile: f"{workflow.basedir}/config.yaml"


report: "report/workflow.rst"


sys.path.insert(0, f"{workflow.basedir}/workflow_scripts")
from langatlas import provenance
from langatlas.files import checkpoint_files
from langatlas.workflow import experiments, measures, paths, products, regions, registry, settings

provenance.use_this_checkout()
settings.refuse_unread("config.yaml", workflow.configfiles)
config = settings.checked(config, paths.ROOT / "schemas" / "config.schema.yaml", workflow.configfiles)
R = config["results"]


include: "rules/start.smk"
include: "rules/common.smk"


wildcard_constraints:
    model=paths.alternatives(config["models"]),
    corpus=paths.alternatives(config["corpora"]),
    language=paths.alternatives(config["languages"]),
    split="pretrain|locate|test",
    shard=r"\d{5}",
    samples=r"\d+",
    region=paths.alternatives(regions.all_names(config)),
    side=r"top|bottom|random-\d+",
    ratio=r"[0-9.e-]+",
    experiment=paths.alternatives(config["experiments"]),
    figure=r"[\w-]+",
    table=r"\w+",


rule all:
    input:
        products.tables(config),
        products.figures(config),
        f"{R}/run_config.yaml",
    localrule: True


include: "rules/targets.smk"
include: "rules/corpora.smk"
include: "rules/models.smk"
include: "rules/tokens.smk"
include: "rules/importance.smk"
include: "rules/regions.smk"
include: "rules/neurons.smk"
include: "rules/interventions.smk"
include: "rules/measures.smk"
include: "rules/pretraining.smk"
include: "rules/controls.smk"
include: "rules/agreement.smk"
include: "rules/tables.smk"
include: "rules/figures.smk"
