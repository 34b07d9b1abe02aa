"""Embeds raw images with an ONNX file: `run_onnx.py MODEL PIXELS`, where PIXELS are bytes of images one behind the other.

Prints the embeddings, once of all images together and once of each by itself, and what the file says of itself.
"""

import json
import sys

import numpy
import onnx
import onnxruntime

model = onnx.load(sys.argv[1])
onnx.checker.check_model(model, full_check=True)
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
(port,) = session.get_inputs()
images = numpy.fromfile(sys.argv[2], numpy.uint8).reshape([-1, *port.shape[1:]])
(together,) = session.run(["embeddings"], {"images": images})
alone = [session.run(None, {"images": image[None]})[0][0] for image in images]
print(json.dumps({
    "opset": [one.version for one in model.opset_import],
    "input": [port.name, port.type, port.shape],
    "metadata": {one.key: one.value for one in model.metadata_props},
    "operators": sorted({node.op_type for node in model.graph.node}),
    "together": together.tolist(),
    "alone": numpy.array(alone).tolist(),
}))
