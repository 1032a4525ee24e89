"""A fair trial of variable projection: the same networks, points and number of steps, with it and without.

    python tests/benchmark/projection.py        results/tables/projection.md, .csv: one minute

The problem is poisson5d_gaussian, the network a KAN [5, 1, 1]; three seeds, for two sizes of its edges.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(Path(__file__).resolve().parent)]

from tables import write  # noqa: E402

import pinnkan  # noqa: E402  (the paths come first, so that the script runs by its name alone)
from pinnkan.assembly.boundary_values import sort_conditions  # noqa: E402
from pinnkan.assembly.model import compile_model  # noqa: E402
from pinnkan.kan.layers.network import Network, random_network  # noqa: E402
from pinnkan.solver.estimate.norms import true_errors  # noqa: E402
from pinnkan.solver.families.blocks.levels import enriched_sum, first_space  # noqa: E402
from pinnkan.solver.families.blocks.system import sobol_samples  # noqa: E402
from pinnkan.solver.families.deep import variable_projection as vp  # noqa: E402
from pinnkan.solver.families.deep.composition import EDGE_NOISE, CompositionLevels  # noqa: E402
from pinnkan.solver.minimise import levenberg_marquardt as lm  # noqa: E402

STEPS = 60
EDGES = ((7, 2), (9, 4))  # degree and intervals
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Trial:
    """One training: what it took and the true relative error it reached."""

    degree: int
    intervals: int
    coefficients: int
    seed: int
    steps: str
    error: float
    cpu_seconds: float


def descended(evaluate: lm.EvaluateRows, start: torch.Tensor) -> torch.Tensor:
    """Where STEPS steps of Levenberg-Marquardt lead."""
    return lm.levenberg_marquardt(lm.normal_equations(evaluate), start, lambda *_: False, STEPS).point.x


def joint(family: CompositionLevels, network: Network) -> Network:
    """The network with all coefficients trained together."""
    system = family.make_system(family.point_count(network, 1.0), family.seed, network)

    def evaluate(vector: torch.Tensor) -> tuple[torch.Tensor, Callable[[], torch.Tensor]]:
        return system.rows_and_jacobian(network.with_flat(vector))

    return network.with_flat(descended(evaluate, network.flat()))


def projected(family: CompositionLevels, network: Network) -> Network:
    """The same with the outer layer solved for in every step."""
    system, is_linear = (
        family.make_system(family.point_count(network, 1.0), family.seed, network),
        family.model.is_linear,
    )

    def evaluate(vector: torch.Tensor) -> tuple[torch.Tensor, Callable[[], torch.Tensor]]:
        return vp.project_outer_layer(system, vp.with_inner(network, vector), is_linear)[:2]

    return vp.project_outer_layer(
        system, vp.with_inner(network, descended(evaluate, vp.inner_coefficients(network))), is_linear
    )[2]


def trials() -> Iterator[Trial]:
    """All of them, in pairs."""
    problem = pinnkan.load_problem("poisson5d_gaussian")
    model = compile_model(problem, sort_conditions(problem), torch.device("cpu"))
    family = CompositionLevels(model, enriched_sum(first_space(model, None)), None, "a trial")
    for degree, intervals in EDGES:
        for seed in SEEDS:
            start = random_network((5, 1, 1), degree, intervals, EDGE_NOISE, seed)
            for name, train in (("all coefficients", joint), ("outer layer projected", projected)):
                cpu = time.process_time()
                network = train(family, start)
                cpu = time.process_time() - cpu
                error = max(true_errors(problem, sobol_samples(problem, family.field_of_network(network))), default=0.0)
                print(f"degree {degree}, {intervals} intervals, seed {seed}: {name:22} {error:8.1e} in {cpu:.2f} s")
                yield Trial(degree, intervals, start.parameters, seed, name, error, cpu)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write the table after each trial."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "tables", help="folder of the table")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    rows: list[dict[str, object]] = []
    for trial in trials():
        rows.append(asdict(trial))
        write(options.out, "projection", rows, "python tests/benchmark/projection.py")
    return 0


if __name__ == "__main__":
    sys.exit(main())
