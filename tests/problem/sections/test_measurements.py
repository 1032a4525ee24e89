"""The section ``data``: files, columns, places, expressions, noise; every fault has its line."""

from pathlib import Path

import numpy as np
import pytest

from pinnkan.errors import ProblemError
from pinnkan.problem.registry import parse_problem
from pinnkan.problem.statement import Measurement

HEAD = """
name: bar
domain: {x: [0, 2], t: [0, 1]}
unknowns: [u, v]
estimate: {k: 1}
equations: [u_t = k*u_xx + v, v_t = v_xx]
conditions:
  - {where: initial, equation: u = 0}
  - {where: initial, equation: v = 1}
  - {where: boundary, equation: u = 0}
  - {where: boundary, equation: dn(v) = 0}
data:
  sensors: """
CSV = "# by hand\nx,t,u,v,dev,note\n0.5,0.25,1,2,0.1,a\n1.5,0.5,,3,0.2,b\n1,1,-4,nan,0.3,c\n"


def read(folder: Path, entry: str, csv: str = CSV) -> tuple[Measurement, ...]:
    (folder / "s.csv").write_text(csv, encoding="utf-8")
    path = folder / "bar.yaml"
    path.write_text(HEAD + entry + "\n", encoding="utf-8")
    return parse_problem(path.read_text(encoding="utf-8"), str(path)).measurements


def test_each_unknown_with_a_column_is_measured_where_there_is_a_value(tmp_path: Path) -> None:
    u, v = read(tmp_path, "{file: s.csv}")
    assert (u.name, v.name) == ("sensors.u", "sensors.v")
    np.testing.assert_array_equal(u.points, [[0.5, 0.25], [1.0, 1.0]])
    np.testing.assert_array_equal(u.values, [1.0, -4.0])
    np.testing.assert_array_equal(v.values, [2.0, 3.0])
    assert u.noise is None
    assert next(iter(u.equation.jets.values())).unknown == 0


def test_columns_of_other_names_and_coordinates_that_all_share(tmp_path: Path) -> None:
    (m,) = read(tmp_path, "{file: s.csv, columns: {t: when, u: temp}, at: {x: 1/2}}", "when,temp\n0.5,7\n")
    np.testing.assert_array_equal(m.points, [[0.5, 0.5]])
    np.testing.assert_array_equal(m.values, [7.0])


def test_an_expression_of_the_solution_equals_one_of_columns(tmp_path: Path) -> None:
    (m,) = read(tmp_path, "{file: s.csv, equation: u_x + k*v = 2*u - dev}")
    np.testing.assert_allclose(m.values, [1.9, -8.3])
    assert {j.order for j in m.equation.jets.values()} == {(0, 0), (1, 0)}


@pytest.mark.parametrize(
    ("noise", "expected"),
    [("0.5", [0.5, 0.5]), ("{relative: 0.1}", [0.1, 0.4]), ("{column: dev}", [0.1, 0.3])],
)
def test_noise_is_a_number_a_share_or_a_column(tmp_path: Path, noise: str, expected: list[float]) -> None:
    u, _ = read(tmp_path, f"{{file: s.csv, noise: {noise}}}")
    assert u.noise is not None
    np.testing.assert_allclose(u.noise, expected)


@pytest.mark.parametrize(
    ("entry", "csv", "fault"),
    [
        ("{file: other.csv}", CSV, "'.*other.csv' cannot be read: No such file"),
        ("{file: s.csv}", CSV.replace("1,1,-4", "1,3,-4"), "s.csv:5: measured outside of the domain: t = 3"),
        ("{file: s.csv}", CSV.replace("1,2,0.1", "one,2,0.1"), "s.csv:3: 'one' is no number"),
        ("{file: s.csv}", "x,t,w\n1,1,1\n", "no column holds an unknown"),
        ("{file: s.csv}", "x,u\n1,1\n", "s.csv has no column for t"),
        ("{file: s.csv}", "x,t,u\n1,1\n", "s.csv:2: 2 values for 3 columns"),
        ("{file: s.csv}", "1,1,1\n1,1,1\n", "the names of the columns are missing"),
        ("{file: s.csv}", "x,t,u\n", "holds no values"),
        ("{file: s.csv}", "x,t,u\n1,1,\n", "holds no value of 'u'"),
        ("{file: s.csv, columns: {u: temp}}", CSV, "s.csv has no column 'temp'"),
        ("{file: s.csv, columns: {w: u}}", CSV, "'w' is no coordinate and no unknown"),
        ("{file: s.csv, at: {y: 1}}", CSV, "'y' is no coordinate of this domain"),
        ("{file: s.csv, noise: {column: sd}}", CSV, "s.csv has no column 'sd'"),
        ("{file: s.csv, noise: 0}", CSV, "is not positive"),
        ("{file: s.csv, noise: {relative: 0.1}}", CSV.replace("-4", "0"), "s.csv:5: the noise of a value"),
        ("{file: s.csv, equation: u_x}", CSV, "expression of the solution = expression of columns"),
        ("{file: s.csv, equation: x = u}", CSV, "no unknown stands on its left"),
        ("{file: s.csv, equation: u = flux}", CSV, "unknown name 'flux' in a measured value"),
        ("{columns: {u: v}}", CSV, "lacks the key 'file'"),
        ("s.csv", CSV, "does not say where its values are"),
    ],
)
def test_a_fault_is_told_with_its_place(tmp_path: Path, entry: str, csv: str, fault: str) -> None:
    with pytest.raises(ProblemError, match=fault) as caught:
        read(tmp_path, entry, csv)
    assert all(f.line == 13 for f in caught.value.faults)


def test_a_word_in_a_column_that_is_not_used_does_no_harm(tmp_path: Path) -> None:
    assert len(read(tmp_path, "{file: s.csv}")) == 2
    with pytest.raises(ProblemError, match=r"s\.csv:3: 'a' is no number"):
        read(tmp_path, "{file: s.csv, equation: u = note}")
