"""CSV that a spreadsheet opens without running any of it (OWASP: CSV injection; ASVS 5.0, 1.2.10)."""

import csv
import io
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from urllib.parse import quote

from fastapi.responses import StreamingResponse

STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
"""The full-width forms too: spreadsheets in East Asian locales take them for the narrow ones."""

CHUNK = 64 * 1024


def csv_cell(value: object) -> str:
    """What starts like a formula gets an apostrophe before it; numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return str(value)
    text = str(value).replace("\0", "")
    return (
        f"'{text}"
        if text.lstrip(" \u00a0\ufeff").startswith(STARTS_A_FORMULA) or text != text.lstrip("\t\r\n")
        else text
    )


def csv_response(rows: AsyncIterable[Sequence[object]], filename: str) -> StreamingResponse:
    """Streams; the first row is the head. UTF-8 with a mark, without which Excel misreads it."""
    return StreamingResponse(
        _chunks(rows),
        media_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(filename, safe='')}",
            "Cache-Control": "no-store",
        },
    )


async def _chunks(rows: AsyncIterable[Sequence[object]]) -> AsyncIterator[bytes]:
    written = io.StringIO("\ufeff")
    written.seek(0, io.SEEK_END)
    writer = csv.writer(written)
    async for row in rows:
        writer.writerow([csv_cell(value) for value in row])
        if written.tell() > CHUNK:
            yield _taken(written)
    yield _taken(written)


def _taken(written: io.StringIO) -> bytes:
    text = written.getvalue()
    written.seek(0)
    written.truncate()
    return text.encode("utf-8", "replace")
