"""Values and decisions. Nothing here opens a file, reads a clock, draws a random number or knows a plug-in's name."""
