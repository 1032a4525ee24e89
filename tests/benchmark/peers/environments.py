"""The peers and their environments: each is made once, under a folder outside of the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

HERE = Path(__file__).resolve().parent
#: Seconds for one call of pip.
PATIENCE = 1800.0


class NotInstalledError(Exception):
    """The reason, in a line."""


@dataclass(frozen=True)
class Peer:
    """`calls` are what pip is asked for, in order; a peer without any runs where the benchmark runs.

    `environment` is the name of its folder, which peers may share; `compiler` what it is built with and
    `variables` what the build is told.
    """

    title: str
    script: str
    environment: str = ""
    calls: tuple[str, ...] = ()
    compiler: str = ""
    variables: tuple[tuple[str, str], ...] = ()


PEERS: dict[str, Peer] = {
    "pinnkan": Peer("pinnkan", "by_pinnkan.py"),
    "spectral": Peer("Chebyshev / Fourier collocation", "by_spectral.py"),
    "scikit-fem": Peer("scikit-fem P4, even meshes", "by_scikit_fem.py", "scikit-fem", ("scikit-fem numpy scipy",)),
    "scikit-fem-adaptive": Peer(
        "scikit-fem P4, adaptive", "by_scikit_fem_adaptive.py", "scikit-fem", ("scikit-fem numpy scipy",)
    ),
    "bacoli": Peer(
        "BACOLI (bacoli_py)",
        "by_bacoli.py",
        "bacoli",
        ("setuptools<60 wheel numpy<1.24 scipy", "--no-build-isolation --no-deps bacoli_py"),
        "gfortran",
        (("FFLAGS", "-std=legacy -w -fPIC"), ("F77FLAGS", "-std=legacy -w")),  # its Fortran 77 is none to gfortran 12
    ),
    "py-pde": Peer("py-pde", "by_py_pde.py", "py-pde", ("py-pde",)),
    "deepxde": Peer("DeepXDE (torch)", "by_deepxde.py", "deepxde", ("deepxde torch",)),
    "pina": Peer("PINA", "by_pina.py", "pina", ("pina-mathlab torch",)),
    "jaxkan": Peer("jaxKAN", "by_jaxkan.py", "jaxkan", ("jaxkan",)),
}


def interpreter(peer: Peer, cache: Path) -> str:
    """The Python of a peer, its environment made where it is not there; `NotInstalledError` with the reason."""
    if not peer.environment:
        return sys.executable
    folder = cache / "environments" / peer.environment
    python, ready = folder / "bin" / "python", folder / "ready"
    if ready.is_file():
        return str(python)
    if peer.compiler and shutil.which(peer.compiler) is None:
        raise NotInstalledError(f"no {peer.compiler}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    _call([sys.executable, "-m", "venv", "--clear", str(folder)])
    for call in peer.calls:
        _call([str(python), "-m", "pip", "install", "--quiet", *call.split()], dict(peer.variables))
    ready.touch()
    return str(python)


def _call(command: list[str], variables: Mapping[str, str] = MappingProxyType({})) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=os.environ | variables)
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if "rror" in line]
        raise NotInstalledError(lines[-1][:160] if lines else f"exit {done.returncode}")
