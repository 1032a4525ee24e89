"""What hides in the formulas of a problem: narrow features, planes at which they jump or bend."""
