"""Options of commands are read as they are meant."""

from __future__ import annotations

from pinnkan.parser import build_parser


def parsed(*arguments: str) -> dict[str, object]:
    return vars(build_parser().parse_args(arguments))


def test_solve_eval_and_export_parse_their_options() -> None:
    numbers = ["--tolerance", "1e-6", "--max-time", "5", "--seed", "3"]
    solve = parsed("solve", "burgers", "--out", "o", *numbers, "--device", "cuda", "--json", "-q", "-v")
    wanted = {"file": "burgers", "out": "o", "tolerance": 1e-6, "max_time": 5.0, "seed": 3, "device": "cuda"}
    wanted |= {"json": True, "quiet": True, "verbose": True}
    assert {k: solve[k] for k in wanted} == wanted
    bare = parsed("solve", "burgers")
    assert all(bare[k] is None for k in ("out", "tolerance", "max_time", "device", "seed"))
    assert not any(bare[k] for k in ("json", "quiet", "verbose"))
    found = parsed("eval", "run", "--points", "p.csv", "--out", "v.csv", "--fields", "u,u_x")
    assert (found["run"], found["points"], found["out"], found["fields"]) == ("run", "p.csv", "v.csv", "u,u_x")
    export = parsed("export", "run", "--resolution", "200", "--times", "5")
    assert (export["run"], export["out"], export["resolution"], export["times"]) == ("run", None, 200, 5)
