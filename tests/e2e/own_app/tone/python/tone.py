"""What the agent's own layer brings."""

GREETING = "Hello"
