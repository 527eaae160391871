"""Measuring the scheduler: workloads in scheduler_perf's format, read unmodified, and replays of recorded decisions.

Always true: a wrong file is told with the path of each wrong field before anything starts.
Not here: the scheduler itself (`pyk8s.core` decides; over HTTP an ordinary client does), the commands (`pyk8s.cli`).
"""
