"""``torchrun --nproc-per-node N -m pinnkan solve FILE``: the first process solves, the others compute for it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits

from pinnkan.assembly.normal_matrix.shared_matrix import MAKERS
from pinnkan.errors import Exit, PinnkanError
from pinnkan.processes.job import current_job
from pinnkan.processes.team import Team, lead_team, serve
from pinnkan.processes.wire import LostProcessError, Wire
from pinnkan.run.solving import require_device
from pinnkan.solver import memory


def run_serving(device: str | None) -> int:
    """What a process does that does not lead: its share, until the leader is done or gone.

    The leader says what there is to say. An interrupt reaches all processes of a terminal: the leader ends the others.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    memory.keep_freed_memory()
    try:
        require_device(device or "cpu")
    except PinnkanError:
        return Exit.CONVERGED  # a job ends with the first that fails, and the leader has yet to say why
    with threadpool_limits(limits=1, user_api="blas"):
        try:
            serve(Wire(current_job(), _own(device)), MAKERS)
        except LostProcessError:
            return Exit.RESOURCES
    return Exit.CONVERGED


@contextmanager
def together(device: str) -> Iterator[Team | None]:
    """A solve on ``device`` with all processes of the job; None where this one is alone.

    Raises UsageError, ResourceError: there is no such device.
    """
    job = current_job()
    if job.count == 1:
        yield None
        return
    require_device(device)
    with lead_team(Wire(job, _own(device)), MAKERS) as team:
        yield team


def _own(device: str | None) -> torch.device:
    """The device of this process: each of a machine has a GPU of its own."""
    asked = torch.device(device or "cpu")
    return asked if asked.type == "cpu" else torch.device(asked.type, current_job().local_rank)


def shared_words(team: Team) -> str:
    """What many processes had to do, for people."""
    if not team.call_count:
        return f"{team.count} processes, of which one had work: the steps of this solve are small or factors."
    traffic = team.traffic
    return (
        f"{team.count} processes: {team.call_count} products and the like in parts, {traffic.bytes / 1e6:.3g} MB in "
        f"{traffic.messages} messages, {traffic.seconds:.2f} s of sending and waiting for others."
    )
