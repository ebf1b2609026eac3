"""Where the launcher's child begins: puts the layer's code on the path and runs it.

Started as ``start.py HOLD_MS``, or ``start.py HOLD_MS restored`` after a snapshot's restore, with
a pipe as descriptor 3. Whatever goes wrong, one line says so, and who waits gets the word.
"""

import os
import sys

WORD = 3

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

try:
    from prefixwarm_extension.main import main

    kind = (*sys.argv[2:], os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE"))[0]
    main(os.environ, WORD, kind, int(sys.argv[1]))
except BaseException as error:  # noqa: BLE001 - the function comes first
    reason = type(error).__name__
    print('{"service":"prefixwarm","by":"init","outcome":"failed","reason":"%s"}' % reason)  # noqa: T201, UP031
    os.write(WORD, b"next\n")
