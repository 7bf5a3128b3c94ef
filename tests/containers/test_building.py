"""Images built as operations teams have to: without a network, behind a company's proxy; and what is in them."""

import gzip
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

import pytest
from babel.messages.pofile import read_po
from common.web.i18n import COMMON_LOCALE, LANGUAGES, Catalogs
from common.web.times import format_moment

from tests.containers import builds, composed, engine
from tests.containers.company_proxy import CompanyProxy, company_proxy
from tests.containers.inside_an_image import MOMENT
from tests.containers.system import SERVICES

COMMON = engine.ROOT / "libs" / "common" / "common"
SCRIPT = Path(__file__).with_name("inside_an_image.py")


@pytest.fixture(scope="module")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return builds.folder("wheelhouse", tmp_path_factory.mktemp("wheelhouse"))


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return builds.folder("assets", tmp_path_factory.mktemp("assets"))


@pytest.fixture
def proxy(tmp_path: Path, wheelhouse: Path) -> Iterator[CompanyProxy]:
    with company_proxy(tmp_path, wheelhouse) as proxy:
        yield proxy


def prebuilt(assets: Path) -> list[str]:
    return ["--build-arg", "ASSETS=prebuilt", "--build-context", f"prebuilt={assets}"]


def test_the_page_assets_that_a_build_fetches_are_those_of_a_checkout(assets: Path):
    def contents(folder: Path) -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in folder.iterdir()}

    assert contents(assets) == contents(COMMON / "web" / "static" / "vendor")


def test_a_service_is_built_from_a_wheelhouse_without_any_network(wheelhouse: Path, assets: Path):
    given = ["--network", "none", "--build-context", f"wheelhouse={wheelhouse}", *prebuilt(assets)]
    with builds.image(*given) as image:
        assert "Run the service" in engine.docker("run", "--rm", "--read-only", "--network", "none", image, "--help")


def test_behind_a_companys_proxy_a_build_needs_the_companys_authority(proxy: CompanyProxy, tmp_path: Path):
    with pytest.raises(CalledProcessError) as refused:
        builds.folder("wheelhouse", tmp_path / "none", "--no-cache", *proxy.build_words)
    assert "CERTIFICATE_VERIFY_FAILED" in refused.value.stderr
    assert proxy.fetched == set()


def test_with_the_companys_authority_it_is_built_and_nothing_of_it_is_left(
    proxy: CompanyProxy, wheelhouse: Path, assets: Path, tmp_path: Path
):
    authority = builds.trusting(proxy.authority.file)
    with builds.image(*proxy.build_words, *authority, *prebuilt(assets)) as image:
        assert proxy.fetched == {wheel.name for wheel in wheelhouse.iterdir()}
        saved = tmp_path / "image.tar"
        engine.docker("save", "--output", str(saved), image)
    application = (engine.ROOT / "services" / builds.SERVICE / builds.SERVICE / "app.py").read_bytes()
    assert found_in(saved, application), "what is in an image would not be found there"
    for trace in (*proxy.authority.traces(), f":{proxy.server_port}".encode()):
        assert not found_in(saved, trace), f"{trace!r} is left in the image"


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_has_every_file_of_its_code_and_speaks_every_language(service: str):
    own = engine.ROOT / "services" / service / service
    sentences = [a_sentence(own / "locale"), a_sentence(COMMON_LOCALE)]
    told = inside(service, *sentences)

    assert told["files"] == {"common": files(COMMON), service: files(own)}, "made from other code? `make images`"
    assert len(told["assets"]) > 5
    assert [name for name, there in told["assets"].items() if not there] == []
    ours = Catalogs(own / "locale")
    assert told["said"] == {language: [ours.say(language, one) for one in sentences] for language in LANGUAGES}
    assert told["moment"] == {language: format_moment(MOMENT, "Asia/Beirut", language) for language in LANGUAGES}
    assert len({*told["moment"].values(), *map(tuple, told["said"].values())}) == 2 * len(LANGUAGES)


def a_sentence(locale: Path) -> str:
    with (locale / "fr" / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return next(str(message.id) for message in read_po(file) if message.id)


def files(package: Path) -> list[str]:
    """As inside_an_image.py lists them."""
    found = (path.relative_to(package) for path in package.rglob("[!.]*") if path.is_file())
    return sorted(str(path) for path in found if "__pycache__" not in path.parts)


def inside(service: str, *sentences: str) -> dict[str, Any]:
    words = ["run", "--rm", "--interactive", "--read-only", "--network", "none", "--entrypoint", "python"]
    said = engine.docker(*words, composed.image_of(service), "-", service, *sentences, stdin=SCRIPT.read_text())
    told: dict[str, Any] = json.loads(said)
    return told


def found_in(saved: Path, trace: bytes) -> bool:
    """Anywhere in the layers of a saved image, its configuration or its history."""
    return any(trace in part for part in contents(saved))


def contents(saved: Path) -> Iterator[bytes]:
    """Some engines save layers as they are, some pressed."""
    with tarfile.open(saved) as archive:
        for member in archive:
            if member.isfile() and (file := archive.extractfile(member)):
                data = file.read()
                yield gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
