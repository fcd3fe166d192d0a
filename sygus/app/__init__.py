"""What people touch: the command line, the Python interface, explainers; the only room above the solvers."""
