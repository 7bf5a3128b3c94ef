"""The page assets: prebuilt files, locked by hash, without anybody else's address."""

import json
import re
from pathlib import Path

from deploy.local import assets

ROOT = Path(__file__).resolve().parents[4]


def test_the_lock_names_hashes_and_no_host():
    lock = json.loads((ROOT / "package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert "http" not in (ROOT / "package-lock.json").read_text()


def test_images_the_policy_refuses_are_taken_out_of_style_sheets():
    css = 'a{background:url("data:image/svg+xml,%3csvg/%3e") no-repeat;b:url(x.png)}/*# sourceMappingURL=a.map */'
    assert assets.without_data_images(css) == "a{background:none no-repeat;b:url(x.png)}"


def test_a_second_run_does_nothing():
    assets.make_assets()
    assert assets.make_assets() is False


def test_every_icon_on_the_list_is_a_drawing():
    assets.make_assets()
    drawn = (assets.VENDOR / "icons.svg").read_text()
    for name in assets.ICONS.read_text().split():
        assert re.search(rf'<symbol id="{name}" viewBox="0 0 24 24"><\w', drawn), name


def test_no_style_sheet_made_asks_for_a_data_image():
    assets.make_assets()
    for name in assets.STYLE_SHEETS:
        assert "data:" not in (assets.VENDOR / name).read_text()
