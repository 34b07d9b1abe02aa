"""What a run left in its artifacts, to compare a page with."""

import json
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


def flat(value, name=""):
    """Every number in a tree of tables, with its path."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from flat(part, f"{name}.{key}" if name else key)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield name, float(value)
