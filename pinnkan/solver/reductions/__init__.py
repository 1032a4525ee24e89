"""What is solved in place of the problem of a file: a list of reductions, each with its way there and back."""
