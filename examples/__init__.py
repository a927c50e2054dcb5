"""Recipes that are assembled from the public parts of stgan."""
