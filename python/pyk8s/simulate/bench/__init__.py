"""Measuring the scheduler: workloads in scheduler_perf's format, and replays of recorded decisions."""
