"""Counterexample-guided inductive synthesis: ordinary SyGuS problems, with Z3 as the correctness oracle."""
