"""``python -m rnngen``, and the ``rnngen`` script."""

import gc

gc.disable()  # importing makes no garbage, and looking for it takes a tenth of the start

from rnngen.cli.app import main  # noqa: E402

gc.enable()

if __name__ == "__main__":
    main()
