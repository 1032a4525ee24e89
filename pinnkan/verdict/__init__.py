"""The verdict on a run with its reason and its remedy, from the records of the run."""
