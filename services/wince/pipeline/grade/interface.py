"""Grade's port: the model that looks at a face against the patient's own calm face."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wince.domain.estimate import Reading


class Personal(Protocol):
    """Reads embeddings against the calm embedding of the same stay. Pure arithmetic or one small inference."""

    model_set: str

    def read(self, embeddings: NDArray[np.float32], calm: NDArray[np.float32]) -> list[Reading]:
        """embeddings: (n, k) float32; calm: (k,) float32. One Reading per row."""
        ...

    def at_rest(self, embeddings: NDArray[np.float32]) -> NDArray[np.bool_]:
        """embeddings: (n, k) float32. (n,) True: this face shows no expression and may teach the calm face."""
        ...
