"""Run inside an image, from its standard input: says as JSON what of pages and languages it has.

Arguments: the service, then sentences to say in each language.
"""

import json
import re
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from common.web import times
from common.web.i18n import LANGUAGES, Catalogs
from common.web.site import COMMON_TEMPLATES
from common.web.static_files import COMMON_STATIC, StaticFolder

MOMENT = datetime(2026, 12, 10, 15, tzinfo=UTC)
ASKED_BY_TEMPLATES = re.compile(r"asset\((.*?)\)")
FILE = re.compile(r"'([\w./-]+\.\w+)'")
ASKED_BY_STYLES = re.compile(r"""url\(["']?([^"')#?]+)""")


def files(package: Path) -> list[str]:
    """Stamps of ours and compiled code apart."""
    found = (path.relative_to(package) for path in package.rglob("[!.]*") if path.is_file())
    return sorted(str(path) for path in found if "__pycache__" not in path.parts)


def assets(service: str, own: Path) -> dict[str, bool]:
    """Whether it is served, of every file that a template or a style sheet asks for."""
    static = StaticFolder(service, own / "static")
    pages = [page for folder in (COMMON_TEMPLATES, own / "templates") for page in folder.rglob("*.html")]
    calls = [call for page in pages for call in ASKED_BY_TEMPLATES.findall(page.read_text())]
    names = [name for call in calls for name in FILE.findall(call)]
    for folder in static.all_directories:
        for style in Path(folder).rglob("*.css"):
            urls = ASKED_BY_STYLES.findall(style.read_text())
            names += [str((style.parent / url).relative_to(folder)) for url in urls]
    return {name: bool(static.lookup_path(name)[0]) for name in names}


def main(service: str, *sentences: str) -> None:
    own = Path(str(import_module(service).__file__)).parent
    catalogs = Catalogs(own / "locale")
    told = {
        "files": {"common": files(COMMON_STATIC.parents[1]), service: files(own)},
        "assets": assets(service, own),
        "said": {language: [catalogs.say(language, sentence) for sentence in sentences] for language in LANGUAGES},
        "moment": {language: times.format_moment(MOMENT, "Asia/Beirut", language) for language in LANGUAGES},
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
