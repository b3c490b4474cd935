"""Names of languages in figures, in their own script, and the fonts that can draw them.

matplotlib >= 3.11 shapes Arabic and Persian itself, and its bundled DejaVu Sans covers Latin, Cyrillic, Greek, Arabic
and Vietnamese. Han, kana and Hangul come from Noto Sans CJK: the PyPI package ``noto-cjk-sans-otc``, else Debian's
``fonts-noto-cjk``. Chinese, Japanese and Korean draw the same Han character differently, hence a face per label.
"""

import dataclasses
import logging
from collections.abc import Mapping
from functools import cache
from importlib import util
from pathlib import Path

from babel import Locale, UnknownLocaleError
from matplotlib import font_manager
from matplotlib.text import Text

logger = logging.getLogger(__name__)

BASE_FAMILY = "DejaVu Sans"
CJK_FACES = {"zh": "Noto Sans CJK SC", "ja": "Noto Sans CJK JP", "ko": "Noto Sans CJK KR"}
CJK_PACKAGE = "noto_cjk_sans_otc"
CJK_FILE = "NotoSansCJK-Regular.ttc"
SYSTEM_FOLDERS = ("/usr/share/fonts/opentype/noto", "/usr/share/fonts/noto-cjk")


@cache
def register() -> tuple[str, ...]:
    """Make the CJK faces known to matplotlib and return the font families to use, DejaVu Sans first.

    Without a CJK font a warning is logged, once, and labels fall back to English names.
    """
    for path in _cjk_candidates():
        if path.is_file():
            font_manager.fontManager.addfont(path)
            _lend_regular_to_bold()
            return (BASE_FAMILY, *CJK_FACES.values())
    logger.warning(
        "no font for Chinese, Japanese and Korean: install the package noto-cjk-sans-otc (pip) or fonts-noto-cjk "
        "(Debian); until then figures name these languages in English only"
    )
    return (BASE_FAMILY,)


def _lend_regular_to_bold() -> None:
    """List the CJK faces as bold, too: only the regular weight is installed, and each bold title would warn of that."""
    entries = font_manager.fontManager.ttflist
    regular = [entry for entry in entries if entry.name in CJK_FACES.values()]
    entries.extend(dataclasses.replace(entry, weight=700) for entry in regular)


def _cjk_candidates() -> list[Path]:
    package = util.find_spec(CJK_PACKAGE)
    folders = list(package.submodule_search_locations) if package else []
    return [Path(folder) / CJK_FILE for folder in (*folders, *SYSTEM_FOLDERS)]


def families(label: str) -> list[str]:
    """Font families for the text of one language, its own CJK face before the other ones."""
    own = CJK_FACES.get(label.partition("-")[0])
    return sorted(register(), key=lambda family: (family != BASE_FAMILY, family != own))


@cache
def _locale(label: str) -> Locale | None:
    try:
        return Locale.parse(label, sep="-")
    except (ValueError, UnknownLocaleError):  # "code", "law": a label that is no language is its own name
        return None


@cache
def _characters(family: str) -> frozenset[int]:
    path = font_manager.findfont(font_manager.FontProperties(family=family))
    return frozenset(font_manager.get_font(path).get_charmap())


def drawable(name: str) -> bool:
    """Whether the fonts here have a glyph for every character: others would be drawn as empty boxes."""
    known = frozenset().union(*(_characters(family) for family in register()))
    return all(ord(character) in known for character in name)


def drawn(name: str, instead: str) -> str:
    """A name of the user's, or what stands for it where no font here can draw it."""
    return name if drawable(name) else instead


def english_name(label: str, own: Mapping | None = None) -> str:
    """ "Russian" for "ru"; for an own label of the config (``own``: label -> name, group) its declared name.

    The label itself where no font here can draw that name.
    """
    if own and label in own:
        return drawn((own[label] or {}).get("name") or label, instead=label)
    locale = _locale(label)
    return (locale.get_display_name("en") or label) if locale else label


def endonym(label: str) -> str | None:
    """The language's name in itself ("русский"), or None where there is none or no font here can draw it."""
    locale = _locale(label)
    name = locale.get_display_name() if locale else None
    return name if name and drawable(name) else None


def full_name(label: str, own: Mapping | None = None) -> str:
    """English name and endonym: "Russian русский". Latin stands first so that the line's base direction is LTR."""
    english = english_name(label, own)
    native = None if own and label in own else endonym(label)
    return english if native is None or native.casefold() == english.casefold() else f"{english}  {native}"


def short_name(label: str, own: Mapping | None = None) -> str:
    """Code and endonym: "ru русский"; the code alone for an own label, and where no endonym can be drawn."""
    native = None if own and label in own else endonym(label)
    return f"{label}  {native}" if native else label


def style_labels(texts: list[Text], labels: list[str]) -> None:
    """Give each text artist the font families of its language."""
    for text, label in zip(texts, labels, strict=True):
        text.set_fontfamily(families(label))
