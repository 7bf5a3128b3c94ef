"""Apache Kafka (KRaft) of our own in a folder, from the jars Maven fetched: one node, or three that replicate."""

import base64
import subprocess
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from deploy.local import ports, processes
from deploy.local.processes import DidNotStart

HERE = Path(__file__).parent / "kafka"
LIBRARIES = Path(__file__).parents[2] / ".local" / "kafka" / "libs"
STARTS_WITHIN = 60.0
MEMORY = ["-Xms256m", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
REPLICAS = 3


@dataclass(frozen=True)
class Node:
    """Broker and controller in one process."""

    number: int
    port: int
    controller_port: int

    @property
    def address(self) -> str:
        return f"{ports.LOOPBACK}:{self.port}"

    @property
    def voter(self) -> str:
        return f"{self.number}@{ports.LOOPBACK}:{self.controller_port}"


def start(folder: Path, *, pids: Path, log: Path, port: int, controller_port: int, more: str = "") -> str:
    """Start a single node, wait until it answers and return its address (`bootstrap.servers`).

    `more` are lines of settings of the caller's own: of two with one name the later counts.
    """
    node = Node(1, port, controller_port)
    _start(node, [node], _new_cluster(), folder, name="kafka", pids=pids, log=log, more=more)
    return node.address


@dataclass(frozen=True)
class Cluster:
    """Three nodes: what is acknowledged is on two of them at least, and any one may be away."""

    folder: Path
    nodes: tuple[Node, ...]

    @classmethod
    def of_three(cls, folder: Path) -> "Cluster":
        """At any free ports."""
        free = ports.several_free(2 * REPLICAS)
        return cls(folder, tuple(Node(i + 1, free[2 * i], free[2 * i + 1]) for i in range(REPLICAS)))

    @property
    def bootstrap(self) -> str:
        return ",".join(node.address for node in self.nodes)

    @property
    def pids(self) -> Path:
        return self.folder / "pids"

    def start(self, more: str = "") -> str:
        """All at once, for two are needed before any of them is ready; nothing is left running where one fails."""
        cluster = _new_cluster()
        try:
            with ThreadPoolExecutor(len(self.nodes)) as together:
                list(together.map(lambda node: self.start_node(node, more=more, cluster=cluster), self.nodes))
        except BaseException:
            self.stop()
            raise
        return self.bootstrap

    def start_node(self, node: Node, *, more: str = "", cluster: str = "") -> None:
        name = name_of(node)
        log = self.folder / "logs" / f"{name}.log"
        _start(node, self.nodes, cluster, self.folder / name, name=name, pids=self.pids, log=log, more=more)

    def stop_node(self, node: Node) -> None:
        processes.stop(self.pids, name_of(node))

    def stop(self) -> None:
        processes.end_leftovers(self.pids)


def name_of(node: Node) -> str:
    """What the folder, log and pid file of a cluster's node are called."""
    return f"kafka-{node.number}"


def settings(folder: Path, port: int, controller_port: int) -> str:
    """Of a single node."""
    alone = Node(1, port, controller_port)
    return _settings(folder, alone, [alone])


def _settings(folder: Path, node: Node, nodes: Sequence[Node]) -> str:
    # A backslash or a line end in a path would be read as an escape.
    data = str(folder / "data").replace("\\", "\\\\")
    copies = min(REPLICAS, len(nodes))
    in_sync = max(1, copies - 1)
    return f"""\
process.roles=broker,controller
node.id={node.number}
controller.quorum.voters={",".join(each.voter for each in nodes)}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{node.address},CONTROLLER://{ports.LOOPBACK}:{node.controller_port}
advertised.listeners=PLAINTEXT://{node.address}
log.dirs={data}
auto.create.topics.enable=false

# A single node is every replica there can be.
default.replication.factor={copies}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={copies}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=2
share.coordinator.state.topic.replication.factor={copies}
share.coordinator.state.topic.min.isr={in_sync}

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


def _start(
    node: Node, nodes: Sequence[Node], cluster: str, folder: Path, *, name: str, pids: Path, log: Path, more: str
) -> None:
    """`cluster` is the id with which a new data folder is made; one that is there keeps its own."""
    folder.mkdir(parents=True, exist_ok=True)
    properties = folder / "server.properties"
    properties.write_text(_settings(folder, node, nodes) + more)
    if not (folder / "data" / "meta.properties").exists():
        _format(properties, cluster)
    command = [*java(), "kafka.Kafka", str(properties)]
    process = processes.start(name, command, pids=pids, log=log, last=True)
    _wait_until_ready(process, node.port, log)


def _new_cluster() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def _format(properties: Path, cluster: str) -> None:
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
