"""What a wheel and a source archive hold is said in three files, and they agree with the tree."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatch
from pathlib import Path

import yaml

from pinnkan.version import __version__

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_file_of_the_package_is_installed() -> None:
    told = PROJECT["tool"]["setuptools"]
    folders = {
        **{name: ROOT / name.replace(".", "/") for name in told["packages"]},
        "pinnkan.problems": ROOT / "problems",
    }
    left_out = []
    for path in [*(ROOT / "pinnkan").rglob("*"), *(ROOT / "problems").glob("*")]:
        if path.is_file() and "__pycache__" not in path.parts:
            name = next((n for n, folder in folders.items() if folder == path.parent), "")
            patterns = ["*.py"] * bool(name) + told["package-data"].get(name, [])
            left_out += [path] * (not any(fnmatch(path.name, pattern) for pattern in patterns))
    assert left_out == []


def test_the_source_archive_holds_every_folder_that_people_read() -> None:
    lines = (ROOT / "MANIFEST.in").read_text(encoding="utf-8").splitlines()
    named = {word for line in lines for word in line.split()[1:]}
    unpacked = {"pinnkan", "README.md", "pyproject.toml", "MANIFEST.in"}  # these go in by themselves
    ignored = {".git", ".gitignore", *(ROOT / ".gitignore").read_text(encoding="utf-8").replace("/", "").split()}
    found = {path.name for path in ROOT.iterdir()} - ignored
    assert {name for name in found - named - unpacked if not name.endswith(".egg-info")} == set()


def test_the_citation_names_this_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert str(cited["version"]) == __version__
    assert cited["abstract"].rstrip(".") == PROJECT["project"]["description"]
