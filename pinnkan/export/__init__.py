"""What a user looks at: VTK files, pictures, the report."""
