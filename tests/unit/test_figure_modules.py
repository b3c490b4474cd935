"""What the registry says of figures, what their modules say, and their captions agree; one script draws any of them."""

import json
import re
import runpy
import subprocess
import sys
from importlib import import_module
from inspect import signature
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from jinja2 import Environment, StrictUndefined
from PIL import Image
from snakemake.iocontainers import InputFiles, Log, OutputFiles, Params, Wildcards
from snakemake.utils import update_config

import figure_data
from langatlas import provenance
from langatlas.workflow import registry, settings

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "workflow_scripts" / "langatlas" / "present" / "figures"
ALL = [*registry.FIGURES, "density_map"]


@pytest.fixture(scope="module")
def config() -> dict:
    """The run that has every figure."""
    given = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    update_config(given, yaml.safe_load((ROOT / "config" / "every-rule.yaml").read_text(encoding="utf-8")))
    return settings.checked(given, ROOT / "schemas" / "config.schema.yaml")


def module_of(name: str):
    return import_module(f"langatlas.present.figures.{name}")


def cases(config: dict, name: str) -> list[tuple[dict, dict, dict]]:
    """Wildcards, inputs and settings of every picture of a figure, as the rules pass them."""
    (model,) = config["models"]
    if name == "density_map":
        place = {"region": "core", "module": "attn.q", "layer": "1"}
        files = {"region": registry.density_region(config, model, "core")}
        return [({"model": model, **place}, files, registry.density_map(config, *place.values()))]
    entry = registry.FIGURES[name]
    assert list(entry.models(config)) == [model], "config/every-rule.yaml has every figure"
    found = []
    for part in [None] if entry.parts is None else entry.parts(config):
        wildcards = {"model": model} | ({} if part is None else {"part": part})
        found.append((wildcards, entry.inputs(config, model, part or ""), entry.params(config, part or "")))
    return found


def rendered(caption: str, **job) -> str:
    """A caption as Snakemake renders it, in HTML; a name that is not defined or bad reStructuredText is an error."""
    text = (ROOT / "report" / f"{caption}.rst").read_text(encoding="utf-8")
    text = Environment(undefined=StrictUndefined).from_string(text).render(snakemake=SimpleNamespace(**job))
    docutils = pytest.importorskip("docutils.core")
    strict = {"halt_level": 2, "report_level": 2}
    return docutils.publish_parts(text, writer="html", settings_overrides=strict)["body"]


def test_the_modules_that_export_a_figure_are_those_of_the_registry():
    exported = {path.stem for path in MODULES.glob("*.py") if hasattr(module_of(path.stem), "FIGURE")}
    assert exported == set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_a_figure_gets_the_inputs_and_settings_that_it_names_and_no_others(name, config):
    picture = module_of(name).FIGURE
    wanted = set(signature(picture.figure).parameters)
    caption = (ROOT / "report" / f"{name}.rst").read_text(encoding="utf-8")
    spoken_of = set(re.findall(r"snakemake\.params\.drawn\.(\w+)", caption))
    assert cases(config, name)
    for wildcards, files, drawn in cases(config, name):
        assert set(files) == set(picture.inputs)
        assert set(files) <= wanted <= {*files, *drawn, *wildcards, "own"}
        assert set(drawn) <= wanted | spoken_of, "settings that neither the figure nor its caption needs"


@pytest.mark.parametrize("name", ALL)
def test_every_caption_renders_with_the_settings_of_its_rule(name, config):
    for wildcards, _, drawn in cases(config, name):
        text = rendered(
            name, wildcards=SimpleNamespace(**wildcards), params=SimpleNamespace(drawn=drawn), config=config
        )
        assert f"<strong>{wildcards['model']}</strong>" in text
        of_language = "language" in drawn  # parts are EXPERIMENT-LANGUAGE then
        said = (
            [f"<em>{drawn[key]}</em>" for key in ("experiment", "language")]
            if of_language
            else [wildcards.get("part", "")]
        )
        assert all(part in text for part in said) or name == "density_animation"


@pytest.mark.parametrize("name", ["table", "workflow"])
def test_the_other_texts_of_the_report_render(name, config):
    assert "<p>" in rendered(name, config=config)


def test_every_text_of_the_report_is_one_of_these():
    assert {path.stem for path in (ROOT / "report").glob("*.rst")} == {*ALL, "table", "workflow"}


@pytest.mark.parametrize("name", ALL)
def test_a_figure_imports_no_other_figure_so_that_restyling_one_redraws_one(name):
    imported = provenance.imported_modules(MODULES / f"{name}.py")
    assert not imported & {f"langatlas.present.figures.{other}" for other in ALL}


@pytest.mark.parametrize("name", ALL)
def test_a_figure_imports_none_of_the_stages_before_it(name):
    stages = {module.split(".")[1] for module in provenance.imported_modules(MODULES / f"{name}.py") if "." in module}
    assert not stages & {"locate", "intervene", "measure"}


def test_no_figure_imports_torch():
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'workflow_scripts')!r})\nimport plot\n"
    code += "\n".join(f"import langatlas.present.figures.{name}" for name in ALL)
    code += "\nassert not {'torch', 'transformers', 'matplotlib.pyplot'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def plotted(folder: Path, figure: str, files: dict, drawn: dict, formats, **wildcards) -> dict[str, Path]:
    """Pictures that the entry script makes of these files."""
    made = {suffix: folder / f"picture.{suffix}" for suffix in formats}
    job = SimpleNamespace(
        input=InputFiles(fromdict={**files, "style": str(figure_data.STYLE)}),
        output=OutputFiles(fromdict={suffix: str(path) for suffix, path in made.items()}),
        params=Params(fromdict={"figure": figure, "drawn": drawn, "labels": {}, "code": "abc"}),
        wildcards=Wildcards(fromdict=wildcards),
        log=Log(toclone=[str(folder / "log")]),
        rule=f"plot_{figure}",
    )
    runpy.run_path(str(ROOT / "workflow_scripts" / "plot.py"), {"snakemake": job}, "__main__")
    return made


def test_the_script_draws_a_table_and_writes_what_it_was_made_with(tmp_path):
    figure_data.effect_matrix(["ru", "uk"]).to_csv(tmp_path / "effect_matrix.csv", index=False)
    drawn = {"kind": "monolingual", "ratio": 0.05, "samples": 256, "significance": 0.05, "sequences": 10}
    files = {"effect_matrix": str(tmp_path / "effect_matrix.csv")}
    made = plotted(tmp_path, "effect_matrix", files, drawn, ("svg", "png"), model="mini")
    with Image.open(made["png"]) as picture:
        said = {key.removeprefix("langatlas:"): value for key, value in picture.text.items()}
    assert said.items() >= {"figure": "effect_matrix", "model": "mini", "code": "abc", "kind": "monolingual"}.items()
    assert (said["ratio"], said["sequences"], said["labels"]) == ("0.05", "10", "{}")
    assert "effect_matrix" in made["svg"].read_text(encoding="utf-8")


def test_the_script_animates_regions(tmp_path):
    regions = [figure_data.region_file(tmp_path, name).path for name in ("core", "monolingual-ar")]
    drawn = {"panels": [{"module": "attn.q", "cmap": "Reds"}] * 2, "seconds": 0.5, "vmax": 1, "samples": 20}
    files = {"regions": regions}
    made = plotted(tmp_path, "density_animation", files, drawn, ("gif",), model="mini", part="languages")
    with Image.open(made["gif"]) as picture:
        assert picture.n_frames == 3
        said = json.loads(picture.info["comment"])
    assert (said["figure"], said["part"], said["samples"]) == ("density_animation", "languages", "20")


def test_a_figure_of_a_model_that_its_table_lacks_stops_with_what_there_is(tmp_path):
    figure_data.effect_matrix(["ru", "uk"]).to_csv(tmp_path / "effect_matrix.csv", index=False)
    drawn = {"kind": "monolingual", "ratio": 0.05, "samples": 256, "significance": 0.05}
    files = {"effect_matrix": str(tmp_path / "effect_matrix.csv")}
    with pytest.raises(SystemExit):
        plotted(tmp_path, "effect_matrix", files, drawn, ("png",), model="other")
    assert "it has model: ['mini']" in (tmp_path / "log").read_text(encoding="utf-8")
    assert not (tmp_path / "picture.png").exists()
