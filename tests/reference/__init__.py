"""Independent reference solutions: nothing here imports pinnkan.

burgers.py          Burgers from a sine wave, by Cole-Hopf
periodic.py         Korteweg-de Vries and Kuramoto-Sivashinsky, by Fourier series and ETDRK4
allen_cahn.py       Allen-Cahn with the kink at the periodic seam, by spectral elements and ETDRK4
heat_long_time.py   PINNacle's Heat2d-LT, by sine series and ETDRK4
closed_form.py      everything with a formula
finite_elements.py  quartic finite elements (scikit-fem), error and time, for side-by-side ratios
adapted_elements.py the same for a layer: refined by their own indicator, or fitted to it by hand
moving_elements.py  the same for a front that moves, with Radau collocation in time
error.py            the relative L2 error, and grids that see a front
etdrk4.py           the time stepping shared by the marches
saved.py            a solution known at saved times, evaluated at any place
"""
