"""What a solution looks like outside: VTK files, pictures and a report."""
