"""How work becomes production: notebook, slice, module, equality, trial, diff, gates, publish."""
