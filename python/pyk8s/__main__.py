"""`python -m pyk8s`: the `pyk8s` command."""

from __future__ import annotations

from pyk8s.cli.main import main

main()
