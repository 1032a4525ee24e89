"""What a file sets beside its equations: numbers to be found, the solver, the output."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class EstimatedNumber:
    """A number to be found, from ``start`` on, between ``low`` and ``high``.

    ``is_logarithmic``: steps change its logarithm; ``prior``: its mean and standard deviation before any data;
    ``has_data``: whether measured values determine it, not the equations and conditions.
    """

    start: float
    low: float = -math.inf
    high: float = math.inf
    is_logarithmic: bool = False
    prior: tuple[float, float] | None = None
    has_data: bool = True


@dataclass(frozen=True)
class SolverSettings:
    """The ``solver:`` section with its defaults; None means that pinnkan chooses."""

    tolerance: float = 1e-4
    network: str = "auto"
    hidden: tuple[int, ...] | None = None
    method: str = "gauss_newton"
    degree: int | None = None
    knots: int | None = None
    max_levels: int | None = None
    max_time: float | None = None
    time_slabs: int | None = None
    seed: int = 0

    @property
    def family(self) -> str:
        """The network; ``auto`` with the method Adam or L-BFGS means a deep one."""
        return "deep" if self.network == "auto" and self.method in ("adam", "lbfgs") else self.network


@dataclass(frozen=True)
class OutputSettings:
    """The ``output:`` section: samples per axis, number of frames (None: pinnkan chooses), files to write."""

    resolution: int | None = None
    times: int | None = None
    pictures: bool = True
    vtk: bool = True
    report: bool = True
