"""PyTorch's tensors, from NumPy arrays and back, on the device of the caller's own."""

from typing import Any, NamedTuple

import numpy as np

from capstone._typing import Array
from capstone.gradcheck.subjects.arrays import is_tensor, loaded
from capstone.gradcheck.subjects.libraries import ForeignLibrary
from capstone.gradcheck.usage import refuse


class Spot(NamedTuple):
    """Where a tensor lives, and its format."""

    device: Any
    dtype: Any


class TorchLibrary(ForeignLibrary):
    """Tensors on any device; bfloat16 shows as float32 that holds the same numbers."""

    def __init__(self) -> None:
        self.torch = loaded("torch")

    def owns(self, thing: Any) -> bool:
        """Is `thing` a tensor?"""
        return is_tensor(thing)

    def host(self, thing: Any) -> Any:
        """A tensor as a NumPy array, of the same memory where that can be."""
        if not self.owns(thing) or thing.layout != self.torch.strided:
            return thing
        tensor = thing.detach()
        plain = tensor.float() if tensor.dtype == self.torch.bfloat16 else tensor
        return plain.numpy(force=True)  # from any device, conjugated, or zeros without memory

    def spot(self, thing: Any) -> Spot | None:
        """Its device and dtype.

        Raises:
            UsageError: a sparse tensor.
        """
        if self.owns(thing) and thing.layout != self.torch.strided:
            mend = "use .to_dense()"
            refuse("tensors must be dense", expected="strided", got=thing.layout, mend=mend)
        return Spot(thing.device, thing.dtype) if self.owns(thing) else None

    def coarse_eps(self, thing: Any) -> float:
        """Of bfloat16."""
        is_coarse = self.owns(thing) and thing.dtype == self.torch.bfloat16
        return float(self.torch.finfo(thing.dtype).eps) if is_coarse else 0.0

    def place(self, array: Array, spot: Spot | None) -> Any:
        """A tensor of its own memory, with the array's dtype and, where possible, its strides."""
        if spot is None:
            return array
        torch = self.torch
        tensor = torch.from_numpy(np.array(array, order="C"))
        if spot.dtype == torch.bfloat16 and tensor.dtype == torch.float32:
            tensor = tensor.to(torch.bfloat16)
        tensor = tensor.to(spot.device)
        strides = [stride // array.itemsize for stride in array.strides]
        if array.flags.c_contiguous or any(stride <= 0 for stride in strides):
            return tensor  # tensors have no negative strides
        laid_out = torch.empty_strided(array.shape, strides, dtype=tensor.dtype, device=spot.device)
        return laid_out.copy_(tensor)
