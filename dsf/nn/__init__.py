"""Quantisation-aware layers on PyTorch, and the bundles built from them."""
