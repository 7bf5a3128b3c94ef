"""The drill of docs/operations.md: a database goes back in time; the forgotten stay so, what was missed comes."""

from typing import Protocol

import pytest

from tests.containers import engine
from tests.containers.people import expect, join
from tests.containers.system import System, eventually


class Backup(Protocol):
    """Of a server that all databases share here; one of them is restored, alone."""

    def begin(self, system: System) -> None: ...

    def remember(self, system: System) -> None:
        """That this moment is to be gone back to."""

    def restore(self, system: System, database: str) -> None: ...


class Dumps:
    """The moment is that of the dump."""

    def begin(self, system: System) -> None:
        """Each stands alone."""

    def remember(self, system: System) -> None:
        in_postgres(system, "pg_dump -U postgres -Fc -f /tmp/hub.dump hub")

    def restore(self, system: System, database: str) -> None:
        in_postgres(system, f"pg_restore -U postgres -d postgres --clean --create /tmp/{database}.dump")


class BaseBackupAndLog:
    """Any moment since the base backup: a server recovers to it beside the one that runs, and is dumped from."""

    moment = ""

    def begin(self, system: System) -> None:
        system.ask("postgres", "SELECT pg_create_physical_replication_slot('log', true)")
        in_postgres(system, "mkdir /tmp/log")
        in_postgres(system, "pg_receivewal -U postgres --slot log -D /tmp/log", "--detach")
        in_postgres(system, "pg_basebackup -U postgres -c fast -D /tmp/base")

    def remember(self, system: System) -> None:
        self.moment = system.ask("postgres", "SELECT clock_timestamp()")

    def restore(self, system: System, database: str) -> None:
        last = system.ask("postgres", "SELECT pg_walfile_name(pg_switch_wal())")
        eventually(lambda: last in in_postgres(system, "ls /tmp/log").splitlines())
        in_postgres(system, RECOVER.format(moment=self.moment))
        in_postgres(system, f"pg_dump -U postgres -h /tmp -p 5433 -Fc -f /tmp/{database}.dump {database}")
        in_postgres(system, "pg_ctl -D /tmp/base stop")
        in_postgres(system, f"pg_restore -U postgres -d postgres --clean --create /tmp/{database}.dump")


RECOVER = """
cat >>/tmp/base/postgresql.auto.conf <<'END'
restore_command = 'cp /tmp/log/%f %p'
recovery_target_time = '{moment}'
recovery_target_action = promote
hot_standby = off
max_connections = 300
port = 5433
unix_socket_directories = '/tmp'
END
touch /tmp/base/recovery.signal
pg_ctl -D /tmp/base --wait --log /tmp/recovery.log start
"""


@pytest.mark.parametrize("backup", [Dumps(), BaseBackupAndLog()], ids=["dump", "base backup and log"])
def test_a_restored_database_forgets_again_and_hears_what_it_missed(system: System, backup: Backup):
    backup.begin(system)
    forgotten, before = join(system), join(system)
    eventually(lambda: system.knows("hub", forgotten.member_id) and system.knows("hub", before.member_id))
    backup.remember(system)

    certificate = expect(forgotten.browser.post("/forget", data={"sure": "yes"}), 303).headers["location"]
    eventually(lambda: "This certificate is complete" in forgotten.browser.get(certificate).text)
    after = join(system)
    eventually(lambda: system.knows("hub", after.member_id) and not system.knows("hub", forgotten.member_id))

    system.stop("hub")
    backup.restore(system, "hub")
    assert system.knows("hub", before.member_id)
    assert system.knows("hub", forgotten.member_id), "what is restored is older than her wish"
    assert not system.knows("hub", after.member_id)
    system.start("hub")

    eventually(lambda: system.knows("hub", after.member_id) and not system.knows("hub", forgotten.member_id))
    assert system.knows("hub", before.member_id)
    assert system.ask("hub", ERASED_BEFORE_IT_READ_ON.format(forgotten.member_id, after.member_id)) == "t"
    assert system.ask("hub", "SELECT count(*) FROM dead_letters") == "0"


ERASED_BEFORE_IT_READ_ON = """
SELECT (SELECT xmin::text::bigint FROM erased WHERE id = '{}')
     < (SELECT xmin::text::bigint FROM known_members WHERE member_id = '{}')
"""
"""Which transaction wrote first."""


def in_postgres(system: System, script: str, *how: str) -> str:
    return engine.docker("exec", "--user", "postgres", *how, system.inspect("postgres")["Id"], "bash", "-ec", script)
