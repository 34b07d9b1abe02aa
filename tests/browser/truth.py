"""What a run left in its artifacts, to compare a page with."""

import json
import struct
from pathlib import Path

import pyarrow.parquet as parquet


class Run:
    """A run's folder whose stages have the names of the template `metric-learning`."""

    def __init__(self, folder, name):
        self.folder, self.name = Path(folder).resolve(), name
        # What people send to each other is the page that the run has added to, where it has.
        self.page = next(page for page in (self.folder / "report.html", self.folder / "report/report.html") if page.is_file())

    def read(self, file):
        """A JSON file."""
        return json.loads((self.folder / file).read_text())

    def columns(self, file):
        """A Parquet file's columns as lists, by name."""
        return parquet.read_table(self.folder / file).to_pydict()

    def classes(self):
        """The names of the classes, by label."""
        return self.read("dataset/dataset.json")["classes"]

    def examples(self):
        """Labels and images of the data set, by example: the row number. Pixels lie in files beside the table."""
        rows = self.columns("dataset/examples.parquet")
        files = {name: (self.folder / "dataset" / name).read_bytes() for name in set(rows["file"])}
        places = zip(rows["file"], rows["offset"], rows["height"], rows["width"], rows["channels"])
        image = [memoryview(files[name])[start:start + height * width * channels] for name, start, height, width, channels in places]
        return {"label": rows["label"], "image": image}

    def mapped(self):
        """Labels of what the report's maps show, by example."""
        rows = self.columns("embed-validation/embeddings.parquet")
        return dict(zip(rows["example_id"], rows["label"]))

    def maps(self):
        """What each map of the report shows, in their order: columns of examples, labels and places."""
        files = sorted((self.folder / "report/figures").glob("*-projection-*.parquet"))
        return [self.columns(file) for file in files]

    def vectors(self, examples):
        """The embeddings of examples that the report's maps show."""
        rows = self.columns("embed-validation/embeddings.parquet")
        every = dict(zip(rows["example_id"], rows["embedding"]))
        return {example: every[example] for example in examples}

    def judged(self, examples):
        """What `match` has made of examples: a verdict, and the class that was given, if one was."""
        rows = self.columns("match/matches.parquet")
        matches = {query: rest for query, *rest in zip(rows["query_id"], rows["label"], rows["predicted"], rows["matched"])}

        def one(label, predicted, matched):
            return ("right" if predicted == label else "wrong", predicted) if matched else ("no match", None)

        return {example: one(*matches[example]) if example in matches else ("not a query", None) for example in examples}


def single(number):
    """The number of single precision that is nearest."""
    return struct.unpack("f", struct.pack("f", number))[0]


def flat(value, name=""):
    """Every number in a tree of tables, with its path."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from flat(part, f"{name}.{key}" if name else key)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield name, float(value)
