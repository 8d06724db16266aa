"""Arguments in, one flow, an exit code out; one file per group of verbs."""
