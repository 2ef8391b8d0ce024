"""Particles of all packages beside each other: paths, first passages, mini-batches."""
