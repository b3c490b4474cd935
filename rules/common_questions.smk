# Functions about questions with choices: languages, tasks, regions, files. No rules here.


def question_languages(name):
    return config["questions"][name]["languages"] or config["languages"]


def question_tasks(name):
    """The local tasks of an experiment as (source, answers, language)."""
    chosen = config["questions"][name]
    sources = [source for source in ("world", "files") if chosen[source]]
    return [
        (source, answers, language)
        for source in sources
        for answers in chosen["answers"]
        for language in question_languages(name)
        if source == "world" or answers in ("letters", "texts")
    ]


def question_sources(name):
    """What the questions of an experiment are read from: the world's data files, your own files."""
    chosen = config["questions"][name]
    found = []
    if chosen["world"]:
        folder = Path(workflow.basedir) / "resources" / "world"
        found += [folder / "facts.yaml", *(folder / f"{language}.yaml" for language in question_languages(name))]
    if chosen["files"]:
        found += own_questions(chosen["files"], question_languages(name))
    return list(map(str, found))


def own_questions(pattern, languages):
    """The user's own files: an edited file asks again. Where there are none, the job says so."""
    try:
        return [own_file(pattern, language, "questions.files") for language in languages]
    except ValueError:
        return []


def question_regions(model, name):
    return chosen_region_files(model, config["questions"][name]["regions"])


def question_rows():
    return [f"{R}/{model}/questions/{name}.parquet" for model in config["models"] for name in config["questions"]]


TABLES += ["questions"] if config["questions"] else []
