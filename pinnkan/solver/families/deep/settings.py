"""Settings of a deep solve, and the rules for those that the user leaves open."""

from dataclasses import dataclass

from pinnkan.problem.statement import Problem


@dataclass(frozen=True)
class DeepSettings:
    """The settings of a solve, all of them chosen."""

    hidden: tuple[int, ...]
    degree: int
    knots: int
    slabs: int
    max_levels: int
    max_time: float
    network: str = "deep"
    method: str = "gauss_newton"

    @property
    def has_fixed_directions(self) -> bool:
        """Whether the directions of a ridge network are fixed and only its outer layer is solved for, by least squares.

        This holds with one hidden layer; with more, and with Adam or L-BFGS, all layers are trained.
        """
        return self.network == "ridge" and self.method == "gauss_newton" and len(self.hidden) == 1

    def network_description(self) -> str:
        """Describe the network and its training."""
        widths = f"hidden widths {list(self.hidden)}"
        if self.has_fixed_directions:
            return f"ridge: {self.hidden[0]} fixed directions, one layer of splines by linear least squares"
        by = {"gauss_newton": "Levenberg-Marquardt", "adam": "Adam", "lbfgs": "L-BFGS"}[self.method]
        kind = "a linear layer, then B-splines" if self.network == "ridge" else "B-spline KAN"
        return f"{self.network}: {kind}, {widths}, adding nodes, all layers trained by {by}"


#: Hidden widths by network and method. One layer of eight overfits Klein-Gordon's first slab, with a held-out loss of
#: 1e-2. Fixed directions are cheap, so there are many.
HIDDEN_WIDTHS = {
    ("deep", "gauss_newton"): (5, 5),
    ("deep", "adam"): (5, 5),
    ("deep", "lbfgs"): (5, 5),
    ("ridge", "gauss_newton"): (24,),
    ("ridge", "adam"): (10, 5),
    ("ridge", "lbfgs"): (10, 5),
}
#: Degree of ridges with fixed directions, for which only a high order of convergence compensates.
RIDGE_DEGREE = 9


def choose_settings(problem: Problem) -> DeepSettings:
    """Complete the user's settings: degree 5 or the order of the equation plus two, four intervals, and so on."""
    s = problem.solver
    order = max(problem.total_orders)
    network = "ridge" if s.network == "ridge" else "deep"
    hidden = s.hidden if s.hidden is not None else HIDDEN_WIDTHS[network, s.method]
    frozen = network == "ridge" and s.method == "gauss_newton" and len(hidden) == 1
    return DeepSettings(
        hidden=hidden,
        degree=s.degree if s.degree is not None else max(RIDGE_DEGREE if frozen else 5, order + 2),
        knots=s.knots if s.knots is not None else 4,
        slabs=s.time_slabs
        if s.time_slabs is not None and problem.time_axis is not None
        else default_slab_count(problem),
        max_levels=s.max_levels if s.max_levels is not None else 4,
        max_time=s.max_time if s.max_time is not None else 300.0,
        network=network,
        method=s.method,
    )


def default_slab_count(problem: Problem) -> int:
    """The number of slabs: two for linear equations, four of second order in time, else eight; one without time.

    Heuristic: Klein-Gordon has 1e-3 in 28 s with four and 2e-2 in 36 s with eight.
    """
    time = problem.time_axis
    if time is None:
        return 1
    if all(e.is_linear for e in problem.equations):
        return 2
    return 4 if max(problem.orders_in_time) > 1 else 8
