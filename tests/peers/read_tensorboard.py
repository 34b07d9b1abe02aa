"""Prints what TensorBoard's own reader finds below a log folder, as JSON: runs, their scalars and texts."""

import json
import sys
from pathlib import Path

from tensorboard.backend.event_processing import event_accumulator, event_multiplexer

folder = Path(sys.argv[1])
multiplexer = event_multiplexer.EventMultiplexer(size_guidance={event_accumulator.TENSORS: 0, event_accumulator.SCALARS: 0})
multiplexer.AddRunsFromDirectory(str(folder))
multiplexer.Reload()
found = {}
for run, tags in multiplexer.Runs().items():
    scalars = {tag: [[event.step, event.value] for event in multiplexer.Scalars(run, tag)] for tag in tags["scalars"]}
    texts = {}
    for tag in tags["tensors"]:
        metadata = multiplexer.SummaryMetadata(run, tag)
        if metadata.plugin_data.plugin_name == "text":
            texts[tag] = multiplexer.Tensors(run, tag)[0].tensor_proto.string_val[0].decode()
    found[run] = {"scalars": scalars, "texts": texts}
print(json.dumps(found))
