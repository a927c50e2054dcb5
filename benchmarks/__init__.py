"""Measurements: each script compares in one process and writes its table for the documentation."""
