"""Models as people export them: ONNX files, PyTorch modules, and their quantisation."""
