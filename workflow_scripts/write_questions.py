"""Write questions with choices as tasks of lm-evaluation-harness. Output: a folder with a task (YAML) and its questions each.

params: tasks as (source, answers, language), files (pattern of the user's own questions), questions_each, seed, code
"""

from pathlib import Path

from langatlas import runlog
from langatlas.corpora.question_files import read_items
from langatlas.corpora.questions import world_items, write_task
from langatlas.files import own_file

if __name__ == "__main__":
    with runlog.job(snakemake):
        params, folder, items = snakemake.params, Path(snakemake.output.tasks), {}
        folder.mkdir(parents=True, exist_ok=True)
        for source, answers, language in params.tasks:
            if (source, language) not in items:
                items[source, language] = (
                    world_items(language, params.questions_each, params.seed)
                    if source == "world"
                    else read_items(
                        own_file(params.files, language, "measure.questions.files"), params.questions_each, params.seed
                    )
                )
            path = folder / f"{source}-{answers}-{language}.yaml"
            write_task(items[source, language], source, answers, language, path, path.with_suffix(".jsonl"))
