"""Archives of a year, made in lots."""
