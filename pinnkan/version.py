"""The version of the program; read by the build as it stands here."""

__version__ = "0.1.0"
