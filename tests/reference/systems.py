"""Closed forms of shipped systems: name of an unknown -> values (point,)."""

from __future__ import annotations

import numpy as np

from .saved import Array

Values = dict[str, Array]


def kovasznay(x: Array, y: Array, reynolds: float = 40.0) -> Values:
    """Kovasznay (1948), with the pressure zero far to the right taken as (1 - exp(2 k x))/2."""
    k = reynolds / 2 - np.hypot(reynolds / 2, 2 * np.pi)
    decay, angle = np.exp(k * x), 2 * np.pi * y
    u, v = 1 - decay * np.cos(angle), k / (2 * np.pi) * decay * np.sin(angle)
    return {"u": u, "v": v, "p": (1 - decay**2) / 2}


def taylor_green(x: Array, y: Array, t: Array, reynolds: float = 100.0) -> Values:
    """Taylor (1923), with the mean of the pressure zero."""
    decay = np.exp(-2 * t / reynolds)
    u, v = np.cos(x) * np.sin(y) * decay, -np.sin(x) * np.cos(y) * decay
    return {"u": u, "v": v, "p": -(np.cos(2 * x) + np.cos(2 * y)) * decay**2 / 4}


def beltrami(x: Array, y: Array, z: Array, t: Array, a: float = np.pi / 4, d: float = np.pi / 2) -> Values:
    """Ethier and Steinman (1994), with the mean of the pressure over the cube zero."""
    places, weights = np.polynomial.legendre.leggauss(12)
    inside = np.stack(np.meshgrid(*[places] * 3, indexing="ij"))
    mean = np.einsum("xyz,x,y,z", _beltrami_pressure(*inside, a, d), *[0.5 * weights] * 3)
    decay = -a * np.exp(-(d**2) * t)
    return {
        "u": decay * (np.exp(a * x) * np.sin(a * y + d * z) + np.exp(a * z) * np.cos(a * x + d * y)),
        "v": decay * (np.exp(a * y) * np.sin(a * z + d * x) + np.exp(a * x) * np.cos(a * y + d * z)),
        "w": decay * (np.exp(a * z) * np.sin(a * x + d * y) + np.exp(a * y) * np.cos(a * z + d * x)),
        "p": (_beltrami_pressure(x, y, z, a, d) - mean) * np.exp(-2 * d**2 * t),
    }


def _beltrami_pressure(x: Array, y: Array, z: Array, a: float, d: float) -> Array:
    """At the first time, but for a constant."""
    corners = np.exp(2 * a * x) + np.exp(2 * a * y) + np.exp(2 * a * z)
    one = np.sin(a * x + d * y) * np.cos(a * z + d * x) * np.exp(a * (y + z))
    two = np.sin(a * y + d * z) * np.cos(a * x + d * y) * np.exp(a * (z + x))
    three = np.sin(a * z + d * x) * np.cos(a * y + d * z) * np.exp(a * (x + y))
    return np.asarray(-(a**2) / 2 * (corners + 2 * (one + two + three)))


def stokes(x: Array, y: Array) -> Values:
    """The flow with stream function sin(pi x)^2 sin(pi y)^2 / pi."""
    sx, sy = np.sin(np.pi * x), np.sin(np.pi * y)
    cx, cy = np.cos(np.pi * x), np.cos(np.pi * y)
    return {"u": 2 * sx**2 * sy * cy, "v": -2 * sx * cx * sy**2, "p": cx * cy}


def elasticity(x: Array, y: Array) -> Values:
    """The displacements that were chosen."""
    return {"u": np.sin(np.pi * x) * np.sin(np.pi * y), "v": x * (1 - x) * y * (1 - y) * np.exp(x)}


def acoustics(x: Array, t: Array) -> Values:
    """The first mode of a closed pipe."""
    return {
        "p": np.cos(np.pi * x) * np.cos(np.pi * t),
        "v": np.sin(np.pi * x) * np.sin(np.pi * t),
    }


def maxwell(x: Array, t: Array) -> Values:
    """The second mode between conductors 0.3 m apart; c is 1/sqrt(epsilon mu)."""
    epsilon, mu, k = 8.8541878128e-12, 4e-7 * np.pi, 2 * np.pi / 0.3
    angle = k * t / np.sqrt(epsilon * mu)
    return {"e": np.sin(k * x) * np.cos(angle), "h": np.sqrt(epsilon / mu) * np.cos(k * x) * np.sin(angle)}


def maxwell_cavity(x: Array, y: Array, t: Array) -> Values:
    """The mode of one half wave by two halves in a unit square, c = 1."""
    k, m = np.pi, 2 * np.pi
    w = np.hypot(k, m)
    return {
        "e": np.sin(k * x) * np.sin(m * y) * np.cos(w * t),
        "a": -m / w * np.sin(k * x) * np.cos(m * y) * np.sin(w * t),
        "b": k / w * np.cos(k * x) * np.sin(m * y) * np.sin(w * t),
    }


def cantilever(x: Array, y: Array) -> Values:
    """Timoshenko and Goodier (1951), section 21, integrated from the stresses; length 4, nu = 0.3, all else 1."""
    length, depth, nu = 4.0, 1.0, 0.3
    stiffness = depth**3 / 12  # E I over P
    u = (length * x - x**2 / 2) * y / stiffness + (2 + nu) / 6 * y**3 / stiffness
    v = -nu / 2 * (length - x) * y**2 / stiffness - (length * x**2 / 2 - x**3 / 6) / stiffness
    # a rigid motion so that u(0, +-D/2) = 0 and v(0, 0) = 0; the rest of the shear is a slope along x
    turn = (2 + nu) / 24 * depth**2 / stiffness
    shear = (1 + nu) / 4 * depth**2 / stiffness
    return {"u": u - turn * y, "v": v - (shear - turn) * x}


def kirsch(x: Array, y: Array, radius: float = 0.25, nu: float = 0.3) -> Values:
    """Kirsch (1898) by complex potentials (Muskhelishvili 1953, section 56a), plane strain, shear modulus 1."""
    z, a2 = x + 1j * y, radius**2
    first = (z + 2 * a2 / z) / 4
    slope = (1 - 2 * a2 / z**2) / 4
    second = -(z + a2 / z - a2**2 / z**3) / 2
    moved = ((3 - 4 * nu) * first - z * np.conj(slope) - np.conj(second)) / 2
    return {"u": moved.real, "v": moved.imag}


def soliton(x: Array, t: Array) -> Values:
    """Amplitude and speed 1."""
    psi = np.exp(1j * x) / np.cosh(x - t)
    return {"u": psi.real, "v": psi.imag}


def two_bound_solitons(x: Array, t: Array) -> Values:
    """Satsuma and Yajima (1974), from 2 sech(x)."""
    above = 4 * np.exp(0.5j * t) * (np.cosh(3 * x) + 3 * np.exp(4j * t) * np.cosh(x))
    psi = above / (np.cosh(4 * x) + 4 * np.cosh(2 * x) + 3 * np.cos(4 * t))
    return {"u": psi.real, "v": psi.imag}


def coherent_state(x: Array, t: Array) -> Values:
    """A Gauss packet that starts at rest at x = 2 in the well x^2/2: exp(-(x - z)^2 / 2) with a phase, z = 2 cos(t)."""
    exponent = -(x**2) / 2 + 2 * x * np.exp(-1j * t) - 1 - np.exp(-2j * t) - 0.5j * t
    psi = np.exp(exponent)
    return {"u": psi.real, "v": psi.imag}
