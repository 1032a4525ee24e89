"""One block in coordinates turned or warped along a front."""
