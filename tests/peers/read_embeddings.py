"""Reads what `export` writes of embeddings: `read_embeddings.py FOLDER READER..` with e.parquet, e.arrow and i.faiss in the folder.

A reader is `pyarrow` (both tables), `faiss` (the index) or `lance` (e.arrow, brought into a data set of its own).
"""

import json
import sys
from pathlib import Path

folder, readers = Path(sys.argv[1]), sys.argv[2:]
said = {}
if "pyarrow" in readers:
    import pyarrow.ipc
    import pyarrow.parquet

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
if "faiss" in readers:
    import faiss
    import numpy

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
if "lance" in readers:
    import lance
    import pyarrow.ipc

    dataset = lance.write_dataset(pyarrow.ipc.open_file(folder / "e.arrow").read_all(), str(folder / "e.lance"))
    said["lance"] = {"rows": dataset.count_rows(), "type": str(dataset.schema.field("embedding").type)}
print(json.dumps(said))
