"""What the user may leave open in a deep solve, and the rules that fill it in."""

from dataclasses import dataclass

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.problem.statement import Problem


@dataclass(frozen=True)
class DeepSettings:
    """The settings of a solve, the user's or those of :func:`choose_settings`."""

    hidden: tuple[int, ...]
    degree: int
    knots: int
    slabs: int
    max_levels: int
    max_time: float
    network: str = "deep"
    method: str = "gauss_newton"

    @property
    def is_frozen(self) -> bool:
        """Whether the directions of a ridge network stay and only its outer layer is solved for, by least squares.

        So with one hidden layer; with more, and with Adam or L-BFGS, all layers are trained.
        """
        return self.network == "ridge" and self.method == "gauss_newton" and len(self.hidden) == 1

    def described(self) -> str:
        """The network and how it is trained, in words."""
        widths = f"hidden widths {list(self.hidden)}"
        if self.is_frozen:
            return f"ridge: {self.hidden[0]} fixed directions, one layer of splines by linear least squares"
        by = {"gauss_newton": "Levenberg-Marquardt", "adam": "Adam", "lbfgs": "L-BFGS"}[self.method]
        kind = "a linear layer, then B-splines" if self.network == "ridge" else "B-spline KAN"
        return f"{self.network}: {kind}, {widths}, adding nodes, all layers trained by {by}"


#: Hidden widths by network and method. Deep: two layers of five (measured against one of eight: Klein-Gordon's first
#: slab overfits the latter, held-out loss 1e-2 to 1e-4). Frozen directions cost little, so that there are many.
HIDDEN = {
    ("deep", "gauss_newton"): (5, 5),
    ("deep", "adam"): (5, 5),
    ("deep", "lbfgs"): (5, 5),
    ("ridge", "gauss_newton"): (24,),
    ("ridge", "adam"): (10, 5),
    ("ridge", "lbfgs"): (10, 5),
}
#: Degree of frozen ridges, as of the product network: only the order of convergence makes up for their stiffness.
RIDGE_DEGREE = 9


def choose_settings(problem: Problem) -> DeepSettings:
    """The user's settings, completed: quintic edges or two degrees above the order of the equation, four intervals."""
    s = problem.solver
    order = max(jet.total for e in problem.equations for jet in e.jets.values())
    network = "ridge" if s.network == "ridge" else "deep"
    hidden = s.hidden if s.hidden is not None else HIDDEN[network, s.method]
    frozen = network == "ridge" and s.method == "gauss_newton" and len(hidden) == 1
    return DeepSettings(
        hidden=hidden,
        degree=s.degree if s.degree is not None else max(RIDGE_DEGREE if frozen else 5, order + 2),
        knots=s.knots if s.knots is not None else 4,
        slabs=s.time_slabs if s.time_slabs is not None and problem.time_axis is not None else choose_slabs(problem),
        max_levels=s.max_levels if s.max_levels is not None else 4,
        max_time=s.max_time if s.max_time is not None else 300.0,
        network=network,
        method=s.method,
    )


def choose_slabs(problem: Problem) -> int:
    """Two for linear equations, four of second order in time, eight for the other nonlinear ones; one without time.

    Heuristic, measured at the coarsest level as error in CPU seconds: heat2d 4e-4 in 16 (2 slabs), 1e-3 in 47 (8);
    Klein-Gordon 1e-3 in 28 (4), 2e-2 in 36 (8); Burgers 6e-3 in 11 (4), 4e-4 in 21 (8).
    """
    time = problem.time_axis
    if time is None:
        return 1
    equations = [CompiledEquation(e, problem.coordinates) for e in problem.equations]
    if all(e.is_linear for e in equations):
        return 2
    return 4 if max(jet.order[time] for e in equations for jet in e.jets) > 1 else 8
