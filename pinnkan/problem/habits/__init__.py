"""What other programs and paper call things that have a name of their own here: hints, never meanings."""
