"""The command line of the child: `python -m tidegate.storage.engine --data-dir DIR (--port N | --listen-fd N)`."""

import argparse
import logging
import os
from pathlib import Path

from tidegate.storage.engine.claims import EngineKeys

SECRET_VARIABLE = "TIDEGATE_ENGINE_SECRET"  # noqa: S105 - the name of the variable, not what is in it
DEFAULT_MEMORY_BYTES = 350 * 1024 * 1024  # private 81 MB at rest; caps are overshot by about 40 %


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tidegate.storage.engine", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True, help="the folder that this process owns")
    parser.add_argument("--memory-bytes", type=int, default=DEFAULT_MEMORY_BYTES, help="cap of the whole engine")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--listen-fd", type=int, help="an inherited socket that listens already")
    where.add_argument("--port", type=int, help="a port on 127.0.0.1; 0 chooses one")
    parser.add_argument("--port-file", type=Path, help="where the port is written once the engine answers")
    arguments = parser.parse_args()
    secret = os.environ.pop(SECRET_VARIABLE, "")
    try:
        keys = EngineKeys.derive(secret)
    except ValueError as error:
        parser.error(f"{SECRET_VARIABLE}: {error}")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")

    from tidegate.storage.engine.process import EngineOptions, run_engine

    run_engine(
        EngineOptions(
            data_dir=arguments.data_dir.resolve(),
            keys=keys,
            memory_bytes=arguments.memory_bytes,
            listen_fd=arguments.listen_fd,
            port=arguments.port or 0,
            port_file=arguments.port_file,
        )
    )


if __name__ == "__main__":
    main()
