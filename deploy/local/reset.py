"""`make reset`: end what is left running and forget all local data. What was fetched stays."""

import sys

from deploy.local import engines, run, stack


def main() -> int:
    try:
        with run.the_only_run(engines.LOCAL):
            stack.forget(engines.LOCAL)
    except run.AlreadyRunning as refusal:
        print(refusal, file=sys.stderr)
        return 1
    print("All local data is gone; the next `make run` begins anew.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
