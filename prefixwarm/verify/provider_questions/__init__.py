"""Asks the model provider what its documentation leaves open, one question for each switch."""
