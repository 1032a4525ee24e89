"""A run on disk: the solution with its verdict, its folder and its progress."""
