"""Networks and measurements that take too long for the tests: `python -m benchmarks.<name>`."""
