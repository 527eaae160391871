"""Storage: the engine behind the API server, its keys, selectable fields, continue tokens and watches."""
