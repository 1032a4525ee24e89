"""Reductions over all rows to a few numbers: each process of a job can contribute its own part."""

from collections.abc import Iterator, Sequence

import torch


class RowReductions:
    """Norms and products of J applied to ``values`` (coefficient, .., unknown, 1), some intervals at a time."""

    def image_parts(self, values: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor]]:
        """Iterate over J v in consecutive ranges of intervals of the first coordinate."""
        raise NotImplementedError

    def residual_part(self, part: slice) -> torch.Tensor:
        """The residual in the intervals ``part`` of the first coordinate."""
        raise NotImplementedError

    def image_norm_squared(self, values: torch.Tensor) -> float:
        """The squared norm |J v|^2."""
        return sum(float(image.square().sum()) for _, image in self.image_parts(values))

    def residual_product(self, values: torch.Tensor, step: torch.Tensor) -> float:
        """The inner product of r + J ``step``, r the first residual, with J v."""
        total = 0.0
        for (part, image), (_, moved) in zip(self.image_parts(values), self.image_parts(step), strict=True):
            total += float(((self.residual_part(part)[..., :1] + moved) * image).sum())
        return total

    def project_image(self, values: torch.Tensor, bases: Sequence[torch.Tensor]) -> tuple[float, torch.Tensor]:
        """|J v|^2, and products of J v with all products of ``bases`` (point, function), one for each coordinate."""
        square, done = 0.0, 0
        total = values.new_zeros([basis.shape[1] for basis in bases])
        for _, image in self.image_parts(values):
            square += float(image.square().sum())
            shape = image.shape
            found = image.reshape([shape[i] * shape[i + 1] for i in range(0, len(shape) - 1, 2)])
            there, done = bases[0][done : done + len(found)], done + len(found)
            live = there.any(0)  # few splines are nonzero in some intervals
            for i, basis in enumerate([there[:, live], *bases[1:]]):
                found = torch.tensordot(basis, found, dims=([0], [i])).movedim(0, i)
            total[live] += found
        return square, total
