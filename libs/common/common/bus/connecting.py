"""How every client reaches Kafka: the one place that knows of logins and certificates."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]

FASTSTREAM: dict[Mechanism, type[SASLPlaintext | SASLScram256 | SASLScram512]] = {
    "PLAIN": SASLPlaintext,
    "SCRAM-SHA-256": SASLScram256,
    "SCRAM-SHA-512": SASLScram512,
}


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are at Kafka, and how we know that it is our Kafka. The default is a Kafka that lets everybody in."""

    protocol: Protocol = "PLAINTEXT"
    mechanism: Mechanism = "SCRAM-SHA-512"
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    """Of the authority that signed the brokers' certificates; without it those that the system trusts."""

    @property
    def encrypted(self) -> bool:
        return self.protocol in ("SSL", "SASL_SSL")

    @property
    def named(self) -> bool:
        return self.protocol in ("SASL_PLAINTEXT", "SASL_SSL")

    def ssl_context(self) -> ssl.SSLContext | None:
        """Read anew for each client, so that a renewed authority counts from the next connection on."""
        return ssl.create_default_context(cafile=self.ca_file) if self.encrypted else None


_login = Login()


def log_in(login: Login) -> Login:
    """Once per process, from its settings; returns what was in force before."""
    global _login
    before, _login = _login, login
    return before


def client_arguments(bootstrap: str) -> dict[str, Any]:
    """What each of aiokafka's constructors takes to reach Kafka."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": bootstrap,
        "security_protocol": _login.protocol,
        "ssl_context": _login.ssl_context(),
    }
    if _login.named:
        arguments |= {
            "sasl_mechanism": _login.mechanism,
            "sasl_plain_username": _login.username,
            "sasl_plain_password": _login.password,
        }
    return arguments


def faststream_security() -> BaseSecurity:
    """The same for FastStream, which takes it in words of its own."""
    context = _login.ssl_context()
    if not _login.named:
        return BaseSecurity(ssl_context=context)
    made = FASTSTREAM[_login.mechanism]
    return made(_login.username, _login.password, ssl_context=context, use_ssl=_login.encrypted)


_send = AIOKafkaConnection.send


def _send_or_say_that_it_is_closed(line: AIOKafkaConnection, request: Any, expect_response: bool = True) -> Any:
    """uvloop refuses to write to a closed line with a RuntimeError, where asyncio only warns; aiokafka knows OSError
    alone (its issue 1038). The task that keeps a client's metadata would end by it, and whoever waits for new ones
    would wait for ever, in silence."""
    try:
        return _send(line, request, expect_response)
    except RuntimeError as error:
        line.close(reason=CloseReason.CONNECTION_BROKEN)
        raise KafkaConnectionError(f"Connection at {line.host}:{line.port} was closed") from error


AIOKafkaConnection.send = _send_or_say_that_it_is_closed
