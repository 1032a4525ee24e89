"""Units in which the unknowns and equations of a system have size one."""
