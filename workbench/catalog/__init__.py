"""What production promises: contracts, versions on disk, and the operations that move readers."""
