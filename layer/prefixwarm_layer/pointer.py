"""The layer's `prefixwarm`: `prefixwarm.observe`, from a folder of its own.

A `prefixwarm` that the function brings stands before this one on the path, and one that another
layer brings does too, because a folder goes before a file. Either is then used whole.
"""

__path__ = ["/opt/prefixwarm/python/prefixwarm"]

with open(__path__[0] + "/__init__.py", "rb") as _file:
    exec(compile(_file.read(), _file.name, "exec"))  # noqa: S102
