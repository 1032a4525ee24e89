"""Points come in from tables as people write them; what is wrong is named with its line."""

from pathlib import Path

import numpy as np
import pytest
from closed_form import problem, solved

from pinnkan.errors import UsageError
from pinnkan.run.points import evaluate, parse_fields, read_points, write_values

FRONT = problem("front")


def points_of(tmp_path: Path, text: str) -> np.ndarray:
    (tmp_path / "p.csv").write_text(text)
    return read_points(tmp_path / "p.csv", FRONT)[0]


@pytest.mark.parametrize(
    "text",
    [
        "0.5,0.25\n-1,1\n",
        "x,t\n0.5,0.25\n-1,1\n",
        "t,x\n0.25,0.5\n1,-1\n",
        "# x t\n0.5 0.25\n\n-1 1\n",
        "x;t\r\n0.5;0.25\r\n-1;1\r\n",
        'id,t,"x"\n7,0.25,0.5\n8,1,-1\n',
        "\ufeffx,t\n0.5,0.25\n-1,1",
    ],
)
def test_tables_with_and_without_header_in_any_order_are_read(text: str, tmp_path: Path) -> None:
    np.testing.assert_array_equal(points_of(tmp_path, text), [[0.5, 0.25], [-1, 1]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no points"),
        ("0.5,0.2\n0.5\n", r":2: 1 columns instead of 2 \(x, t\)"),
        ("0.5,0.2\n0.5,a\n", ":2: 'a' is not a number"),
        ("x,y\n0.5,0.2\n", ":1: the header has no column 't'"),
        ("a,b\n0.5,0.2\n", ":1: 'a' is not a number"),
    ],
)
def test_what_is_no_table_of_points_is_named_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        points_of(tmp_path, text)


@pytest.mark.parametrize(
    ("row", "message"),
    [("0,1.5", r":3: t = 1.5 is not in \[0, 1\]"), ("nan,0", ":3: x = nan"), ("-inf,0", ":3: x = -inf")],
)
def test_points_outside_the_domain_are_named_with_their_line(row: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(f"x,t\n0,0\n{row}\n")
    with pytest.raises(UsageError, match=message):
        evaluate(solved("front"), tmp_path / "p.csv", None)


def test_a_missing_or_binary_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_points(tmp_path / "none.csv", FRONT)
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="UTF-8"):
        read_points(tmp_path / "b.csv", FRONT)


def test_fields_are_unknowns_and_their_derivatives() -> None:
    columns = parse_fields("u, u_x,u_xx,u_t,u_tx", FRONT)
    assert [c.order for c in columns] == [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1)]
    assert parse_fields(None, FRONT) == columns[:1]


@pytest.mark.parametrize("text", ["v", "u_", "u_z", "u_x_x", "", "u,,u_x", "u_xxxxx"])
def test_other_fields_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--fields"):
        parse_fields(text, FRONT)


def test_the_longest_unknown_wins() -> None:
    from dataclasses import replace

    two = replace(FRONT, unknowns=("u", "u_b"))
    assert parse_fields("u_b_x", two)[0].unknown == 1


def test_rounding_beyond_an_end_is_moved_onto_it(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("1.0000000000000002,0\n")
    names, values = evaluate(solved("front"), tmp_path / "p.csv", "u,u_t")
    assert names == ["x", "t", "u", "u_t"]
    assert values.shape == (1, 4)


def test_written_values_read_back_to_the_same_bits(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(20, 3)) * 10.0 ** np.arange(-8, 16, 8)
    write_values(tmp_path / "v.csv", ["x", "t", "u"], values)
    assert np.array_equal(np.loadtxt(tmp_path / "v.csv", delimiter=",", skiprows=1), values)
    with pytest.raises(UsageError, match="cannot be written"):
        write_values(tmp_path / "none" / "v.csv", ["x"], values)


def test_a_vector_stands_for_its_unknowns(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("0.25,0.5\n")
    names, values = evaluate(solved("flow"), tmp_path / "p.csv", "velocity,p_x")
    assert names == ["x", "y", "u", "v", "p_x"]
    assert values[0] == pytest.approx([0.25, 0.5, 0.0, -np.sqrt(0.5), 0.5], abs=1e-6)
    assert evaluate(solved("flow"), tmp_path / "p.csv", None)[0] == ["x", "y", "u", "v", "p"]


def test_ordinary_equations_are_evaluated_at_times(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("t\n0.2\n0.9\n")
    names, values = evaluate(solved("orbit"), tmp_path / "p.csv", "a,b_t")
    assert names == ["t", "a", "b_t"]
    assert values[:, 1:] == pytest.approx(np.cos(5 * values[:, :1]) * [[1, 5]], abs=1e-6)
