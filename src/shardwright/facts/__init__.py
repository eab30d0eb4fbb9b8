"""Numbers about GPUs, nodes and models: TOML with value, unit, source and date, and its only reader."""
