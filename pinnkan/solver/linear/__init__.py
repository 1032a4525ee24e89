"""Who solves J d = -r for the rows of a least-squares problem."""
