"""A Kafka as production guards it: TLS, a user per service, and the rights that the charts render for Strimzi."""

import ipaddress
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest
from common import bus
from common.bus.administration import administration
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deploy.local import broker, ports, processes

SERVICES = ("members", "hub", "surveys", "notifications")
CHARTS = Path(__file__).parents[1] / "golden" / "charts"
PREFIX = "test."
"""As the golden charts were rendered with."""
ADMINISTRATOR = "administrator"
PASSWORD = "a-password-of-tests"

# Codes of the protocol's ACL messages (KIP-140, KIP-290).
RESOURCES = {"topic": 2, "group": 3, "cluster": 4}
PATTERNS = {"literal": 3, "prefix": 4}
OPERATIONS = {"Read": 3, "Write": 4, "Describe": 8, "DescribeConfigs": 10}
ALLOW = 3


@dataclass(frozen=True)
class GuardedKafka:
    bootstrap: str
    ca_file: Path

    def login(self, user: str) -> bus.Login:
        return bus.Login("SASL_SSL", "SCRAM-SHA-512", user, PASSWORD, self.ca_file)

    @contextmanager
    def as_user(self, user: str) -> Iterator[None]:
        """Every client made inside logs in as that user."""
        before = bus.log_in(self.login(user))
        try:
            yield
        finally:
            bus.log_in(before)


@contextmanager
def guarded_kafka(folder: Path) -> Iterator[GuardedKafka]:
    """Nobody but the administrator may do anything yet."""
    port, controller_port = ports.several_free(2)
    keystore, ca_file = certificates(folder)
    more = guards(port, controller_port, keystore, ca_file)
    _format(folder, port, controller_port, more)
    pids = folder / "pids"
    try:
        bootstrap = broker.start(
            folder, pids=pids, log=folder / "kafka.log", port=port, controller_port=controller_port, more=more
        )
        yield GuardedKafka(bootstrap, ca_file)
    finally:
        processes.stop(pids, "kafka")


def guards(port: int, controller_port: int, keystore: Path, ca_file: Path) -> str:
    here = ports.LOOPBACK
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required"
    return f"""
listeners=SASL_SSL://{here}:{port},CONTROLLER://{here}:{controller_port}
advertised.listeners=SASL_SSL://{here}:{port}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL
inter.broker.listener.name=SASL_SSL
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={scram} username="{ADMINISTRATOR}" password="{PASSWORD}";
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={ca_file}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:{ADMINISTRATOR};User:ANONYMOUS
"""


def _format(folder: Path, port: int, controller_port: int, more: str) -> None:
    """With the users: in KRaft the first of them are made with the data folder."""
    properties = folder / "format.properties"
    properties.write_text(broker.settings(folder, port, controller_port) + more)
    users = [f"SCRAM-SHA-512=[name={name},password={PASSWORD}]" for name in (ADMINISTRATOR, *SERVICES)]
    command = [*broker.java(), "kafka.tools.StorageTool", "format", "--cluster-id=5L6g3nShT-eMCtK--X86sw"]
    command += [*(word for user in users for word in ("--add-scram", user)), "-c", str(properties)]
    subprocess.run(command, check=True, capture_output=True)


def certificates(folder: Path) -> tuple[Path, Path]:
    """The broker's key with its certificate, and the certificate alone, which clients trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kafka")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(ports.LOOPBACK))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    keystore, ca_file = folder / "keystore.pem", folder / "ca.pem"
    keystore.write_bytes(private + certificate)
    ca_file.write_bytes(certificate)
    return keystore, ca_file


async def grant(bootstrap: str, service: str) -> None:
    """What the chart asks of Strimzi for the service's user; to be done as the administrator."""
    async with administration(bootstrap) as admin:
        for acl in rendered_acls(service):
            for operation in acl["operations"]:
                await _allow(admin, service, acl["resource"], operation)


def rendered_acls(service: str) -> list[dict[str, Any]]:
    documents = yaml.safe_load_all((CHARTS / f"{service}-everything.yaml").read_text())
    (user,) = [document for document in documents if document["kind"] == "KafkaUser"]
    return list(user["spec"]["authorization"]["acls"])


async def _allow(admin: AIOKafkaAdminClient, user: str, resource: dict[str, str], operation: str) -> None:
    answer = await admin._send_request(
        CreateAclsRequest(
            RESOURCES[resource["type"]],
            resource.get("name", "kafka-cluster"),
            PATTERNS[resource.get("patternType", "literal")],
            f"User:{user}",
            "*",
            OPERATIONS[operation],
            ALLOW,
        )
    )
    ((code, message),) = answer.creation_responses
    assert code == 0, message
