"""Run the tutorial's notebook from top to bottom, and write down what it showed.

    python -m scripts.tutorial [--notebook PATH] [--output PATH]

Cells run in an empty folder. What is left in the notebook is code, text and outputs: no times, no state of editors.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

__all__ = ["NOTEBOOK", "cleaned", "executed", "main"]

NOTEBOOK = Path(__file__).resolve().parent.parent / "examples" / "OpenEnv_Tutorial.ipynb"

_CELL_TIMEOUT_S = 180
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# A backend of the caller's choice would leave the plots out.
_PLOTS = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}


def executed(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Run every cell of a notebook in a kernel of its own, and return it with what they showed.

    Args:
        notebook: The notebook; it is changed.

    Raises:
        CellExecutionError: A cell raised.
    """
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=_CELL_TIMEOUT_S,
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": folder}},
            # It warns of every kernel that is reached over loopback.
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
        )
        client.execute(env={**os.environ, **_PLOTS})
    return cleaned(notebook)


def cleaned(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Take out of a notebook what belongs to one run or one editor, and return it."""
    notebook.metadata = nbformat.NotebookNode(_METADATA)
    for number, cell in enumerate(notebook.cells, start=1):
        cell.id = f"cell-{number:02}"
        cell.metadata = nbformat.NotebookNode()
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
    return notebook


def _joined(outputs: list[Any]) -> list[Any]:
    """Join what was printed piece by piece, which depends on when it was."""
    joined: list[Any] = []
    for output in outputs:
        last = joined[-1] if joined else None
        is_stream = output.output_type == "stream"
        if is_stream and last is not None and last.output_type == "stream" and last.name == output.name:
            last.text += output.text
        else:
            joined.append(output)
    return joined


def main() -> int:
    """Run the notebook, write it where the command line says, and return an exit status."""
    parser = argparse.ArgumentParser(description="Run the tutorial's notebook, and write down what it showed.")
    parser.add_argument("--notebook", type=Path, default=NOTEBOOK, help="the notebook; by default the tutorial's")
    parser.add_argument("--output", type=Path, help="where to write it; by default in its place")
    told = parser.parse_args()
    notebook = nbformat.read(told.notebook, as_version=4)
    try:
        notebook = executed(notebook)
    except CellExecutionError as error:
        print(error, file=sys.stderr)
        return 1
    nbformat.write(notebook, told.output or told.notebook)
    return 0


if __name__ == "__main__":
    sys.exit(main())
