"""Groups on this machine: engine environments, emulated hosts, the supervisor and its state."""
