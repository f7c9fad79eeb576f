"""What `make run` starts: a database, the service's processes, and a guard over both, for one machine."""
