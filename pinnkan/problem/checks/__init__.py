"""What is checked of a problem before anything is solved."""
