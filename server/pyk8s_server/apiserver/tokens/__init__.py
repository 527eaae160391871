"""Service-account tokens: signing, verifying, and what they say.

Always true: a token is believed only after its signature, its times, its audience, its account and its bound object.
Not here: how tokens are asked for (see `endpoints`), bearer tokens of a file (see `filters.authentication`).
"""
