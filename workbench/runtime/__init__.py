"""Runs and reads what production holds: the warehouse, checks of tables, and the execution of notebooks."""
