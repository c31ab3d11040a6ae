"""
pytest puts the directory of a `conftest.py` on the path: test modules import `networks` from here. Workers beside each other
compute with one thread each, which has to be said before numpy and torch are loaded.
"""

import os

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
