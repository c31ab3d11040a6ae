"""Bit-exact interpreters, one file for each dialect."""
