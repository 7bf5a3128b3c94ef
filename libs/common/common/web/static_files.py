"""Style sheets, scripts, icons: under a path that holds a hash of them all, so that browsers may keep them for ever."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from fastapi import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

COMMON_STATIC = Path(__file__).parent / "static"
FOR_EVER = "public, max-age=31536000, immutable"
A_MINUTE = "public, max-age=60"


class StaticFolder(StaticFiles):
    """``/static/<service>/<hash>/theme.css``. The folders are searched in order, the shared one first."""

    def __init__(self, service: str, *folders: Path) -> None:
        present = [folder for folder in (COMMON_STATIC, *folders) if folder.is_dir()]
        super().__init__(directory=COMMON_STATIC)
        self.all_directories = list(present)
        self.mounted_at = f"/static/{service}"
        self.hash = _hash_of(present)

    def address(self, name: str) -> str:
        return f"{self.mounted_at}/{self.hash}/{name}"

    def get_path(self, scope: Scope) -> str:
        return super().get_path(scope).partition("/")[2]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An older hash (a page from before an upgrade) gets the file as it is now, but not for ever."""
        current = super().get_path(scope).startswith(f"{self.hash}/")
        scope["static_cache"] = FOR_EVER if current else A_MINUTE
        await super().__call__(scope, receive, send)

    def file_response(self, full_path: Path | str, stat_result, scope: Scope, status_code: int = 200) -> Response:  # type: ignore[no-untyped-def,override]
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["Cache-Control"] = scope["static_cache"]
        return response


def _hash_of(folders: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(file for file in folder.rglob("*") if file.is_file()):
            digest.update(f"{path.relative_to(folder)}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
