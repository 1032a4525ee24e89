"""From B-splines to powers of ReLU and back: ``b = A psi``, A banded and upper triangular (arXiv:2603.04827, Lemma 2).

A B-spline is a divided difference of truncated powers (de Boor 1978, IX (2)), which gives A in closed form: ``A_{i,m} =
(t_{i+r} - t_i) / prod_{k != m} (t_k - t_m)``, k and m in i..i+r, r = degree + 1. The paper's recursion is the recursion
of divided differences; for uniform knots it is ``(-1)^s r / (s! (r-s)! h^(r-1))`` on diagonal s (Corollary 1). The
inverse is Marsden's identity cut off at a knot: ``psi_i = sum_{j >= i} prod_{m=1..p} (t_{j+m} - t_i) b_j``. Functions
that start at or beyond b vanish on [a, b] and are left out. Coefficients pass the other way: ``w = A^T u``.

Both directions are exact up to rounding, but powers of ReLU cancel: a function of size one on n intervals has
coefficients of size n^p, so that about ``n^p 2^r / p!`` units of rounding is what any evaluation in them can keep.
"""

import torch

from pinnkan.kan.spline import Basis


def bands(splines: Basis) -> torch.Tensor:
    """The diagonals of A: (count, r + 1), entry (i, s) standing in row i, column i + s; columns may pass the last.

    Raises ValueError: the knots are not strictly increasing.
    """
    r = splines.degree + 1
    t = splines.knots.unfold(0, r + 1, 1)  # (count, r + 1): the knots of each function
    if not bool((t.detach().diff(dim=1) > 0).all()):
        raise ValueError("the change of basis needs strictly increasing knots")
    gaps = t.unsqueeze(1) - t.unsqueeze(2)  # (i, m, k): t_k - t_m
    same = torch.eye(r + 1, dtype=torch.bool, device=t.device)
    return (t[:, -1:] - t[:, :1]) / gaps.masked_fill(same, 1.0).prod(-1)


def change_matrix(splines: Basis) -> torch.Tensor:
    """A, shape (spline, power)."""
    diagonals = bands(splines)
    n = splines.count
    out = diagonals.new_zeros((n, n + splines.degree + 1))
    for s in range(diagonals.shape[1]):
        out.diagonal(s)[:n] = diagonals[:, s]
    return out[:, :n]


def inverse_matrix(splines: Basis) -> torch.Tensor:
    """A^-1, shape (power, spline): upper triangular, no negative entry."""
    n, p, t = splines.count, splines.degree, splines.knots
    out = t.new_ones((n, n))
    for m in range(1, p + 1):
        out = out * (t[m : n + m] - t[:n].unsqueeze(1))
    return out.triu()


def to_powers(splines: Basis, u: torch.Tensor) -> torch.Tensor:
    """Power coefficients ``A^T u`` (..., count) of the spline coefficients u (..., count)."""
    diagonals, n = bands(splines), splines.count
    out = torch.zeros_like(u)
    for s in range(min(diagonals.shape[1], n)):
        out[..., s:] += diagonals[: n - s, s] * u[..., : n - s]
    return out


def to_splines(splines: Basis, w: torch.Tensor) -> torch.Tensor:
    """Spline coefficients ``A^-T w`` (..., count) of the power coefficients w (..., count), by substitution."""
    diagonals = bands(splines)
    columns: list[torch.Tensor] = []
    for j in range(splines.count):
        total = w[..., j]
        for s in range(1, min(diagonals.shape[1], j + 1)):
            total = total - diagonals[j - s, s] * columns[j - s]
        columns.append(total / diagonals[j, 0])
    return torch.stack(columns, -1)
