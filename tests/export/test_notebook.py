"""What other libraries and notebooks get of a solution."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import pyvista
from closed_form import solved
from matplotlib.figure import Figure

from pinnkan.errors import UsageError


def test_a_representation_is_one_line_with_the_verdict() -> None:
    assert repr(solved("plane")).startswith("<Solution of plane: converged, error ")
    assert "NOT CONVERGED (" in repr(solved("plane", converged=False))
    assert "\n" not in repr(solved("pool"))


def test_a_notebook_shows_the_verdict_and_the_picture() -> None:
    text = solved("line")._repr_html_()
    assert "Converged: " in text
    assert 'src="data:image/png;base64,' in text
    figure = solved("front").plot()
    assert isinstance(figure, Figure)
    assert len(figure.axes) >= 4


def test_pyvista_gets_the_grid_of_the_files_at_any_time() -> None:
    solution = solved("pool")
    grid = solution.to_pyvista(resolution=12, time=0.25)
    assert isinstance(grid, pyvista.UnstructuredGrid)
    points = np.column_stack([grid.points[:, :2], np.full(grid.n_points, 0.25)])
    np.testing.assert_allclose(grid["u"], solution(points)["u"], atol=1e-14)
    assert not np.allclose(solution.to_pyvista(resolution=12)["u"], grid["u"])
    with pytest.raises(UsageError, match=r"t = 2 is not in \[0, 1\]"):
        solution.to_pyvista(time=2.0)
    with pytest.raises(UsageError, match="no frames"):
        solved("plane").to_pyvista(time=0.5)


def test_xarray_gets_named_coordinates() -> None:
    pytest.importorskip("xarray")
    data = solved("front").to_xarray(resolution=21)
    assert dict(data.sizes)["t"] == 51
    t, x = 0.5, float(data.x[3])
    assert float(data.u.sel(t=t)[3]) == pytest.approx(solved("front")([[x, t]])["u"][0], abs=1e-14)
    assert data.attrs["converged"] == 1


@pytest.mark.parametrize(("method", "package"), [("to_xarray", "xarray"), ("to_pyvista", "pyvista")])
def test_a_library_that_is_not_there_is_named(method: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=f"pip install {package}"):
        getattr(solved("line"), method)()


def test_derivatives_are_asked_for_by_name() -> None:
    solution = solved("line")
    x = np.linspace(-0.9, 0.9, 7)[:, None]
    step = 1e-6
    slope = (solution(x + step)["u"] - solution(x - step)["u"]) / (2 * step)
    np.testing.assert_allclose(solution.derivative("u_x", x), slope, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(solution.derivative("u", x), solution(x)["u"])
