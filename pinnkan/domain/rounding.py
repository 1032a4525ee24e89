"""The rounding of numbers."""

import numpy as np

#: The distance from one to the next larger number of float64, twice the largest relative error of one operation.
EPS = float(np.finfo(np.float64).eps)
