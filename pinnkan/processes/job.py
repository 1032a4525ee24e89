"""The rank of this process in a job, from the environment variables of ``torchrun``; without torch."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """A job of ``count`` processes; ``rank`` of this one (0 leads), and ``local_rank``, its rank on its machine."""

    rank: int = 0
    count: int = 1
    local_rank: int = 0

    @property
    def is_leader(self) -> bool:
        """Whether this process is the leader, which decides and writes all output."""
        return self.rank == 0


def current_job() -> Job:
    """The job of this process; one of a single process where the environment names none."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    try:
        return Job(*(int(os.environ[name]) for name in names))
    except (KeyError, ValueError):
        return Job()
