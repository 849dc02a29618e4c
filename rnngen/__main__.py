"""``python -m rnngen``, and the ``rnngen`` script."""

import gc

gc.set_threshold(100_000)  # importing makes no garbage, and looking for it would take a tenth of the start

from rnngen.cli.app import main  # noqa: E402

if __name__ == "__main__":
    main()
