"""`python -m tidegate` and the `tidegate` command."""

import sys

_USAGE_ERROR = 2


def main() -> None:
    """Run the command line."""
    from tidegate.app.cli import cli

    try:
        cli()
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("tidegate"):
            raise
        # The CLI alone talks to servers; verbs of the operator need the engines' packages.
        sys.stderr.write(f"Error: this verb needs the server ({error.name} is missing): install tidegate[server].\n")
        sys.exit(_USAGE_ERROR)


if __name__ == "__main__":
    main()
