"""The error of any network by a correction: the linearised equation for the error, solved in product splines.

For a field u with residual F(u) the error e satisfies F'(u) e = -F(u) to first order, with the mismatch of the
conditions as data. Intervals are halved until the norm of e settles. Each slab starts from the error at the end of the
previous one plus the jump of u between them.
"""

from itertools import pairwise

import numpy as np
import torch

from pinnkan.assembly.boundary_values import BoundaryValue, face_coefficients, fix_coefficients, project_face
from pinnkan.assembly.clock import OutOfTimeError
from pinnkan.assembly.model import Model
from pinnkan.assembly.patch import Patch
from pinnkan.domain.gauss import composite_gauss_rule
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array, Field, jets_on_grid
from pinnkan.kan.matrices import apply_matrix
from pinnkan.kan.product import ProductField, Space
from pinnkan.problem.statement import Side
from pinnkan.solver.estimate.norms import largest_norm_ratio
from pinnkan.solver.linear.system import System
from pinnkan.solver.monitor import Monitor

#: The norm has settled when two halvings change it by less than this share each. A front may still be missed;
#: :mod:`pinnkan.solver.families.deep.comparison` comes first.
SETTLING_TOLERANCE = 0.1
#: The most coefficients of the correction of one slab. Heuristic.
MAX_COEFFICIENTS = 20_000
#: Degree of the correction above the order of the equations.
EXTRA_DEGREE = 4


def estimate_by_correction(model: Model, field: Field, monitor: Monitor) -> tuple[float, ProductField]:
    """The relative L2 norm of the correction, and the correction; inf if the time is too short to see it settle."""
    sizes: list[float] = []
    intervals = 16 if model.problem.dimension < 3 else 4
    while True:
        try:
            size, error = _correct(model, field, intervals)
        except OutOfTimeError:
            if not sizes:
                raise
            return np.inf, error
        sizes.append(size)
        settled = len(sizes) > 2 and max(abs(a - b) for a, b in pairwise(sizes[-3:])) <= SETTLING_TOLERANCE * size
        best = max(sizes[-3:]) if settled else size, error
        intervals *= 2
        width = intervals + max(model.orders) + EXTRA_DEGREE
        too_large = width ** (model.problem.dimension - (model.problem.time_axis is not None)) * 8 > MAX_COEFFICIENTS
        if settled or too_large:
            return best
        if monitor.expired():
            return best if len(sizes) > 2 else (np.inf, error)


def jets_on_patch(field: Field | None, patch: Patch) -> torch.Tensor:
    """The derivatives of a field at the points of a patch, as its equation needs them: (interval, point, .., jet)."""
    nodes = [t.nodes.reshape(-1).cpu().numpy() for t in patch.tables]
    jets = jets_on_grid(field, nodes, patch.equation.jets)
    return torch.from_numpy(jets).to(patch.device).reshape(*patch.shape, -1)


def _correct(model: Model, field: Field, intervals: int) -> tuple[float, ProductField]:
    problem = model.problem
    degree = max(model.orders) + EXTRA_DEGREE
    space_axes = [
        Axis(np.linspace(a, b, intervals + 1), degree, p)
        for i, ((a, b), p) in enumerate(zip(problem.box.ranges, problem.box.periodic, strict=True))
        if i != problem.time_axis
    ]
    if problem.time_axis is None:
        space = Space(tuple(space_axes), len(problem.unknowns))
        error, squares = _correct_on_box(model, field, space, None)
        return largest_norm_ratio(problem, *squares), ProductField(((space, error),))
    ends = field.breaks(problem.time_axis)
    pieces, total, before = [], np.zeros((2, len(problem.unknowns))), None
    for k in range(len(ends) - 1):
        time = Axis(np.linspace(ends[k], ends[k + 1], max(2, intervals // 4) + 1), degree)
        space = Space((*space_axes, time), len(problem.unknowns))
        error, squares = _correct_on_box(model if before is None else model.later_slab_model, field, space, before)
        pieces.append((space, error))
        total = total + squares
        before = space, error
    return largest_norm_ratio(problem, *total), ProductField(tuple(pieces), ends)


def _correct_on_box(
    model: Model, field: Field, space: Space, previous_error: tuple[Space, Array] | None
) -> tuple[Array, Array]:
    """Return the correction on one box, and the squared norms (2, unknown) of it and of the field."""
    system = System(model, space)
    built_in = [*model.conditions.initial, *model.conditions.boundary]
    prescribed = [(given, _mismatch(model, field, space, given, previous_error)) for given in built_in]
    moves, fixed = fix_coefficients(space, prescribed, np.zeros(space.shape), np.zeros(space.shape, dtype=bool))
    rows = []
    for patch in system.patches:
        rows.append(patch.rows_from_jets(jets_on_patch(field, patch), [torch.from_numpy(moves).to(model.device)]))
    with system.time_guard():
        error = system.solve_rows(rows, [moves], fixed)[0]
    nodes = [composite_gauss_rule(axis.breaks, axis.degree + 1)[0] for axis in space.axes]
    weights = space.gauss_values(error)[1]
    values = field.grid(nodes, (0,) * len(space.axes))
    reference = (values**2 * weights[..., None]).reshape(-1, space.unknowns).sum(0)
    return error, np.stack([space.norm(error) ** 2, reference])


def _mismatch(
    model: Model, field: Field, space: Space, given: BoundaryValue, previous_error: tuple[Space, Array] | None
) -> Array:
    """Coefficients on a face: data less the field.

    At the start of a later slab the error ``previous_error`` plus the jump.
    """
    axis = given.side.axis
    order = tuple(given.order if i == axis else 0 for i in range(len(space.axes)))
    samples = [a.projection_points() for a in space.axes]
    samples[axis] = space.axes[axis].breaks[[0 if given.side.end == 0 else -1]]
    inside = list(samples)
    if axis == model.problem.time_axis:  # the lower end belongs to the earlier slab
        width = np.ptp(space.axes[axis].breaks)
        inside[axis] = samples[axis] + 1e-12 * width
    values = project_face(space, axis, field.grid(inside, order)[..., given.unknown])
    if previous_error is None or given.side != Side(axis, 0) or axis != model.problem.time_axis:
        return face_coefficients(given, space) - values
    old, error = previous_error
    end = old.axes[-1].breaks[-1:]
    previous = project_face(space, axis, field.grid([*inside[:-1], end], order)[..., given.unknown])
    carried = apply_matrix(old.axes[-1].matrix(end, given.order), error, axis)[..., given.unknown]
    return previous + np.moveaxis(carried, axis, 0)[0] - values
