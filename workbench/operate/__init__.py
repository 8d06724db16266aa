"""How production runs: what is due, one run of one version, and what to say about it."""
