"""Names of fields: an unknown or a derivative of one, as ``u`` and ``u_xx``."""

from pinnkan.errors import UsageError
from pinnkan.problem.coordinates import order_of
from pinnkan.problem.expressions.operators import MAX_ORDER
from pinnkan.problem.statement import Jet, Problem


def parse_field_name(name: str, problem: Problem) -> Jet:
    """The unknown or derivative that a name such as ``u`` or ``u_xt`` stands for. Raises UsageError: it is none."""
    coordinates = [c.name for c in problem.coordinates]
    for index in sorted(range(len(problem.unknowns)), key=lambda i: -len(problem.unknowns[i])):
        unknown = problem.unknowns[index]
        subscript = name.removeprefix(f"{unknown}_")
        if name == unknown:
            return Jet(index, (0,) * problem.dimension)
        order = order_of(subscript, coordinates) if subscript != name else None
        if order is not None:
            if sum(order) > MAX_ORDER:
                raise UsageError(f"{name!r} is of order {sum(order)}; the highest is {MAX_ORDER}")
            return Jet(index, order)
    example = f"{problem.unknowns[0]}_{problem.coordinates[0].name}"
    raise UsageError(f"no field {name!r}; choose among {', '.join(problem.unknowns)} and derivatives: {example}")
