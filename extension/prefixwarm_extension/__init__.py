"""The extension: runs in the init phase, with the standard library and the warming packages."""
