"""Fetch the page assets with npm and copy the prebuilt files the pages use: ``python -m deploy.local.assets``.

Nothing is bundled or compiled. npm checks every package against the integrity hashes of package-lock.json. A second
run with the same lock and the same list of icons does nothing.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ROOT / "node_modules"
WEB = ROOT / "libs/common/common/web"
ICONS = WEB / "icons.txt"
VENDOR = WEB / "static/vendor"
STAMP = VENDOR / ".made-from"

STYLE_SHEETS = ("bootstrap.min.css", "bootstrap.rtl.min.css")
FONTS = (
    *(
        f"source-serif-4/files/source-serif-4-{subset}-600-normal.woff2"
        for subset in ("latin", "latin-ext", "cyrillic")
    ),
    "noto-naskh-arabic/files/noto-naskh-arabic-arabic-600-normal.woff2",
)
SHAPE = re.compile(r"^\s*<(?:path|rect|circle|line|polyline|polygon|ellipse)\b.*$", re.MULTILINE)


def main() -> None:
    started = time.monotonic()
    if not make_assets():
        print("page assets: nothing to do")
        return
    print(f"page assets: {len(list(VENDOR.iterdir())) - 1} files in {time.monotonic() - started:.1f} s")


def make_assets() -> bool:
    """Bring the vendor folder up to date; False when it was. Raises CalledProcessError when npm can not fetch."""
    recipe = _recipe()
    if STAMP.is_file() and STAMP.read_text() == recipe:
        return False
    install_packages()
    VENDOR.mkdir(parents=True, exist_ok=True)
    for name in STYLE_SHEETS:
        _write(VENDOR / name, without_data_images((PACKAGES / "bootstrap/dist/css" / name).read_text()))
    for font in FONTS:
        shutil.copyfile(PACKAGES / "@fontsource" / font, VENDOR / Path(font).name)
    shutil.copyfile(PACKAGES / "htmx.org/dist/htmx.min.js", VENDOR / "htmx.min.js")
    _write(VENDOR / "icons.svg", sprite(ICONS.read_text().split()))
    _write(STAMP, recipe)
    return True


def install_packages() -> None:
    """``npm ci``, unless the packages are those of the lock already."""
    installed, wanted = PACKAGES / ".made-from", _digest(ROOT / "package-lock.json")
    if installed.is_file() and installed.read_text() == wanted:
        return
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("npm is missing. Install Node.js, for example: apt-get install -y nodejs npm")
    subprocess.run([npm, "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=ROOT, check=True)
    _write(installed, wanted)


def without_data_images(css: str) -> str:
    """The page policy is default-src 'self': a data: image would only be an error in the console."""
    return re.sub(r"/\*# sourceMappingURL.*?\*/", "", re.sub(r'url\("data:[^"]*"\)', "none", css))


def sprite(names: list[str]) -> str:
    """One file with a symbol per icon, used as ``<use href="...icons.svg#name">``."""
    symbols = (f'<symbol id="{name}" viewBox="0 0 24 24">{_shapes(name)}</symbol>\n' for name in names)
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{"".join(symbols)}</svg>\n'


def _shapes(icon: str) -> str:
    drawing = (PACKAGES / "lucide-static/icons" / f"{icon}.svg").read_text()
    return "".join(line.strip() for line in SHAPE.findall(drawing))


def _recipe() -> str:
    return "".join(_digest(path) for path in (ROOT / "package-lock.json", ICONS, Path(__file__)))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write(path: Path, text: str) -> None:
    """Whole or not at all: another process may be serving the old one."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_text(text)
    fresh.replace(path)


if __name__ == "__main__":
    main()
