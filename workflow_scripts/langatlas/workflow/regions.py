"""Which regions a config asks for, what each is made of, and how it is named: built and read here only."""

from collections.abc import Iterable
from itertools import product

from langatlas.neuron_settings import neuron_languages
from langatlas.workflow import paths

CORE, LANGUAGE, MONOLINGUAL, CONTROLS, EQUAL = "core", "language", "monolingual", "controls", "equal"
MATCHED, FEW = "core-matched", "core-few"


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


# -- names -------------------------------------------------------------------------------------------------------------


def scope_suffix(scope: str) -> str:
    """The scope ``matrix`` is the paper's, so names without a suffix mean it."""
    return "" if scope == "matrix" else f"-{scope}"


def settings(config: dict, kind: str) -> dict:
    """The config of a kind of region: language regions only serve to make monolingual ones."""
    return config["regions"][CORE if kind == CORE else MONOLINGUAL]


def names(config: dict, kind: str) -> list[str]:
    """Names of all regions of a kind: core, language or monolingual."""
    own = settings(config, kind)
    stems = [CORE] if kind == CORE else [f"{kind}-{language}" for language in own["languages"]]
    return [stem + scope_suffix(scope) for stem in stems for scope in own["scopes"]]


def all_names(config: dict) -> list[str]:
    """Names of all regions, controls among them."""
    return [name for kind in (CORE, LANGUAGE, MONOLINGUAL) for name in names(config, kind)] + list(controls(config))


def language_of(region: str) -> str:
    """Language in a region's name; empty for the core."""
    parts = region.split("-")
    return "" if parts[0] == CORE else parts[1]


def scope_of(region: str) -> str:
    """Scope within which a region's parameters are ranked."""
    last = region.split("-")[-1]
    return last if last in ("layer", "global") else "matrix"


# -- files -------------------------------------------------------------------------------------------------------------


def sides(config: dict, kind: str) -> list[tuple[str, str]]:
    """Sides and ratios of a kind of region, random sides by seed."""
    own = settings(config, kind)
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
    """The core region itself: within matrices where that scope is configured, at the largest ratio."""
    ratio = config["regions"]["core"]["ratios"][-1]
    return paths.region(config, model, names(config, CORE)[0], last_milestone(config), "top", ratio)


def monolingual(config: dict, model: str, language: str) -> str:
    """A language's own region: within matrices where that scope is configured, at the largest ratio."""
    own = config["regions"]["monolingual"]
    name = f"{MONOLINGUAL}-{language}{scope_suffix(own['scopes'][0])}"
    return paths.region(config, model, name, last_milestone(config), "top", max(own["ratios"]))


def chosen_files(config: dict, model: str, chosen: Iterable[dict]) -> list[str]:
    """Files of ``{region, ratio, sides}``, in order; a random side is spelled out by the first seed of its kind."""
    found = []
    for entry in chosen:
        kind = CORE if entry["region"].startswith(CORE) else MONOLINGUAL
        for side in entry["sides"]:
            side = f"random-{config['regions'][kind]['seeds'][0]}" if side == "random" else side
            found.append(paths.region(config, model, entry["region"], last_milestone(config), side, entry["ratio"]))
    return found


# -- from language to monolingual regions ------------------------------------------------------------------------------


def language_region(region: str) -> str:
    """Region of a language itself, from which its monolingual region is made."""
    return region.replace(f"{MONOLINGUAL}-", f"{LANGUAGE}-", 1)


def subtracted_languages(config: dict) -> list[str]:
    """Languages whose regions are taken away from every other's."""
    return config["regions"]["against"] or config["regions"]["monolingual"]["languages"]


def subtracted_regions(config: dict, scope: str) -> list[str]:
    """Regions of these languages of one scope."""
    return [f"{LANGUAGE}-{language}{scope_suffix(scope)}" for language in subtracted_languages(config)]


def shared_region(config: dict, region: str) -> str:
    """What is taken away from a language's region: what any of those languages has, or, for one of them, what two have."""
    stem = "shared" if language_of(region) in subtracted_languages(config) else "union"
    return f"{stem}{scope_suffix(scope_of(region))}"


# -- controls: core regions that were chosen otherwise -----------------------------------------------------------------


def variants(config: dict) -> list[str]:
    """Other scores than importance."""
    return config["importance"]["variants"]["names"]


def variants_of_text(config: dict) -> list[str]:
    """Variants that need text: all but the size of parameters."""
    return [name for name in variants(config) if name != "magnitude"]


def controls(config: dict) -> dict[str, int]:
    """Regions that are compared with the core, and how many samples each was made from; random ones by seed."""
    chosen, few = config["regions"]["controls"], config["importance"]["variants"]["samples"]
    named = {}
    if few in milestones(config)[:-1]:
        # The published score from as few samples as the others: otherwise more text could pass for a better score.
        named = {FEW: few}
    named |= {f"core-{variant}": few for variant in chosen["variants"]}
    named |= {f"core-only_{language}": last_milestone(config) for language in chosen["single"]}
    return named | ({MATCHED: last_milestone(config)} if chosen["matched"] else {})


def control_files(config: dict, model: str) -> list[str]:
    """Files of all controls."""
    chosen = config["regions"]["controls"]
    return [
        paths.region(config, model, region, samples, side, chosen["ratio"])
        for region, samples in controls(config).items()
        for side in ([f"random-{seed}" for seed in chosen["matched"]] if region == MATCHED else ["top"])
    ]


def control_importances(config: dict, model: str, region: str) -> list[str]:
    """What a control is selected by."""
    kind = region.removeprefix("core-")
    if kind.startswith("only_"):
        return [paths.importance(config, model, kind.removeprefix("only_"), last_milestone(config))]
    languages = config["regions"]["core"]["languages"]
    if kind == "few":
        samples = config["importance"]["variants"]["samples"]
        return [paths.importance(config, model, language, samples) for language in languages]
    return list(dict.fromkeys(paths.variant(config, model, kind, language) for language in languages))


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
            language: [paths.variant(config, model, f"half-{half}", language) for half in (1, 2)]
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
    return [label for label in neuron_languages(config) if label in config["regions"]["monolingual"]["languages"]]


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
