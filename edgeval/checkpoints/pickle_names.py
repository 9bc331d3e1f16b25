"""Names that a checkpoint's pickle may import, and what each stands for."""

from __future__ import annotations

STORAGES = {
    "torch.DoubleStorage": "F64",
    "torch.FloatStorage": "F32",
    "torch.HalfStorage": "F16",
    "torch.BFloat16Storage": "BF16",
    "torch.ComplexFloatStorage": "C64",
    "torch.LongStorage": "I64",
    "torch.IntStorage": "I32",
    "torch.ShortStorage": "I16",
    "torch.CharStorage": "I8",
    "torch.ByteStorage": "U8",
    "torch.BoolStorage": "BOOL",
    "torch.storage.UntypedStorage": "U8",
    "torch.UntypedStorage": "U8",
}


DTYPES = {
    "torch.float64": "F64",
    "torch.float32": "F32",
    "torch.float16": "F16",
    "torch.bfloat16": "BF16",
    "torch.float8_e4m3fn": "F8_E4M3",
    "torch.float8_e5m2": "F8_E5M2",
    "torch.float8_e8m0fnu": "F8_E8M0",
    "torch.uint64": "U64",
    "torch.uint32": "U32",
    "torch.uint16": "U16",
    "torch.uint8": "U8",
    "torch.int64": "I64",
    "torch.int32": "I32",
    "torch.int16": "I16",
    "torch.int8": "I8",
    "torch.bool": "BOOL",
}


ORDERED_DICT = "collections.OrderedDict"


SIZE = "torch.Size"


TENSOR = "torch._utils._rebuild_tensor"


TENSOR_2 = "torch._utils._rebuild_tensor_v2"


TENSOR_3 = "torch._utils._rebuild_tensor_v3"


PARAMETER = "torch._utils._rebuild_parameter"


PARAMETER_WITH_STATE = "torch._utils._rebuild_parameter_with_state"


FROM_TYPE = "torch._tensor._rebuild_from_type_v2"


TENSORS = (TENSOR, TENSOR_2, TENSOR_3)


PARAMETERS = (PARAMETER, PARAMETER_WITH_STATE)


PLAIN_TYPES = ("torch.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer")


KNOWN = frozenset(
    (
        *STORAGES, *DTYPES, *TENSORS, *PARAMETERS, *PLAIN_TYPES, ORDERED_DICT, SIZE,
        FROM_TYPE,
    )
)  # fmt: skip
"""What those pickles import that ``torch.load`` reads with ``weights_only``, of ``torch._utils``
and ``torch._tensor``."""


NO_WEIGHTS = {
    "torch._utils._rebuild_meta_tensor_no_storage": "a tensor without values (of the meta device)",
    "torch._utils._rebuild_qtensor": "a tensor that PyTorch quantized",
    "torch._utils._rebuild_sparse_tensor": "a sparse tensor",
    "torch._utils._rebuild_nested_tensor": "a nested tensor",
    "torch._utils._rebuild_wrapper_subclass": "a tensor of a kind of its own",
}
"""What PyTorch makes with these calls: nothing that a GGUF is made of."""
