"""Where the launcher's child begins: puts the layer's code on the path and runs it.

Whatever goes wrong, one line says so, and the launcher gets its word when this process ends.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

try:
    from prefixwarm_extension.main import main

    main(os.environ, word=3)
except BaseException as error:  # noqa: BLE001 - the function comes first
    reason = type(error).__name__
    print('{"service":"prefixwarm","by":"init","outcome":"failed","reason":"%s"}' % reason)  # noqa: T201, UP031
