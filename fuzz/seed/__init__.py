"""Parts of `fuzz/seeds`."""
