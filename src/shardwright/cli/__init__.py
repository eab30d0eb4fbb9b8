"""The commands, one file each: they format what the services return and decide nothing."""
