"""Which regions a config asks for, what each is made of, and how it is named: built and read here only."""

from collections.abc import Iterable
from itertools import product

from langatlas import region_names
from langatlas.region_names import Named
from langatlas.workflow import paths

CORE, LANGUAGE, MONOLINGUAL, CONTROLS, EQUAL = "core", "language", "monolingual", "controls", "equal"
MATCHED = "matched"  # the score of random parameters that are as large as the core's


def milestones(config: dict) -> list[int]:
    """Numbers of samples after which importance is written."""
    return config["importance"]["samples"]


def last_milestone(config: dict) -> int:
    """The largest of them."""
    return max(milestones(config))


def importance_languages(config: dict) -> list[str]:
    """Languages that need an importance: those of the core and those with a region of their own."""
    listed = config["regions"]["core"]["languages"] + config["regions"]["monolingual"]["languages"]
    return list(dict.fromkeys(listed))


def importance_files(config: dict, model: str, samples: int | str | None = None) -> list[str]:
    """Importances of all these languages at one milestone (none: the last)."""
    samples = samples or last_milestone(config)
    return [paths.importance(config, model, language, samples) for language in importance_languages(config)]


# -- names: langatlas.region_names makes and reads them -------------------------------------------------------------------


def of(config: dict, name: str) -> Named:
    """What a region's name stands for."""
    return region_names.catalogue(config)[name]


def names(config: dict, kind: str) -> list[str]:
    """Names of all regions of a kind: core, language or monolingual."""
    return [named.name for named in region_names.of_kind(config, kind)]


def all_names(config: dict) -> list[str]:
    """Names of all regions, controls among them."""
    return list(region_names.catalogue(config))


def shown_scope(config: dict) -> str:
    """Scope of the monolingual regions that figures show: the first."""
    return config["regions"]["monolingual"]["scopes"][0]


def monolingual_kind(config: dict) -> str:
    """What the monolingual regions of that scope are called without their language."""
    return region_names.name_of(MONOLINGUAL, scope=shown_scope(config))


def monolingual_name(config: dict, language: str) -> str:
    """A language's own region of that scope."""
    return region_names.name_of(MONOLINGUAL, language, shown_scope(config))


# -- files -------------------------------------------------------------------------------------------------------------


def sides(config: dict, kind: str) -> list[tuple[str, str]]:
    """Sides and ratios of a kind of region, random sides by seed."""
    own = region_names.own_config(config, kind)
    chosen = [side for side in own["sides"] if side != "random"]
    if kind == LANGUAGE:
        chosen = list(dict.fromkeys(["top", *chosen]))
    elif "random" in own["sides"]:
        chosen += [f"random-{seed}" for seed in own["seeds"]]
    return [(side, str(ratio)) for ratio in own["ratios"] for side in chosen]


def files(config: dict, kind: str, model: str, samples: int | str, regions: Iterable[str] | None = None) -> list[str]:
    """All files of a kind of region, or of these regions of it."""
    chosen = names(config, kind) if regions is None else regions
    return [paths.region(config, model, region, samples, *side) for region in chosen for side in sides(config, kind)]


def outputs(config: dict, kind: str) -> list[str]:
    """Output patterns that make up one region, a file per side and ratio."""
    return files(config, kind, "{model}", "{samples}", ["{region}"])


def core(config: dict, model: str) -> str:
    """The core region itself: within matrices, at the last ratio."""
    ratio = config["regions"]["core"]["ratios"][-1]
    return paths.region(config, model, CORE, last_milestone(config), "top", ratio)


def monolingual(config: dict, model: str, language: str) -> str:
    """A language's own region: of the first scope, at the largest ratio."""
    ratio = max(config["regions"]["monolingual"]["ratios"])
    return paths.region(config, model, monolingual_name(config, language), last_milestone(config), "top", ratio)


def chosen_files(config: dict, model: str, chosen: Iterable[dict]) -> list[str]:
    """Files of ``{region, ratio, sides}``, in order; a random side is spelled out by the first seed of its kind."""
    found = []
    for entry in chosen:
        seeds = region_names.own_config(config, of(config, entry["region"]).kind)["seeds"]
        for side in entry["sides"]:
            side = f"random-{seeds[0]}" if side == "random" else side
            found.append(paths.region(config, model, entry["region"], last_milestone(config), side, entry["ratio"]))
    return found


# -- from language to monolingual regions ------------------------------------------------------------------------------


def language_region(config: dict, region: str) -> str:
    """Region of a language itself, from which its monolingual region is made."""
    named = of(config, region)
    return region_names.name_of(LANGUAGE, named.language, named.scope)


def subtracted_languages(config: dict) -> list[str]:
    """Languages whose regions are taken away from every other's."""
    return config["regions"]["against"] or config["regions"]["monolingual"]["languages"]


def subtracted_regions(config: dict, scope: str) -> list[str]:
    """Regions of these languages of one scope."""
    return [region_names.name_of(LANGUAGE, language, scope) for language in subtracted_languages(config)]


def shared_region(config: dict, region: str) -> str:
    """What is taken away from a language's region: what any of those languages has, or, for one of them, what two have."""
    named = of(config, region)
    kind = "shared" if named.language in subtracted_languages(config) else "union"
    return region_names.name_of(kind, scope=named.scope)


# -- controls: core regions that were chosen otherwise -----------------------------------------------------------------


def variants(config: dict) -> list[str]:
    """Other scores than importance."""
    return config["importance"]["variants"]["names"]


def variants_of_text(config: dict) -> list[str]:
    """Variants that need text: all but the size of parameters."""
    return [name for name in variants(config) if name != "magnitude"]


def controls(config: dict) -> dict[str, int]:
    """Regions that are compared with the core, and how many samples each was made from."""
    few, last = config["importance"]["variants"]["samples"], last_milestone(config)
    return {c.name: last if c.score in ("only", MATCHED) else few for c in region_names.controls(config)}


def control_files(config: dict, model: str) -> list[str]:
    """Files of all controls; random ones by seed."""
    chosen = config["regions"]["controls"]
    return [
        paths.region(config, model, name, samples, side, chosen["ratio"])
        for name, samples in controls(config).items()
        for side in ([f"random-{s}" for s in chosen["matched"]] if of(config, name).score == MATCHED else ["top"])
    ]


def control_importances(config: dict, model: str, region: str) -> list[str]:
    """What a control is selected by."""
    control, languages = of(config, region), config["regions"]["core"]["languages"]
    if control.score == "only":
        return [paths.importance(config, model, control.language, last_milestone(config))]
    if control.score == "few":
        samples = config["importance"]["variants"]["samples"]
        return [paths.importance(config, model, language, samples) for language in languages]
    return list(dict.fromkeys(paths.score(config, model, control.score, language) for language in languages))


def plain_core(config: dict, model: str) -> str:
    """The core that controls stand beside: within matrices, at their ratio."""
    return paths.region(config, model, CORE, last_milestone(config), "top", config["regions"]["controls"]["ratio"])


def compared_with_core(config: dict, model: str) -> list[str]:
    """Regions whose overlap with the core is counted: all controls, and the core ranked over wider scopes."""
    ratio = config["regions"]["controls"]["ratio"]
    wider = [name for name in names(config, CORE) if name != CORE]
    ranked = [paths.region(config, model, name, last_milestone(config), "top", ratio) for name in wider]
    return ranked + control_files(config, model)


def reliability_pairs(config: dict, model: str) -> list[list[str]]:
    """Importances that are compared: halves of one language, halves of two, little and much text of one."""
    languages, samples = config["regions"]["core"]["languages"], milestones(config)
    pairs = []
    if {"half-1", "half-2"} <= set(variants(config)):
        halves = {
            language: [paths.score(config, model, f"half-{half}", language) for half in (1, 2)]
            for language in languages
        }
        pairs += [["halves", *halves[language]] for language in languages]
        pairs += [["languages", halves[a][0], halves[b][1]] for a, b in product(languages, repeat=2) if a < b]
    if len(samples) > 1:
        ends = (samples[0], samples[-1])
        pairs += [
            ["milestones", *(paths.importance(config, model, language, s) for s in ends)] for language in languages
        ]
    return pairs


def concentrated(config: dict, model: str) -> list[str]:
    """Top regions whose concentration is measured: the core and every monolingual region, at the largest ratio."""
    chosen = {CORE: [CORE], MONOLINGUAL: names(config, MONOLINGUAL)}
    return [
        paths.region(config, model, region, last_milestone(config), "top", max(config["regions"][kind]["ratios"]))
        for kind, listed in chosen.items()
        for region in listed
    ]


# -- sets of equal size: regions beside neurons ------------------------------------------------------------------------


def agreement_languages(config: dict) -> list[str]:
    """Languages that have a region and neurons of their own."""
    counted = config["languages"] if config["neurons"]["languages"] is None else config["neurons"]["languages"]
    return [label for label in counted if label in config["regions"]["monolingual"]["languages"]]


def equal_languages(config: dict) -> list[str]:
    """Languages whose sets are cut to equal size."""
    return config["regions"]["equal"]["languages"] or agreement_languages(config)


def equal_plan(config: dict) -> list[tuple[str, str, str]]:
    """All sets of a language as (method, side, share); random ones beside the largest share only."""
    equal = config["regions"]["equal"]
    random = [f"random-{seed}" for seed in equal["seeds"]]
    methods = ["importance", *config["neurons"]["methods"]]
    return [
        (method, side, str(share))
        for share in equal["shares"]
        for method in methods
        for side in ["top", *(random if share == max(equal["shares"]) else [])]
    ]


def equal_files(config: dict, model: str, languages: Iterable[str] | None = None) -> list[str]:
    """Files of these sets, of all languages or a pattern."""
    return [
        paths.region(config, model, f"{method}-equal-{language}", last_milestone(config), side, share)
        for language in (equal_languages(config) if languages is None else languages)
        for method, side, share in equal_plan(config)
    ]
