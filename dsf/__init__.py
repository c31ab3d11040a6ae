"""DSF: quantised neural networks on one reconfigurable engine."""
