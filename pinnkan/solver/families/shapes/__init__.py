"""Product networks on the box of a shape, immersed: rows inside the shape and on its boundary alone."""
