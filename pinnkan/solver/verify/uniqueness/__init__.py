"""Whether a solution is the only one: where others go on, depart, or would do as well."""
