"""Types of the arrays that functions take and return."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Table: TypeAlias = dict[str, npt.NDArray[Any]]  # column name → values, all of one length
