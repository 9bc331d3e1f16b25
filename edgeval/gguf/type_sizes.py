"""Sizes of file types and what they need, measured for ``edgeval quantize --help``."""

from typing import Final

BITS_PER_WEIGHT: Final = {
    "F32": 32.00,
    "F16": 16.00,
    "BF16": 16.00,
    "Q8_0": 8.50,
    "MXFP4_MOE": 8.50,
    "Q6_K": 6.56,
    "Q5_1": 6.04,
    "Q5_K_M": 5.68,
    "Q5_K_S": 5.57,
    "Q5_0": 5.57,
    "Q4_1": 5.10,
    "Q4_K_M": 4.85,
    "IQ4_NL": 4.66,
    "Q4_K_S": 4.65,
    "Q4_0": 4.63,
    "IQ4_XS": 4.43,
    "Q3_K_L": 4.30,
    "Q3_K_M": 3.98,
    "IQ3_M": 3.75,
    "IQ3_S": 3.64,
    "Q3_K_S": 3.63,
    "IQ3_XS": 3.47,
    "IQ3_XXS": 3.23,
    "Q2_K": 3.14,
    "Q2_K_S": 2.92,
    "IQ2_M": 2.90,
    "IQ2_S": 2.71,
    "Q2_0": 2.64,
    "IQ2_XS": 2.55,
    "TQ2_0": 2.48,
    "IQ2_XXS": 2.34,
    "TQ1_0": 2.15,
    "IQ1_M": 2.10,
    "IQ1_S": 1.96,
    "Q1_0": 1.45,
}
"""Tensor bits over parameters of a model of TinyLlama 1.1B's shape, by llama.cpp's own forecast;
with an importance matrix where the type needs one. Another shape has other numbers.

``tests/llama/test_type_sizes.py`` holds them to what the installed llama.cpp says.
"""

NEEDS_IMATRIX: Final = frozenset(
    {
        "IQ1_M",
        "IQ1_S",
        "IQ2_M",
        "IQ2_S",
        "IQ2_XS",
        "IQ2_XXS",
        "IQ3_XS",
        "IQ3_XXS",
        "Q2_K_S",
    }
)
"""Types that llama.cpp does not write without an importance matrix, of a model of that shape."""
