"""Post-training quantisation of ONNX models by calibration data: float in, QDQ out, and a report of what it cost."""

from dsf.frontend.quantize.options import QuantizeOptions
from dsf.frontend.quantize.quantize import QuantizedModel, quantize_model

__all__ = ["QuantizeOptions", "QuantizedModel", "quantize_model"]
