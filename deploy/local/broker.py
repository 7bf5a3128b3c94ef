"""A single-node Apache Kafka (KRaft) of our own in a folder, from the jars Maven fetched."""

import base64
import subprocess
import time
import uuid
from pathlib import Path

from deploy.local import ports, processes
from deploy.local.processes import DidNotStart

HERE = Path(__file__).parent / "kafka"
LIBRARIES = Path(__file__).parents[2] / ".local" / "kafka" / "libs"
STARTS_WITHIN = 60.0
MEMORY = ["-Xms256m", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]


def start(folder: Path, *, pids: Path, log: Path, port: int, controller_port: int, more: str = "") -> str:
    """Start it, wait until it answers and return its address (`bootstrap.servers`).

    `more` are lines of settings of the caller's own: of two with one name the later counts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    properties = folder / "server.properties"
    properties.write_text(settings(folder, port, controller_port) + more)
    if not (folder / "data" / "meta.properties").exists():
        _format(properties)
    process = processes.start(
        "kafka", [*java(), "kafka.Kafka", str(properties)], pids=pids, log=log, word=str(properties), last=True
    )
    _wait_until_ready(process, port, log)
    return f"{ports.LOOPBACK}:{port}"


def settings(folder: Path, port: int, controller_port: int) -> str:
    # A backslash or a line end in a path would be read as an escape.
    data = str(folder / "data").replace("\\", "\\\\")
    return f"""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{ports.LOOPBACK}:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{ports.LOOPBACK}:{port},CONTROLLER://{ports.LOOPBACK}:{controller_port}
advertised.listeners=PLAINTEXT://{ports.LOOPBACK}:{port}
log.dirs={data}
auto.create.topics.enable=false

# One node is every replica there can be.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=2
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1

# The development clock runs ahead (`make clock +11d`): the default refuses records an hour from now.
log.message.timestamp.after.max.ms={2**63 - 1}

# The default waits 3 s for more members at the first join of each group.
group.initial.rebalance.delay.ms=0

# After kill -9 a node comes back only when its old registration has timed out: 4 s, not 9.
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=1000
"""


def java() -> list[str]:
    if not any(LIBRARIES.glob("kafka_*.jar")):
        raise DidNotStart(f"Kafka's jars are not in {LIBRARIES}. `make` fetches them; or set KAFKA_BOOTSTRAP_SERVERS.")
    logging = f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"
    return ["java", *MEMORY, logging, "-cp", f"{LIBRARIES}/*"]


def _format(properties: Path) -> None:
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    command = [*java(), "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(properties)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise DidNotStart(f"Kafka could not make its data folder:\n{done.stdout}{done.stderr}")


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """In KRaft the listener opens only once the controller has admitted the broker: an open port is a ready node."""
    deadline = time.monotonic() + STARTS_WITHIN
    while not ports.answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise DidNotStart(f"Kafka did not start:\n{processes.last_words(log)}")
        time.sleep(0.05)
