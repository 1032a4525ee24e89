"""Axes that tests of splines share."""

import numpy as np

from pinnkan.kan.axis import Axis

UNEVEN = np.array([0.0, 0.15, 0.5, 0.6, 1.0])


def random(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def axis(periodic=False, degree=5, breaks=UNEVEN):
    return Axis(breaks, degree, periodic)


def refined(coarse):
    return coarse.refined(np.arange(coarse.intervals) % 2 == 0).halved()


def scaled_difference(a, b):
    return float(np.abs(a - b).max() / np.abs(b).max())
