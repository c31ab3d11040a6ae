"""
ONNX models, quantised as QDQ (float operators between QuantizeLinear and DequantizeLinear) or by integer operators.

`read.py` reads and checks a file, `graph.py` holds it without protobuf, `importer.py` walks it node by node and writes
operations of the `bundle` dialect; the handlers of the operators are in the files beside it, by kind.
"""
