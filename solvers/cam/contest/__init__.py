"""A comparison of learners: the same tasks, seeds and budget for all, trial by trial, under a hashed protocol."""
