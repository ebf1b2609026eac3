"""The layer's `prefixwarm` for agents, loaded from a separate folder.

If the function or another layer has a `prefixwarm`, it comes before this one (a folder precedes a
file) and is used completely.
"""

__path__ = ["/opt/prefixwarm/python/prefixwarm"]

with open(__path__[0] + "/__init__.py", "rb") as _file:
    exec(compile(_file.read(), _file.name, "exec"))  # noqa: S102
