"""Whom to kill and when, drawn from a seed before anything happens."""

import os
import random
import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from deploy.local import processes
from deploy.local.stack import SERVICES, Stack


@dataclass
class Killer:
    """Kills a service when a planned step is taken, and starts it again at once.

    At least once after each kind of step and each service equally often; what more there is goes anywhere. After the
    steps named ``sending`` the sender of mails is the victim, for then it has more of them to send.
    """

    here: Stack
    chance: random.Random
    steps: Mapping[str, int]
    """How often each kind of step is taken."""
    kills: int
    sending: Sequence[str] = ()
    plan: dict[tuple[str, int], str] = field(default_factory=dict)
    taken: Counter[str] = field(default_factory=Counter)
    killed: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        victims = [name for name in SERVICES for _ in range(self.kills // len(SERVICES))]
        self.chance.shuffle(victims)
        for step in self.sending:
            victims.remove("notifications")
            self.plan[step, self.chance.randint(1, self.steps[step] // 2)] = "notifications"
        moments = [(step, self.chance.randint(1, times)) for step, times in self.steps.items()]
        moments = [moment for moment in moments if moment[0] not in self.sending]
        every = [(step, number) for step, times in self.steps.items() for number in range(1, times + 1)]
        free = [moment for moment in every if moment not in moments and moment not in self.plan]
        moments += self.chance.sample(free, len(victims) - len(moments))
        self.plan |= dict(zip(moments, victims, strict=True))

    @property
    def missed(self) -> list[tuple[str, int]]:
        """Planned moments that have not come."""
        return [(step, number) for step, number in self.plan if self.taken[step] < number]

    def step(self, name: str) -> None:
        self.taken[name] += 1
        if victim := self.plan.get((name, self.taken[name])):
            end(self.here, victim, signal.SIGKILL)
            self.here.start_service(victim)
            self.killed[victim] += 1


def end(here: Stack, name: str, by: signal.Signals) -> None:
    """End a process of the system from outside, behind the back of whoever started it."""
    mark = processes.read(here.pids / f"{name}.pid")
    assert mark is not None
    process = mark.process()
    os.kill(mark.pid, by)
    if process:
        process.wait(60)
    processes.stop(here.pids, name)  # nothing is left to stop: it forgets the child
