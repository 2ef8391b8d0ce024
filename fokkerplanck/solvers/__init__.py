"""Solvers of Markov chains on cells: sparse arrays in, arrays out."""
