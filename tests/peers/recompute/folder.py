"""What a run has left: its stages, and the embeddings that each of them compared."""

import json
import pathlib
from dataclasses import dataclass

import numpy as np
import pyarrow.parquet as parquet

# As src/search/vectors.rs: rows whose squared length is nearer to 1 than this are left as they are.
UNIT_TOLERANCE = 1e-5


@dataclass
class Pool:
    """Embedded examples, in the order of their positions."""

    ids: np.ndarray
    labels: np.ndarray
    digests: list
    vectors: np.ndarray
    # What the data says of each: the columns `group`, `source` and `category`, where it has them.
    belonging: dict

    def __len__(self):
        return len(self.labels)


@dataclass
class Lookup:
    """Queries beside the index that they are looked up in."""

    queries: Pool
    index: Pool
    distance: str
    # For each query: the index rows that it does not look at, and how many of those that it looks at have its label.
    excluded: list
    relevant: np.ndarray

    @property
    def sign(self):
        """What makes a distance of a similarity: larger is farther then."""
        return -1.0 if self.distance == "inner-product" else 1.0


class Run:
    """One run's folder."""

    def __init__(self, folder, record):
        self.folder = pathlib.Path(folder)
        self.spec = record["spec"]["stages"]
        self.metrics = record["metrics"]

    def stages(self, kind):
        """Ids of the stages of a kind that have left something."""
        return [id for id, stage in self.spec.items() if stage["stage"] == kind and (self.folder / id).is_dir()]

    def params(self, id):
        return self.spec[id]["params"]

    def upstream(self, id, port):
        return self.spec[id]["inputs"][port]

    def json(self, id, name):
        return json.loads((self.folder / id / name).read_text(encoding="utf-8"))

    def table(self, id, name):
        return parquet.read_table(self.folder / id / name)

    def pool(self, embed, part):
        """The embeddings that a slice selects."""
        table = self.table(embed, "embeddings.parquet").combine_chunks()
        if part != "all":
            positions = table["position"].to_numpy()
            table = table.filter((positions >= part["begin"]) & (positions < part["begin"] + part["size"]))
        vectors = table["embedding"].combine_chunks().flatten().to_numpy()
        return Pool(
            table["example_id"].to_numpy(),
            table["label"].to_numpy(),
            table["digest"].to_pylist(),
            vectors.reshape(table.num_rows, -1),
            {name: table[name].to_pylist() for name in ("group", "source", "category") if name in table.column_names},
        )

    def lookup(self, id, leave_out, same=None):
        """What a stage compares; with `leave_out`, no query looks at its own images, with `same` at none of its group or source."""
        index_id = self.upstream(id, "index")
        index = self.pool(self.upstream(index_id, "embeddings"), self.params(index_id)["slice"])
        queries = self.pool(self.upstream(id, "queries"), self.params(id)["slice"])
        distance = self.json(index_id, "index.json")["metric"]
        if distance == "cosine":
            index.vectors, queries.vectors = unit(index.vectors), unit(queries.vectors)
        own = same_images(index, queries) if leave_out else [np.empty(0, int)] * len(queries)
        if same:
            alike = belonging_alike(index.belonging[same], queries.belonging[same])
            own = [np.union1d(rows, more) for rows, more in zip(own, alike)]
        labels, counts = np.unique(index.labels, return_counts=True)
        sizes = dict(zip(labels.tolist(), counts.tolist()))
        relevant = [
            sizes.get(label, 0) - int((index.labels[rows] == label).sum())
            for label, rows in zip(queries.labels.tolist(), own)
        ]
        return Lookup(queries, index, distance, own, np.array(relevant))


def runs(folder):
    """The run of a folder, or those of its seeds."""
    folder = pathlib.Path(folder)
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    # <root>/artifacts/runs/<name>/<run>
    root = folder.resolve().parents[3]
    of_seeds = [root / member["dir"] for member in record.get("seeds", [])]
    return [run for member in of_seeds for run in runs(member)] if of_seeds else [Run(folder, record)]


def unit(rows):
    """Rows at unit length, as the cosine distance compares them."""
    squares = (rows.astype(np.float64) ** 2).sum(1, keepdims=True)
    scaled = (rows / np.sqrt(squares)).astype(np.float32)
    return np.where(np.abs(squares - 1) <= UNIT_TOLERANCE, rows, scaled)


def belonging_alike(indexed, asked):
    """For each query: the index rows of which the data says the same as of it; none where it says nothing."""
    rows = {}
    for row, value in enumerate(indexed):
        rows.setdefault(value, []).append(row)
    rows.pop(None, None)
    rows = {value: np.array(of, int) for value, of in rows.items()}
    return [rows.get(value, np.empty(0, int)) for value in asked]


def same_images(index, queries):
    """For each query: the index rows that hold its image, told by digests; by ids where an index row has none."""
    by_digest, by_id = {}, {}
    for row, (digest, id) in enumerate(zip(index.digests, index.ids.tolist())):
        (by_digest.setdefault(digest, []) if digest else by_id.setdefault(id, [])).append(row)
    found = (
        by_digest.get(digest, []) if digest else by_id.get(id, [])
        for digest, id in zip(queries.digests, queries.ids.tolist())
    )
    return [np.array(rows, int) for rows in found]
