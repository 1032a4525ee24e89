"""The experiments of arXiv:2603.04827: what it claims, computed with the library's own parts, beside what it prints."""
