"""Structured logs in ECS field names, one JSON object per line on stdout: past-tense facts with ids, never a person."""

import logging
import sys
from typing import Any, cast

import ecs_logging
import orjson
import structlog

NOISY = {"aiokafka": 30.0, "inbox.faststream": 30.0, "asyncio": 30.0}
"""Loggers that repeat themselves while Kafka is away, with the least number of seconds between two equal lines."""


def configure(service: str, level: str = "INFO") -> None:
    """Once per process, before anything is logged."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            cast(Any, EcsBytes()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.BytesLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(**{"service.name": service})
    _adopt_the_standard_loggers(level)


def get_logger() -> Any:
    return structlog.get_logger()


class EcsBytes(ecs_logging.StructlogFormatter):
    """The ECS line as bytes, which go to stdout as they are; the fields that people look for come first."""

    def _json_dumps(self, value: dict[str, Any]) -> bytes:  # type: ignore[override]
        first = {"@timestamp": value.pop("@timestamp"), "log.level": value["log"].pop("level")}
        if not value["log"]:
            del value["log"]
        return orjson.dumps({**first, "message": value.pop("message"), **value}, default=str)


def _adopt_the_standard_loggers(level: str) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(ecs_logging.StdlibFormatter(exclude_fields=["log.original", "process", "log.origin"]))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    for name, seconds in NOISY.items():
        logging.getLogger(name).setLevel(logging.ERROR)
        handler.addFilter(NotAgainSoSoon(name, seconds))


class NotAgainSoSoon(logging.Filter):
    """Lets a line of a noisy logger through once per ``seconds`` and place in the code, counting what it kept back."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__()
        self.prefix = name
        self.seconds = seconds
        self.seen: dict[tuple[str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name != self.prefix and not record.name.startswith(self.prefix + "."):
            return True
        place = (record.pathname, record.lineno)
        last, kept = self.seen.get(place, (float("-inf"), 0))
        if record.created - last < self.seconds:
            self.seen[place] = (last, kept + 1)
            return False
        self.seen[place] = (record.created, 0)
        if kept:
            record.msg, record.args = f"{record.getMessage()} ({kept} like this were kept back)", ()
        return True
