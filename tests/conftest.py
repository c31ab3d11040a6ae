"""pytest puts the directory of a `conftest.py` on the path: test modules import `networks` from here."""
