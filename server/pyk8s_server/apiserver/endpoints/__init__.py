"""Endpoints: negotiation, one file per verb, subresources, health, version, metrics."""
