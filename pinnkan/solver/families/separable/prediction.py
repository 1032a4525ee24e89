"""How many coefficients a sum of products will need, before anything is solved."""

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.assembly.separable.integrals import gauss_rule
from pinnkan.assembly.separable.products import Products
from pinnkan.assembly.separable.system import rows_of
from pinnkan.kan.field import Array
from pinnkan.solver.families.separable.knots import first_axes

#: Fewest coordinates in which this family is worth a look.
FEWEST = 4
#: Parts of a source whose mean square is below this share of the largest do not count as a term.
COUNTED = 1e-6


def predicted(model: Model) -> float | None:
    """Coefficients on the first knots for as many terms as the data show; None where this family is none to choose.

    A sum of R products has rank at most R between one coordinate and all others, so that the largest such rank of the
    source and of the data is a lower bound of their terms (Kolda, Bader 2009, section 3.3): a guess, not a promise.
    None for several unknowns, few coordinates, and equations that do not separate or are not linear.
    """
    problem = model.problem
    if len(problem.unknowns) != 1 or problem.dimension < FEWEST:
        return None
    rows = rows_of(model)
    products = [p for p in rows.products if p is not None]
    if len(products) < len(rows.placed):
        return None
    axes = first_axes(rows, problem.solver.degree, problem.solver.knots)
    rule = gauss_rule(axes)
    terms = max([1, *(rank(p, [(x, w) for x, w in rule]) for p in {id(p): p for p in products}.values())])
    counts = [a.count for a in axes]
    return float(terms * sum(counts) + sum(counts[i] for i in rows.singles))


def rank(products: Products, rule: list[tuple[Array, Array]]) -> int:
    """The largest rank of the right-hand side between one coordinate and all others."""
    if not products.sources:
        return 0
    constants = np.array([s.constant for s in products.sources])
    grams = []
    for i, (x, w) in enumerate(rule):
        values = np.sqrt(w) * products.values([s.factors[i] for s in products.sources], i, x)
        grams.append(values @ values.T)
    ranks = []
    for k, gram in enumerate(grams):
        others = np.outer(constants, constants)
        for i, other in enumerate(grams):
            others = others if i == k else others * other
        sizes = np.abs(np.linalg.eigvals(gram @ others))
        ranks.append(int((sizes > COUNTED * sizes.max(initial=0.0)).sum()))
    return max(ranks)
