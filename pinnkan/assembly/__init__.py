"""Least-squares rows: equations and conditions at points, never written out where they factorise."""
