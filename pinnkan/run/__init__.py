"""A run on disk: its folder, checkpoint, records and manifest, and the commands that make and read them."""
