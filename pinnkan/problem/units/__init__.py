"""Units in which unknowns and equations of a system are of size one."""
