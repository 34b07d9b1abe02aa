"""Reads what `export` writes of embeddings: `read_embeddings.py FOLDER` with e.parquet, e.arrow and, where faiss is there, i.faiss."""

import json
import sys
from pathlib import Path

import numpy
import pyarrow
import pyarrow.ipc
import pyarrow.parquet

folder = Path(sys.argv[1])
said = {}
for name, table in (
    ("parquet", pyarrow.parquet.read_table(folder / "e.parquet")),
    ("arrow", pyarrow.ipc.open_file(folder / "e.arrow").read_all()),
):
    first = table.slice(0, 1).to_pylist()[0]
    said[name] = {
        "rows": table.num_rows,
        "columns": table.column_names,
        "type": str(table.schema.field("embedding").type),
        "first": {key: value for key, value in first.items() if key != "embedding"},
        "vector": first["embedding"],
    }
try:
    import faiss
except ImportError:
    pass
else:
    index = faiss.read_index(str(folder / "i.faiss"))
    inner = faiss.downcast_index(index.index)
    vectors = faiss.rev_swig_ptr(inner.get_xb(), index.ntotal * index.d).reshape(index.ntotal, index.d)
    distances, ids = index.search(numpy.ascontiguousarray(vectors[:3]), 1)
    said["faiss"] = {
        "class": type(inner).__name__,
        "count": index.ntotal,
        "dim": index.d,
        "ids": faiss.vector_to_array(index.id_map).tolist(),
        "found": ids[:, 0].tolist(),
        "distances": distances[:, 0].tolist(),
    }
try:
    import lance
except ImportError:
    pass
else:
    dataset = lance.write_dataset(pyarrow.ipc.open_file(folder / "e.arrow").read_all(), str(folder / "e.lance"))
    said["lance"] = {"rows": dataset.count_rows(), "type": str(dataset.schema.field("embedding").type)}
print(json.dumps(said))
