"""The kinds of runs: how each is staged, compared and applied. A new kind is a line here."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from shared.engine.applying import apply, remember
from shared.engine.at_once import Step, export_at_once, is_brief
from shared.engine.comparing import compare
from shared.engine.context import Engine
from shared.engine.exporting import conclude, list_slice
from shared.engine.staging import as_listed, as_mapped, stage
from shared.engine.undoing import as_written, compare_undo, forget_sent
from shared.model.run import Run
from shared.store.slices import Slice

OfSlice = Callable[[Engine, Run, Slice], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Kind:
    """`stage` takes the fence of the run's lease; `compare` and `apply` say False where that of the slice was lost."""

    stage: Step
    compare: OfSlice
    apply: OfSlice


TRANSFER = Kind(partial(stage, reading=as_mapped), compare, partial(apply, remember=remember))
AT_ONCE = Kind(export_at_once, TRANSFER.compare, TRANSFER.apply)
FILES = Kind(partial(stage, reading=as_listed), list_slice, conclude)
UNDO = Kind(partial(stage, reading=as_written), compare_undo, partial(apply, remember=forget_sent))


def kind_of(run: Run) -> Kind:
    if run.undoes:
        return UNDO
    if run.makes_files:
        return FILES
    return AT_ONCE if is_brief(run) else TRANSFER
