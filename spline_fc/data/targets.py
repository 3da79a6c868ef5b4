"""How the targets of a table are encoded, by task."""

from collections.abc import Sequence

from spline_fc.checks import check, check_one_of
from spline_fc.data.cells import Read
from spline_fc.data.encoding import TARGET, ColumnEncoding
from spline_fc.data.records import TASKS

MAX_LEVELS = 100  # above this a column of words is an identifier or free text, not a category


def target_columns(
    names: Sequence[str], reads: Sequence[Read], task: str | None
) -> tuple[dict[str, ColumnEncoding], str]:
    """Says how target columns are encoded, by task.

    Returns:
      {name: ColumnEncoding}, task.

    Raises:
      ValueError: unknown task, words where numbers are needed, several label columns, one level.
    """
    if task is not None:
        check_one_of("task", task, TASKS)
    pairs = list(zip(names, reads, strict=True))
    words = [n for n, read in pairs if read.format.kind == "category"]
    plain = {n: ColumnEncoding(n, TARGET, read.format) for n, read in pairs}
    if task == "regression" or (task is None and not words):
        check(not words, f"target {words[:1]} must hold numbers for regression; got words.")
        return plain, "regression"
    if task == "multiclass" and not words and len(names) > 1:
        return plain, task  # one-hot already
    check(len(names) == 1, f"target must be one column of labels; got {len(names)} columns.")
    levels = tuple(sorted(set(reads[0].values.tolist())))
    rows = len(reads[0].values)
    check(
        not words or rows < 10 or len(levels) < rows,
        f"target {names[0]!r} must hold numbers or labels; got {rows} words, each once.",
    )
    task = task or ("binary" if len(levels) == 2 else "multiclass")
    check(
        len(levels) == 2 if task == "binary" else 2 <= len(levels) <= MAX_LEVELS,
        f"y must have {'2' if task == 'binary' else f'2 to {MAX_LEVELS}'} levels for task "
        f"{task!r}; got {len(levels)}.",
    )
    return {names[0]: plain[names[0]]._replace(levels=levels)}, task
