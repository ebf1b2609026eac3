"""How the model is reached: routes, keys, and the client that sends a request."""
