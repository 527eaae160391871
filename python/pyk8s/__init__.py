"""pyk8s: Kubernetes with a Rust engine and Python around it.

Importing the package imports nothing else: every room is imported where it is used.
"""

__version__ = "0.1.0"
