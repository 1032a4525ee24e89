"""Which process of a job this one is, as ``torchrun`` says in the environment; no torch."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """``count`` processes; ``rank`` of this one, that of the leader is zero; ``local``: its number on its machine."""

    rank: int = 0
    count: int = 1
    local: int = 0

    @property
    def leads(self) -> bool:
        """Whether this process decides, writes and speaks."""
        return self.rank == 0


def this_job() -> Job:
    """The job that this process belongs to; of one process where nothing says otherwise."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    try:
        return Job(*(int(os.environ[name]) for name in names))
    except (KeyError, ValueError):
        return Job()
