"""Use cases, one file each: the only place where engine, target, runner and store meet."""
