"""What is asked of rows at all of their points and answered by a few numbers: each process can answer for its own."""

from collections.abc import Iterator, Sequence

import torch


class Looks:
    """Sums over what rows make of a function, ``values`` (coefficient, .., unknown, 1), some intervals at a time."""

    def images(self, values: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor]]:
        """J d in some intervals of the first coordinate after the other."""
        raise NotImplementedError

    def residual_in(self, part: slice) -> torch.Tensor:
        """The residual in some intervals of the first coordinate."""
        raise NotImplementedError

    def square_of(self, values: torch.Tensor) -> float:
        """|J v|^2."""
        return sum(float(image.square().sum()) for _, image in self.images(values))

    def left_with(self, values: torch.Tensor, step: torch.Tensor) -> float:
        """The product of what a step leaves of the first residual with J v."""
        total = 0.0
        for (part, image), (_, moved) in zip(self.images(values), self.images(step), strict=True):
            total += float(((self.residual_in(part)[..., :1] + moved) * image).sum())
        return total

    def among(self, values: torch.Tensor, bases: Sequence[torch.Tensor]) -> tuple[float, torch.Tensor]:
        """|J v|^2, and J v in the products of ``bases`` (point, function), one for each coordinate."""
        square, done = 0.0, 0
        total = values.new_zeros([basis.shape[1] for basis in bases])
        for _, image in self.images(values):
            square += float(image.square().sum())
            shape = image.shape
            found = image.reshape([shape[i] * shape[i + 1] for i in range(0, len(shape) - 1, 2)])
            there, done = bases[0][done : done + len(found)], done + len(found)
            live = there.any(0)  # of splines few live in some intervals
            for i, basis in enumerate([there[:, live], *bases[1:]]):
                found = torch.tensordot(basis, found, dims=([0], [i])).movedim(0, i)
            total[live] += found
        return square, total
