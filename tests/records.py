"""Records of levels that tests of verdicts share."""

from dataclasses import replace

from pinnkan.verdict.records import Level

LEVEL = Level(
    number=0, intervals=(4,), degree=(8,), parameters=12, points=30, loss=1e-12, heldout=2e-12, estimate=1e-5,
    seconds=1.0, iterations=1,
)  # fmt: skip


def levels(*estimates, slabs=False, **changes):
    out = []
    for k, e in enumerate(estimates):
        time = (0.1 * k, 0.1 * (k + 1)) if slabs else None
        out.append(replace(LEVEL, number=k, estimate=e, seconds=2.0**k, time=time, **changes))
    return out
