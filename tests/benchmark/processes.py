"""One Gauss-Newton step in space on many processes: processor time of each, messages, bytes.

    torchrun --nproc-per-node 2 tests/benchmark/processes.py 32 32 32

Prints a line of CSV: processes, intervals, coefficients; seconds of the processor for a product with J^T J, with the
leader and the busiest of the others; wall time of it; messages and bytes of the leader; the same seconds for a whole
step (rows, conjugate gradients to 1e-8) and for the preconditioner once, which the leader alone applies.
"""

import sys
import time
from contextlib import nullcontext

import numpy as np
import torch

import pinnkan
from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.model import compile_model
from pinnkan.assembly.normal_matrix.shared_matrix import MAKERS
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.processes.job import current_job
from pinnkan.processes.team import lead_team, serve
from pinnkan.processes.wire import Wire
from pinnkan.solver import memory
from pinnkan.solver.linear.system import System

#: Products of which the mean is taken.
TIMES = 5
DEGREE = 8


class Processor:
    """The time of the processor that a process has taken."""

    def seconds(self):
        return time.process_time()


def measured(team, work):
    """Seconds of the processor with the leader and the busiest other, of the wall; messages and bytes."""
    clocks = team.create_shared("processor", [()] * team.count) if team else None

    def busy():
        return np.array(clocks.call("seconds", [()] * team.count) if clocks else [time.process_time()])

    def passed():
        sent = (team.traffic.messages, team.traffic.bytes) if team else (0, 0)
        return np.array([time.perf_counter(), *sent])

    busy_before, before = busy(), passed()
    work()
    after, busy_after = passed(), busy()
    leader, *others = busy_after - busy_before
    return leader, max(others, default=0.0), *(after - before)


def step(team, intervals):
    problem = pinnkan.load_problem("poisson3d_waves")
    model = compile_model(problem, sort_conditions(problem), torch.device("cpu"))
    space = Space(tuple(Axis(np.linspace(0.0, 1.0, n + 1), DEGREE) for n in intervals))
    system, start = System(model, space, accuracy=1e-8, keeps_solver=True), np.zeros(space.shape)
    fixed = np.ones(space.shape, dtype=bool)
    fixed[1:-1, 1:-1, 1:-1] = False
    whole = measured(team, lambda: system.gauss_newton_steps(start, [start], fixed))
    equations = system.kept_solver
    some = np.random.default_rng(0).standard_normal((equations.ordering.size, 1))
    product = measured(team, lambda: [equations.normal_product(some) for _ in range(TIMES)])
    before = measured(team, lambda: [equations.precondition(some) for _ in range(TIMES)])
    leader, other, wall, messages, size = (p / TIMES for p in product)
    count = team.count if team else 1
    print(
        f"{count},{'x'.join(map(str, intervals))},{space.size},{leader:.4f},{other:.4f},{wall:.4f},{messages:.0f},"
        f"{size:.0f},{whole[0]:.3f},{whole[1]:.3f},{before[0] / TIMES:.4f}"
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    memory.keep_freed_memory()
    makers, job = {**MAKERS, "processor": Processor}, current_job()
    wire = Wire(job, torch.device("cpu")) if job.count > 1 else None
    if wire and not job.is_leader:
        serve(wire, makers)
    else:
        with lead_team(wire, makers) if wire else nullcontext() as found:
            step(found, [int(n) for n in sys.argv[1:]])
